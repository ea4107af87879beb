"""The twelve steps: what each one says, asks a learner to do, and tells a teacher.

Owns the fixed texts. They hold no measured number: those come from the clip at hand, see the other
modules of this room. Names are those of addresses.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One screen of the lesson.

    Attributes
    ----------
    name : str
        In addresses.
    title : str
    text : str
        Two or three short sentences.
    doing : str
        The one thing to do.
    notes : tuple of str
        For the teacher.
    """

    name: str
    title: str
    text: str
    doing: str
    notes: tuple[str, ...]


STEPS = (
    Step(
        "guess",
        "Guess what is hidden",
        "Most of this clip is covered. To fill a gap you must understand what moves, and how. "
        "That is the whole idea: a model that learns to fill gaps has to learn what happens.",
        "Which of the four patches belongs behind the question mark?",
        (
            "Let the class vote before you click. Play the clip first: motion is the best hint.",
            "Nobody labelled anything for this game. It can be played with any video, which is why "
            "this kind of learning is called self-supervised.",
            "Ask: which gaps are easy (a still background), and which are hard (an edge that "
            "moves)?",
        ),
    ),
    Step(
        "tokens",
        "From frames to tokens",
        "The model cuts the clip into small blocks: a few pixels wide, a few pixels high, and two "
        "frames long. Such a block is a tubelet. Each becomes one token: a list of numbers.",
        "Turn the block, pull it apart, and pick out a token.",
        (
            "Time is the third edge of the block: the side faces show how a row or a column of "
            "pixels changes over time.",
            "Language models do the same with text: a sentence becomes a list of tokens.",
            "Ask: how many tokens would there be with patches of half the size? (Four times as "
            "many; attention compares every token with every other one.)",
        ),
    ),
    Step(
        "place",
        "Tokens know their place",
        "A transformer sees a bag of tokens, not a film. So each token gets the code of its place "
        "added: waves of many lengths. Places that are near have codes that are alike.",
        "Choose a token: which codes are like its own? Then give the visible tokens wrong places.",
        (
            "The code is fixed, not learnt: sines and cosines of the token's number, counted row "
            "by row and slice by slice. So the neighbour to the right is always nearest.",
            "Wrong places: the visible tokens hand their pixels round among them, and keep their "
            "codes. Nothing is added and nothing is lost, but where it was seen.",
        ),
    ),
    Step(
        "tubes",
        "Why tubes",
        "Hide tokens anywhere, and the same place is often visible a moment earlier: copying it "
        "is enough. So VideoMAE hides the same places at all times, a tube each. Nothing can be "
        "copied through time then.",
        "Compare both masks. Which one can be filled by copying?",
        (
            "Copying needs no model at all: it takes the same place from the nearest moment at "
            "which it is visible.",
            "In a clip where little moves, copying is nearly perfect; a model would learn to copy "
            "and nothing else.",
        ),
    ),
    Step(
        "encoder",
        "Only what is visible",
        "Hidden tokens are not blanked out. They are left out: the large encoder never gets them. "
        "Fewer tokens cost less time, so hiding much also makes training cheap.",
        "Change the share that is hidden, and watch the encoder's bill.",
        (
            "The times are measured on this machine, a moment ago. The share of the time can be "
            "below the share of the tokens (attention compares pairs) or above it (small pieces of "
            "work keep a machine less busy).",
            "Most earlier models replaced hidden words by a mask token and encoded them too. "
            "Leaving them out was new with masked autoencoders (He et al. 2022).",
        ),
    ),
    Step(
        "mask-tokens",
        "Mask tokens join",
        "The encoder's codes go to a small decoder. At each hidden place stands a mask token: the "
        "same learnt vector everywhere, plus the code of its place. It means: paint this place.",
        "Step through what enters the encoder and what enters the decoder.",
        (
            "The decoder gets all tokens, but it is narrow and has few layers.",
            "Ask: how does the decoder know which mask token is which? (By the place code alone.)",
        ),
    ),
    Step(
        "decoder",
        "The decoder paints",
        "Layer by layer, mask tokens read from the visible ones until they know what to show. "
        "Here the decoder is stopped early: this is its picture after each layer.",
        "Move through the layers and watch the picture form.",
        (
            "The last step of the decoder was trained for the last layer's tokens only; it is used "
            "here on earlier layers too, as a look inside. Their pictures may have odd colours.",
        ),
    ),
    Step(
        "loss",
        "Only the hidden counts",
        "The model's picture is compared with the truth, pixel by pixel, behind the mask only. "
        "The mean squared difference is the loss. Training makes it smaller, and that is all.",
        "Draw other masks: which places are hard?",
        (
            "Visible tokens count for nothing: grading them would reward copying.",
            "Bright places are those that the model got wrong. They are where things move, or "
            "where an edge runs through a token.",
        ),
    ),
    Step(
        "target",
        "Pixels or patterns",
        "The published models do not predict pixels. They predict each token's pattern, with its "
        "own mean and contrast taken away. To show it, both must be put back, and they come from "
        "the truth: a leak.",
        "Look at the pattern, and at the leak alone.",
        (
            "A picture that looks good may owe it to the leak: always look at what the leak alone "
            "gives.",
            "Normalising makes flat and busy tokens count alike, which the paper found to be "
            "better for what is learnt.",
        ),
    ),
    Step(
        "ratio",
        "Why hide so much",
        "Images need about three quarters hidden. A film says everything several times, so more "
        "can go: the paper hides 90 %. Too little hidden is too easy, and what is easy teaches "
        "little.",
        "Try all shares on this clip, then choose one.",
        (
            "Each share is tried with several masks: the band reaches from the worst to the best.",
            "Compare with the best filling that needs no model: where the two lines are far apart, "
            "the model knows something.",
        ),
    ),
    Step(
        "fine-tune",
        "Throw the decoder away",
        "After pretraining only the encoder is kept. A small classifier is put on top, and both "
        "are trained with labels for a while. Here are three encoders on this clip: untrained, "
        "pretrained, fine-tuned.",
        "Compare what they see: their codes as colours, their attention, their reconstruction.",
        (
            "Colours are the three main directions in which the tokens' codes differ; equal "
            "colours mean alike codes, and colours can't be compared between the three pictures.",
            "The fine-tuned encoder stands under the decoder of pretraining here, which was not "
            "trained with it: the picture shows how far it has moved away.",
            "Attention of an untrained encoder is spread nearly evenly.",
        ),
    ),
    Step(
        "backwards",
        "Play it backwards",
        "A picture model can't tell forwards from backwards. A video model should. If the label "
        "turns into its opposite, the model reads the order of the frames; if nothing changes, it "
        "reads single frames.",
        "Turn time around and compare the labels.",
        (
            "Try an example that has an opposite: moving left, growing, spinning clockwise.",
            "Some motions look the same backwards, for instance bouncing: there the label should "
            "stay.",
            "Jumbled moments: slices of time change places, and the frames inside of a token keep "
            "their order. Guess first what the model will say.",
            "From here: train a model yourself on the page Train.",
        ),
    ),
)
