"""The three VideoMAE models, with the arguments, outputs and state dicts of transformers 4.37.

Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video
Pre-Training" (arXiv 2203.12602). Beyond that interface there are four keyword arguments:
`observer`, which sees the attention probabilities, though nothing keeps them; `before_layer`, which
is called between the layers and may end the pass by raising an exception; `bool_masked_pos` in the
classifier, which leaves tokens out; and `bool_decoded_pos` in pretraining, which says which of the
hidden tokens are decoded. A call changes neither model nor configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.model.inputs import check_pixel_values, count_marked, expand_head_mask
from videomae_demo.model.layers import Block, read_out
from videomae_demo.model.losses import classification_loss
from videomae_demo.model.outputs import (
    BaseModelOutput,
    ImageClassifierOutput,
    VideoMAEForPreTrainingOutput,
)
from videomae_demo.model.patches import (
    normalise_tokens,
    patchify,
    select_tokens,
    sincos_positions,
    token_statistics,
)
from videomae_demo.model.pretrained import PretrainedModel

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""How every published checkpoint normalises its frames, and how pretraining undoes it."""


class AttentionObserver(Protocol):
    """Sees a layer's attention in blocks of rows: probabilities (B, heads, rows, N).

    A block is valid only during the call: copy or reduce it, do not keep it.
    """

    def __call__(self, layer: int, rows: slice, probabilities: Tensor, /) -> None:
        """Look at one block."""
        ...


BeforeLayer: TypeAlias = Callable[[], None]
"""Called before each layer of encoder and decoder; what it raises ends the pass."""


class PatchEmbeddings(nn.Module):
    """Clips to tokens, by a convolution whose kernel covers one token.

    That is a linear layer over a token's pixels, and computed as one: a GPU would run a convolution
    of float32 in TF32, which has ten bits, unless it is told otherwise for the whole process.
    """

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        step = (config.tubelet_size, config.patch_size, config.patch_size)
        self.projection = nn.Conv3d(config.num_channels, config.hidden_size, step, stride=step)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Map (B, T, C, H, W) to (B, N, D)."""
        weight, bias = self.projection.weight, self.projection.bias
        _, _, tubelet_size, patch_size, _ = weight.shape  # (D, C, frames, rows, columns)
        tokens = patchify(pixel_values, tubelet_size, patch_size)  # (B, N, frames rows columns C)
        return F.linear(tokens, weight.permute(0, 2, 3, 4, 1).flatten(1), bias)


class Embeddings(nn.Module):
    """Patch embeddings plus fixed positions; hidden tokens are left out."""

    position_embeddings: Tensor

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        self.patch_embeddings = PatchEmbeddings(config)
        self.register_buffer(
            "position_embeddings",
            sincos_positions(config.grid.tokens, config.hidden_size),
            persistent=False,
        )

    def forward(self, pixel_values: Tensor, bool_masked_pos: Tensor | None = None) -> Tensor:
        """Map (B, T, C, H, W) to (B, N or N_visible, D)."""
        tokens: Tensor = self.patch_embeddings(pixel_values) + self.position_embeddings
        if bool_masked_pos is None:
            return tokens
        return select_tokens(tokens, ~bool_masked_pos)


class Encoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            Block(config, config.hidden_size, config.num_attention_heads, config.intermediate_size)
            for _ in range(config.num_hidden_layers)
        )

    def forward(
        self,
        hidden_state: Tensor,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        observer: AttentionObserver | None = None,
        before_layer: BeforeLayer | None = None,
    ) -> BaseModelOutput:
        """Map (B, N, D) to (B, N, D), keeping what was asked for on the way."""
        states: list[Tensor] = []
        attentions: list[Tensor] = []
        for index, block in enumerate(self.layer):
            if before_layer is not None:
                before_layer()
            if output_hidden_states:
                states.append(hidden_state)
            hidden_state, probabilities = block(
                hidden_state,
                None if head_mask is None else head_mask[index],
                output_attentions,
                None if observer is None else partial(observer, index),
            )
            if output_attentions:
                attentions.append(probabilities)
        if output_hidden_states:
            states.append(hidden_state)
        return BaseModelOutput(
            hidden_state,
            tuple(states) if output_hidden_states else None,
            tuple(attentions) if output_attentions else None,
        )


class VideoMAEModel(PretrainedModel):
    """The encoder.

    Parameters
    ----------
    config : VideoMAEConfig
    """

    may_be_unused = (
        "decoder.",
        "mask_token",
        "encoder_to_decoder.",
        "classifier.",
        "fc_norm.",
    )

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = (
            None
            if config.use_mean_pooling
            else nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        )
        self.apply(self.initialise)

    def forward(
        self,
        pixel_values: Tensor,
        bool_masked_pos: Tensor | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        observer: AttentionObserver | None = None,
        before_layer: BeforeLayer | None = None,
    ) -> BaseModelOutput | tuple[Any, ...]:
        """Encode clips.

        Parameters
        ----------
        pixel_values : Tensor
            (B, T, C, H, W) float32, normalised.
        bool_masked_pos : Tensor, optional
            (B, N) bool, True = hidden; the same number in each clip. Hidden tokens are not encoded.
        head_mask : Tensor, optional
            (heads,) or (layers, heads) in 0..1, multiplied with the attention probabilities.
        output_attentions, output_hidden_states, return_dict : bool, optional
            What to return, and whether as a tuple; default: as the configuration says.
        observer : AttentionObserver, optional
            Sees every layer's attention while it exists. In eval mode only, without
            `output_attentions` and `head_mask`. Under ``torch.no_grad()`` no more than one block
            is held at a time; autograd would keep them all.
        before_layer : callable, optional
            See `BeforeLayer`.

        Returns
        -------
        BaseModelOutput
            As a tuple if `return_dict` is False; the same holds for the other models.

        Raises
        ------
        RequestError
            When a type, a shape or a combination of arguments is not possible.
        """
        config = self.config
        output_attentions = _default(output_attentions, config.output_attentions)
        output_hidden_states = _default(output_hidden_states, config.output_hidden_states)
        if observer is not None and (self.training or output_attentions or head_mask is not None):
            raise RequestError(
                "An attention observer works in eval mode, without output_attentions and head_mask."
            )
        weight = self.embeddings.patch_embeddings.projection.weight
        check_pixel_values(pixel_values, config, weight.dtype)
        if bool_masked_pos is not None:
            hidden = count_marked(bool_masked_pos, len(pixel_values), config, "bool_masked_pos")
            if hidden == config.grid.tokens:
                raise RequestError("bool_masked_pos hides every token; leave at least one visible.")
        output: BaseModelOutput = self.encoder(
            self.embeddings(pixel_values, bool_masked_pos),
            expand_head_mask(head_mask, config),
            output_attentions,
            output_hidden_states,
            observer,
            before_layer,
        )
        if self.layernorm is not None:
            output.last_hidden_state = self.layernorm(output.last_hidden_state)
        return output if _default(return_dict, config.return_dict) else output.to_tuple()

    def observe_layer(self, layer: int, hidden_state: Tensor, observer: AttentionObserver) -> None:
        """Show `observer` one layer's attention again, from that layer's input (B, N, D)."""
        block: Block = self.encoder.layer[layer]  # type: ignore[assignment]
        block.observe_attention(hidden_state, partial(observer, layer))


class Decoder(nn.Module):
    """The narrow decoder: blocks over all tokens it is given, then pixels for the last of them."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        width = config.decoder_hidden_size
        self.decoder_layers = nn.ModuleList(
            Block(
                config, width, config.decoder_num_attention_heads, config.decoder_intermediate_size
            )
            for _ in range(config.decoder_num_hidden_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, config.token_values)

    def forward(
        self, tokens: Tensor, count: int, before_layer: BeforeLayer | None = None
    ) -> Tensor:
        """Map (B, N, D) to the pixels of the last `count` tokens, (B, count, token values)."""
        for block in self.decoder_layers:
            if before_layer is not None:
                before_layer()
            tokens, _ = block(tokens)
        return self.read(tokens, count)

    def read(self, tokens: Tensor, count: int) -> Tensor:
        """Return the pixels of the last `count` tokens, as `forward` does after the last block."""
        return read_out(self.head, self.norm(tokens[:, -count:]))


class VideoMAEForPreTraining(PretrainedModel):
    """The masked autoencoder: the encoder sees the visible, the decoder predicts the hidden."""

    may_be_fresh = ("decoder.", "mask_token", "encoder_to_decoder.")
    may_be_unused = ("classifier.", "fc_norm.")

    position_embeddings: Tensor

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__(config)
        self.videomae = VideoMAEModel(config)
        width = config.decoder_hidden_size
        self.encoder_to_decoder = nn.Linear(config.hidden_size, width, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer(
            "position_embeddings", sincos_positions(config.grid.tokens, width), persistent=False
        )
        self.decoder = Decoder(config)
        self.encoder_to_decoder.apply(self.initialise)
        self.decoder.apply(self.initialise)

    def forward(
        self,
        pixel_values: Tensor,
        bool_masked_pos: Tensor | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        bool_decoded_pos: Tensor | None = None,
        before_layer: BeforeLayer | None = None,
    ) -> VideoMAEForPreTrainingOutput | tuple[Any, ...]:
        """Predict the hidden tokens.

        Parameters
        ----------
        bool_masked_pos : Tensor
            (B, N) bool, True = hidden; the same number in each clip.
        bool_decoded_pos : Tensor, optional
            (B, N) bool: the hidden tokens to decode, the same number in each clip; default: all
            that are hidden. Decoding a part of them is the "dual masking" of VideoMAE V2 (arXiv
            2303.16727).

        Other parameters, and errors, as in `VideoMAEModel.forward`.
        """
        if bool_masked_pos is None:
            raise RequestError("Pretraining needs bool_masked_pos: which tokens are hidden.")
        output = self.videomae(
            pixel_values,
            bool_masked_pos,
            head_mask,
            output_attentions,
            output_hidden_states,
            return_dict=True,
            before_layer=before_layer,
        )
        decoded = self._decoded(bool_masked_pos, bool_decoded_pos)
        logits = self._decode(output.last_hidden_state, bool_masked_pos, decoded, before_layer)
        targets = select_tokens(self.targets(pixel_values), decoded)
        result = VideoMAEForPreTrainingOutput(
            F.mse_loss(logits, targets), logits, output.hidden_states, output.attentions
        )
        return result if _default(return_dict, self.config.return_dict) else result.to_tuple()

    def _decoded(self, hidden: Tensor, decoded: Tensor | None) -> Tensor:
        """Check both masks and return that of the tokens to decode."""
        names = {"bool_masked_pos": hidden}
        if decoded is not None:
            names["bool_decoded_pos"] = decoded
        for name, mask in names.items():
            if count_marked(mask, len(hidden), self.config, name) == 0:
                raise RequestError(f"{name} marks no token, so there is nothing to predict.")
        if decoded is None:
            return hidden
        if bool((decoded & ~hidden).any()):
            raise RequestError(
                "bool_decoded_pos names visible tokens; only hidden ones are decoded."
            )
        return decoded

    def _decode(
        self, encoded: Tensor, hidden: Tensor, decoded: Tensor, before_layer: BeforeLayer | None
    ) -> Tensor:
        tokens = self.join(encoded, hidden, decoded)
        pixels: Tensor = self.decoder(tokens, int(decoded[0].sum()), before_layer)
        return pixels

    def join(self, encoded: Tensor, hidden: Tensor, decoded: Tensor) -> Tensor:
        """Return the decoder's input: the visible tokens, then a mask token for each to decode.

        Parameters
        ----------
        encoded : Tensor
            (B, N_visible, D), from the encoder.
        hidden, decoded : Tensor
            (B, N) bool, as in `forward`.

        Returns
        -------
        Tensor
            (B, N_visible + N_decoded, D_decoder).
        """
        visible = self.encoder_to_decoder(encoded)  # (B, N_visible, D_decoder)
        positions = self.position_embeddings.expand(len(visible), -1, -1)
        asked = select_tokens(positions, decoded)  # (B, N_decoded, D_decoder)
        return torch.cat(
            [visible + select_tokens(positions, ~hidden), self.mask_token + asked], dim=1
        )

    @torch.no_grad()
    def targets(self, pixel_values: Tensor) -> Tensor:
        """Return what the decoder is asked to predict, for every token: (B, N, token values).

        Pixels in 0..1 (three channels: normalisation with ImageNet's mean and deviation undone;
        otherwise `pixel_values` as they are), normalised per token and channel if the configuration
        has ``norm_pix_loss``.
        """
        config = self.config
        tokens = patchify(self.to_pixels(pixel_values), config.tubelet_size, config.patch_size)
        if not config.norm_pix_loss:
            return tokens
        return normalise_tokens(tokens, token_statistics(tokens, config.num_channels))

    def to_pixels(self, pixel_values: Tensor) -> Tensor:
        """Undo the normalisation of (B, T, C, H, W) clips, if they have three channels."""
        if self.config.num_channels != len(IMAGENET_MEAN):
            return pixel_values
        mean = pixel_values.new_tensor(IMAGENET_MEAN)[:, None, None]
        std = pixel_values.new_tensor(IMAGENET_STD)[:, None, None]
        return pixel_values * std + mean


class VideoMAEForVideoClassification(PretrainedModel):
    """The classifier: the encoder, and a linear head over the mean of all tokens or token 0."""

    may_be_fresh = ("classifier.", "fc_norm.")
    may_be_unused = ("decoder.", "mask_token", "encoder_to_decoder.", "layernorm.")

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__(config)
        self.videomae = VideoMAEModel(config)
        self.fc_norm = nn.LayerNorm(config.hidden_size) if config.use_mean_pooling else None
        self.classifier = (
            nn.Linear(config.hidden_size, config.num_labels) if config.num_labels else nn.Identity()
        )
        self.classifier.apply(self.initialise)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        head_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        bool_masked_pos: Tensor | None = None,
        observer: AttentionObserver | None = None,
        before_layer: BeforeLayer | None = None,
    ) -> ImageClassifierOutput | tuple[Any, ...]:
        """Classify clips.

        Parameters
        ----------
        labels : Tensor, optional
            See `classification_loss`.
        bool_masked_pos : Tensor, optional
            (B, N) bool, True = left out; the head reads the mean of the others, or the first.

        Other parameters, and errors, as in `VideoMAEModel.forward`.
        """
        if pixel_values is None:
            raise RequestError("The classifier needs pixel_values, (B, T, C, H, W).")
        output = self.videomae(
            pixel_values,
            bool_masked_pos,
            head_mask,
            output_attentions,
            output_hidden_states,
            return_dict=True,
            observer=observer,
            before_layer=before_layer,
        )
        logits = read_out(self.classifier, self.pool(output.last_hidden_state))
        loss = None if labels is None else classification_loss(logits, labels, self.config)
        result = ImageClassifierOutput(loss, logits, output.hidden_states, output.attentions)
        return result if _default(return_dict, self.config.return_dict) else result.to_tuple()

    def pool(self, encoded: Tensor) -> Tensor:
        """Return what the linear head reads of the encoder's output: (B, N, D) to (B, D)."""
        if self.fc_norm is None:
            return encoded[:, 0]
        pooled: Tensor = self.fc_norm(encoded.mean(1))
        return pooled


def _default(given: bool | None, default: bool) -> bool:
    return default if given is None else given
