"""The page Learn, walked from its first step to its last, by mouse, by keys and on a phone."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import wait_until
from playwright.sync_api import expect
from test_access import GRADIOS_OWN

from videomae_demo.lessons.steps import STEPS

pytestmark = pytest.mark.slow


class Learner:
    """Somebody who opens the page Learn."""

    def __init__(self, page, address: str, query: str = "") -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        page.goto(f"{address}/learn{query}")

    def find(self, name: str):
        return self.page.locator(f"#learn .learn-{name}")

    def wait_for(self, step: str) -> None:
        """Wait until a step is shown, and nothing is at work."""
        expect(self.page.locator(f'#learn .learn[data-shown="{step}"]')).to_be_attached()
        expect(self.page.locator("#learn .learn-stage[aria-busy]")).to_have_count(0)

    def press(self, name: str) -> None:
        self.find("acts").get_by_role("button", name=name, exact=True).click()

    def query(self) -> str:
        return self.page.evaluate("window.location.search")

    def said(self) -> str:
        return self.find("panel").inner_text()


@pytest.fixture
def learner(lend_tab, page_address):
    def learner(query: str = "", **options) -> Learner:
        page = lend_tab(**{"viewport": {"width": 1280, "height": 720}} | options)
        return Learner(page, page_address, query)

    return learner


def test_the_lesson_is_walked_from_first_to_last(learner):
    """Each step has a picture and a sentence, and nothing is scrolled on a projector's screen."""
    visitor = learner()
    for at, step in enumerate(STEPS):
        visitor.wait_for(step.name)
        expect(visitor.find("title")).to_have_text(step.title)
        expect(visitor.find("count")).to_have_text(f"Step {at + 1} of 12")
        assert f"step={step.name}" in visitor.query()
        assert visitor.page.title().startswith(step.title)
        assert visitor.said().strip()
        drawn = visitor.find("drawn").is_visible()
        canvases = visitor.find("drawn" if drawn else "player").locator("canvas:visible")
        assert canvases.count() > 0
        assert visitor.find("player").is_visible() != drawn
        for name in ("back", "next", "panel", "doing"):
            box = visitor.find(name).bounding_box()
            assert box["y"] + box["height"] <= 720, (step.name, name, box)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 1280
        sizes = visitor.page.evaluate(
            """() => [...document.querySelectorAll("#learn *")].filter((node) => {
                const texts = [...node.childNodes].filter((one) => one.nodeType === 3);
                return node.checkVisibility() && texts.some((one) => one.data.trim());
            }).map((node) => parseFloat(getComputedStyle(node).fontSize))"""
        )
        assert min(sizes) >= 13
        text = visitor.find("text").evaluate("(node) => getComputedStyle(node).fontSize")
        assert float(text.removesuffix("px")) >= 24
        if at < len(STEPS) - 1:
            visitor.find("next").click()
    assert not visitor.complaints
    expect(visitor.find("next")).to_have_text("Train one yourself")
    visitor.find("next").click()
    expect(visitor.page.locator("#train .train-main")).to_be_visible()


def test_keys_turn_pages_and_the_browser_goes_back(learner):
    visitor = learner("?step=tubes")
    visitor.wait_for("tubes")
    visitor.page.keyboard.press("ArrowRight")
    visitor.wait_for("encoder")
    expect(visitor.find("title")).to_be_focused()
    visitor.page.keyboard.press("PageDown")
    visitor.wait_for("mask-tokens")
    visitor.page.keyboard.press("ArrowLeft")
    visitor.wait_for("encoder")
    # A slider's own keys stay its own.
    visitor.find("acts").locator("input").focus()
    visitor.page.keyboard.press("ArrowRight")
    wait_until(lambda: "ratio=0.8" in visitor.query())
    visitor.wait_for("encoder")
    visitor.page.go_back()
    visitor.wait_for("mask-tokens")
    visitor.find("dots").get_by_role("button", name="Step 12").click()
    visitor.wait_for("backwards")
    assert not visitor.complaints


def test_a_step_is_found_again_by_its_address(learner):
    visitor = learner("?step=place&token=1,2,1&choice=misplaced&seed=4&ratio=0.5")
    visitor.wait_for("place")
    pressed = visitor.find("acts").locator("[aria-pressed=true]")
    expect(pressed).to_have_text("Wrong places")
    assert "each at a wrong place" in visitor.said()
    visitor.press("Codes of places")
    expect(visitor.find("panel")).to_contain_text("time 1, row 2, column 1")
    assert "choice=codes" in visitor.query()
    tried = visitor.find("try").get_attribute("href")
    assert "lens=reconstruct" in tried and "seed=4" in tried and "ratio=0.5" in tried


def test_what_is_to_be_known_of_clip_and_weights_is_said(learner):
    visitor = learner()
    visitor.wait_for("guess")
    expect(visitor.find("remarks").locator("li")).to_have_text([re.compile("^It is not known on")])


def test_who_turns_pages_fast_sees_the_last_one_alone(learner):
    visitor = learner("?step=place")
    visitor.wait_for("place")
    held, hold = [], True

    def wait(picture) -> None:
        if hold:
            held.append(picture)
        else:
            picture.continue_()

    visitor.page.route(re.compile("/file="), wait)
    visitor.find("dots").get_by_role("button", name="Step 1:").click()
    wait_until(lambda: visitor.page.evaluate("1") and held)
    visitor.find("dots").get_by_role("button", name="Step 4:").click()
    visitor.wait_for(STEPS[3].name)
    hold = False
    with visitor.page.expect_event("requestfinished", lambda request: request is held[-1].request):
        for picture in held:
            picture.continue_()
    visitor.page.wait_for_timeout(300)  # for it to be read and drawn, where it should not be
    assert not visitor.find("drawn").is_visible()
    assert visitor.find("drawn").locator("canvas").count() == 0


def test_a_token_is_chosen_in_the_picture(learner):
    visitor = learner("?step=place")
    visitor.wait_for("place")
    stage = visitor.find("player").locator(".vp-stage").first
    box = stage.bounding_box()
    stage.click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.1})
    wait_until(lambda: "token=0%2C0%2C3" in visitor.query())
    expect(visitor.find("panel")).to_contain_text("time 0, row 0, column 3")


def test_the_share_that_is_hidden_changes_what_enters(learner):
    visitor = learner("?step=encoder")
    visitor.wait_for("encoder")
    expect(visitor.find("panel")).to_contain_text("8 of 32 tokens enter the encoder: 25%.")
    slider = visitor.find("acts").locator("input")
    slider.fill("0.5")
    slider.dispatch_event("change")
    expect(visitor.find("panel")).to_contain_text("16 of 32 tokens enter the encoder: 50%.")
    expect(visitor.find("drawn")).to_contain_text("16 visible")


def test_a_patch_is_guessed(learner):
    visitor = learner("?step=guess")
    visitor.wait_for("guess")
    place = visitor.find("guess-place")
    expect(place).to_be_attached()
    choices = visitor.find("guess-choice")
    expect(choices).to_have_count(4)
    visitor.page.keyboard.press("2")
    expect(visitor.find("guess-told")).to_contain_text(re.compile(r"You picked .*The model", re.S))
    expect(visitor.find("guess-score")).to_contain_text(re.compile(r"^[01] of 1"))
    visitor.find("drawn").get_by_role("button", name="Another patch").click()
    wait_until(lambda: "round=1" in visitor.query())
    visitor.wait_for("guess")
    expect(visitor.find("guess-score")).to_contain_text(re.compile(r"^[01] of 1"))


def test_a_block_is_turned_and_a_token_taken_out(learner):
    visitor = learner("?step=tokens")
    visitor.wait_for("tokens")
    block = visitor.find("drawn").locator("canvas.learn-turns")
    before = block.evaluate("(canvas) => canvas.toDataURL()")
    block.focus()
    visitor.page.keyboard.press("ArrowRight")  # turns the block, not the page
    wait_until(lambda: block.evaluate("(canvas) => canvas.toDataURL()") != before)
    assert "step=tokens" in visitor.query()
    visitor.page.keyboard.press("Enter")
    expect(visitor.find("told")).to_have_text("Its place: time 1, row 2, column 2.")
    expect(visitor.find("lead")).to_contain_text(re.compile("2 frames of 8.+8.pixels, 384 numbers"))
    expect(visitor.find("sum")).to_contain_text("32")


def test_all_shares_are_tried_and_one_is_chosen(learner):
    visitor = learner("?step=ratio&example=b%20%24%7B1%7D%3Cb%3Ebold")  # nobody else tries this one
    visitor.wait_for("ratio")
    visitor.press("Try all shares")
    shares = visitor.find("chart").locator(".panel-share")
    expect(shares).to_have_count(10)
    shares.first.click()
    wait_until(lambda: "ratio=0.5" in visitor.query())
    expect(visitor.find("acts").locator("output")).to_have_text("50%")


def test_the_decoder_is_stopped_at_a_layer(learner):
    visitor = learner("?step=decoder")
    visitor.wait_for("decoder")
    captions = visitor.find("player").locator("figcaption")
    expect(captions.nth(1)).to_contain_text("after layer 1")
    slider = visitor.find("acts").locator("input")
    slider.fill("0")
    slider.dispatch_event("change")
    expect(captions.nth(1)).to_contain_text("before any layer")
    assert "choice=layer-0" in visitor.query()


def test_a_clip_is_played_backwards(learner):
    visitor = learner("?step=backwards")
    visitor.wait_for("backwards")
    visitor.press("Backwards")
    expect(visitor.find("panel")).to_contain_text("played backwards")
    assert visitor.find("panel").locator(".panel-bars, .panel-bar").count() > 0


def test_another_clip_is_taught_on(learner):
    visitor = learner("?step=loss")
    visitor.wait_for("loss")
    before = visitor.said()
    select = visitor.find("clip")
    names = select.locator("option").evaluate_all("(all) => all.map((one) => one.value)")
    select.select_option(names[1])
    wait_until(lambda: visitor.said() != before)
    assert "example=b" in visitor.query()
    assert visitor.page.locator("#learn b").count() == 0  # a clip's name is no markup
    assert not visitor.complaints


@pytest.mark.slow
def test_explore_and_learn_hand_the_clip_over(open_page, clip_path, page_address):
    """An example by its name, a clip of one's own by the tab's memory: both ways."""
    visitor = open_page()
    link = visitor.page.locator("#bar .bar-page", has_text="Learn")
    expect(link).to_have_attribute("href", re.compile("learn\\?example=a-moving_square"))
    visitor.clear()
    visitor.page.locator("#clip input[type=file]").set_input_files(clip_path)
    expect(visitor.page.locator("#bar .bar-clip")).to_have_text("square.mp4")
    visitor.wait_until_explored()
    expect(link).to_have_attribute("href", re.compile("/learn$"))
    link.click()
    page = visitor.page
    expect(page.locator("#learn .learn[data-shown=guess]")).to_be_attached()
    expect(page.locator("#learn .learn-clip option:checked")).to_have_text("your own clip")
    page.locator("#learn .learn-dots").get_by_role("button", name="Step 8").click()
    expect(page.locator("#learn .learn[data-shown=loss]")).to_be_attached()
    page.get_by_role("button", name="Another mask").click()
    expect(page.locator("#learn .learn-try")).to_have_attribute("href", re.compile("seed=1"))
    page.locator("#learn .learn-try").click()
    expect(page.locator("#bar .bar-clip")).to_have_text("square.mp4")
    visitor.wait_until_explored()
    expect(page.locator("#player .vp")).to_have_attribute("data-lens", "reconstruct")
    expect(page.locator("#seed input")).to_have_value("1")
    assert not [said for said in visitor.complaints if "favicon" not in said]


def test_try_it_opens_the_same_state(learner):
    visitor = learner("?step=loss&seed=3&ratio=0.5")
    visitor.wait_for("loss")
    loss = re.search(r"Loss: ([\d.]+)", visitor.said()).group(1)
    visitor.find("try").click()
    page = visitor.page
    expect(page.locator("#player .vp")).to_have_attribute("data-lens", "reconstruct")
    expect(page.locator("#seed input")).to_have_value("3")
    answer = page.request.get(
        f"{visitor.address}/gradio_api/learn?do=work&step=loss&seed=3&ratio=0.5"
    )
    assert f"Loss: {loss}" in json.dumps(answer.json())


def test_a_refusal_is_a_sentence_on_the_page(learner):
    visitor = learner("?step=loss&ratio=7")
    expect(visitor.find("trouble")).to_contain_text("ratio")


def test_the_lesson_is_printed(learner):
    visitor = learner("?step=loss&seed=2")
    visitor.wait_for("loss")
    with visitor.page.context.expect_page() as opened:
        visitor.find("handout").click()
    page = opened.value
    expect(page.locator("section")).to_have_count(14)
    expect(page.locator("img")).to_have_count(11)
    page.close()


@pytest.mark.parametrize(
    ("scheme", "steps"), [("light", ("guess", "place")), ("dark", ("tokens", "ratio"))]
)
def test_who_can_not_see_or_point_is_not_left_out(learner, scheme, steps):
    for step in steps:
        visitor = learner(f"?step={step}", color_scheme=scheme)
        visitor.wait_for(step)
        found = Axe().run(visitor.page, context="#learn").response["violations"]
        serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
        assert not [one for one in serious if one not in GRADIOS_OWN], (step, serious)


def test_a_phone_has_room_for_it(learner):
    visitor = learner("?step=guess", viewport={"width": 390, "height": 844}, has_touch=True)
    for step in STEPS:
        visitor.wait_for(step.name)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390, step.name
        if step is not STEPS[-1]:
            visitor.find("next").tap()
