"""The page Data set in a browser: judged, cancelled, gone on with, sorted, opened, and back."""

import csv
import json
import re
from pathlib import Path

import pytest
from conftest import free_port, page_command, serve, wait_until
from playwright.sync_api import expect
from rendered import write_data_set
from test_access import GRADIOS_OWN, violations

pytestmark = pytest.mark.slow

SLOW = 180_000
LABELS = ("moving left", "moving right", "staying still")


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """48 clips, and three files that are none."""
    folder = write_data_set(tmp_path_factory.mktemp("my clips"), 48, labels=LABELS, size_px=32)
    for label in LABELS:
        (folder / label / "broken.mp4").write_bytes(b"no clip" * 100)
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory, recogniser_folder, reconstructor_folder, examples_folder):
    """A page of its own, whose models work only while there is no file "closed"."""
    port, hands = free_port(), tmp_path_factory.mktemp("hands")
    command = page_command(port, recogniser_folder, reconstructor_folder, examples_folder, hands)
    for found in serve(command, port, tmp_path_factory.mktemp("server") / "log"):
        yield found, hands


@pytest.fixture(scope="module")
def gate(address) -> Path:
    """Beside it lies what holds this page up; see `hold`."""
    return address[1] / "gate"


class Guest:
    """Somebody who opens the page Data set."""

    def __init__(self, page, address: str, query: str = "") -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{address}/dataset{query}", timeout=SLOW)
        self.wait_until_open()

    def wait_until_open(self) -> None:
        expect(self.find("form").locator("[name=weights] option")).not_to_have_count(0)
        expect(self.find("form").locator("[name=source]")).to_be_enabled(timeout=SLOW)
        self.page.wait_for_function("document.querySelector('#dataset .data')?.dataset.asked")

    def find(self, name: str):
        return self.page.locator(f"#dataset .data-{name}")

    def field(self, name: str):
        return self.page.locator(f"#dataset [name={name}]")

    def main(self, words: str) -> None:
        """Wait until the main button offers something, and press it."""
        expect(self.find("main")).to_have_text(words, timeout=SLOW)
        expect(self.find("main")).to_be_enabled(timeout=SLOW)
        self.find("main").click()

    def wait_for_state(self, state: str) -> None:
        expect(self.page.locator("#dataset .data")).to_have_attribute(
            "data-state", state, timeout=SLOW
        )

    def judge(self, source: Path, folder: Path) -> None:
        """Judge a data set, or show it if it is judged."""
        told = f"Files in {folder} "
        if told not in self.find("files").inner_text():
            self.field("source").fill(str(source))
            self.field("folder").fill(str(folder))
            self.main("Check")
            self.main("Show" if folder.exists() else "Run")
        expect(self.find("files")).to_contain_text(told, timeout=SLOW)
        expect(self.rows()).not_to_have_count(0)

    def rows(self):
        return self.find("scroll").locator("tbody tr")

    def column(self, name: str) -> list[str]:
        return self.find("scroll").locator(f"tbody .data-{name}").all_inner_texts()

    def shows(self, **filters) -> None:
        """Wait until the table shows what is asked for."""
        wanted = json.dumps(filters)
        self.page.wait_for_function(
            """(wanted) => {
                const shown = document.querySelector("#dataset .data-table")?.dataset.shown;
                const [now, then] = [JSON.parse(shown || "{}"), JSON.parse(wanted)];
                return Object.keys(then).every((name) => now[name] === then[name]);
            }""",
            arg=wanted,
            timeout=SLOW,
        )

    def query(self) -> dict[str, str]:
        return self.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")


@pytest.fixture
def guest(lend_tab, address):
    return lambda query="", **options: Guest(lend_tab(**options), address[0], query)


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Path:
    """Where the files of the one run go that most tests look at."""
    return tmp_path_factory.mktemp("judged") / "here"


def written(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_run_is_cancelled_survives_a_reload_and_goes_on(guest, gate, hold, clips, tmp_path):
    visitor = guest()
    visitor.field("source").fill(f'"{clips}"')
    visitor.field("folder").fill(str(tmp_path / "out"))
    visitor.main("Check")
    expect(visitor.find("told")).to_contain_text("51 clips, 3 labels.", timeout=SLOW)
    expect(visitor.find("told")).to_contain_text("At most 3 passes a clip: about ")
    expect(visitor.find("told")).to_contain_text(f"Files go to {tmp_path}/out.")
    assert visitor.field("source").input_value() == str(clips)
    assert not (tmp_path / "out").exists()
    layers, held = gate.with_name("layers"), hold("closed")
    layers.unlink(missing_ok=True)
    visitor.main("Run")
    visitor.wait_for_state("running")
    wait_until(layers.exists)  # whoever still waits for clips stops at once
    expect(visitor.find("cancel")).to_be_enabled()
    visitor.page.reload()
    expect(visitor.find("pace")).to_have_text("0 of 51 clips", timeout=SLOW)
    expect(visitor.field("source")).to_be_disabled()
    expect(visitor.field("source")).to_have_value(str(clips))
    # Where files are told stays as it is while the page asks on: links, too, can be clicked.
    expect(visitor.find("files")).to_contain_text(f"{tmp_path}/out")
    told = visitor.find("files").evaluate_handle("node => node.firstChild")
    for _ in range(2):
        with visitor.page.expect_response(re.compile("do=state")):
            pass
    assert told.evaluate("node => node.isConnected")
    visitor.find("cancel").click()
    expect(visitor.find("why")).to_contain_text("Stopping")
    held.unlink()
    visitor.wait_for_state("stopped")
    expect(visitor.find("why")).to_contain_text("of 51 clips are judged and stay")
    visitor.main("Go on")
    visitor.wait_for_state("done")
    expect(visitor.find("pace")).to_have_text("51 of 51 clips")
    expect(visitor.find("main")).to_be_disabled()
    assert len(written(tmp_path / "out")) == 51
    with visitor.page.expect_download() as download:
        visitor.find("files").get_by_text("predictions.csv").click()
    assert download.value.path().read_text() == (tmp_path / "out/predictions.csv").read_text()
    assert not visitor.complaints


def test_what_is_told_is_what_is_in_the_files(guest, clips, judged):
    visitor = guest()
    visitor.judge(clips, judged)
    metrics = json.loads((judged / "metrics.json").read_text())
    top = metrics["top_1"]
    shown = visitor.find("figures").locator("div").first
    expect(shown).to_contain_text(f"{100 * top['share']:.1f}%")
    low, high = 100 * top["low"], 100 * top["high"]
    expect(shown).to_contain_text(f"{low:.1f} to {high:.1f}%, {top['count']} of 48")
    expect(visitor.find("figures")).to_contain_text("Not read3")
    expect(visitor.find("verdict")).to_contain_text("3 of 51 clips could not be read.")
    labels = visitor.find("labels").locator("button")
    expect(labels).to_have_count(3)
    worst = min(metrics["labels"].items(), key=lambda one: (one[1]["share"], one[0]))
    expect(labels.first).to_contain_text(worst[0])
    expect(labels.first).to_contain_text(f"{worst[1]['count']} of 16")
    rows = written(judged)
    for true in LABELS:
        for named in LABELS:
            count = sum(row["true"] == true and row["named"] == named for row in rows)
            cell = visitor.find("matrix").get_by_label(f"{true} named {named}: {count}", exact=True)
            expect(cell).to_have_text(str(count or ""))


def test_the_table_is_sorted_filtered_and_found_again(guest, clips, judged):
    visitor = guest()
    visitor.judge(clips, judged)
    rows = written(judged)
    known = [row for row in rows if not row["error"]]
    by_chance = sorted(known, key=lambda row: float(row["probability"]))
    expect(visitor.rows()).to_have_count(51)
    assert visitor.column("name")[:48] == [row["name"] for row in by_chance]
    assert visitor.column("probability")[0] == f"{100 * float(by_chance[0]['probability']):.1f}%"
    visitor.find("scroll").get_by_role("button", name="Rank").click()
    visitor.shows(sort="-rank")
    ranks = [int(row["rank"]) for row in known]
    assert visitor.column("rank") == [*map(str, sorted(ranks, reverse=True)), "", "", ""]
    visitor.find("scroll").get_by_role("button", name="Rank").click()
    visitor.shows(sort="rank")
    assert visitor.column("rank")[:48] == [*map(str, sorted(ranks))]
    visitor.field("only").select_option("failed")
    visitor.shows(only="failed")
    expect(visitor.rows()).to_have_count(3)
    expect(visitor.rows().first.locator("a")).to_have_count(0)
    assert all(visitor.column("error"))
    visitor.field("only").select_option("wrong")
    wrong = [row for row in known if row["is_right"] == "False"]
    visitor.shows(only="wrong")
    expect(visitor.rows()).to_have_count(len(wrong))
    visitor.field("find").fill("0002")
    visitor.shows(find="0002")
    expect(visitor.rows()).to_have_count(sum("0002" in row["name"] for row in wrong))
    asked = visitor.query()
    assert (asked["sort"], asked["only"], asked["find"]) == ("rank", "wrong", "0002")
    names = visitor.column("name")
    visitor.page.reload()
    visitor.shows(find="0002", only="wrong")
    assert visitor.column("name") == names
    expect(visitor.field("find")).to_have_value("0002")
    visitor.find("all").click()
    visitor.shows(find="", only="")
    expect(visitor.rows()).to_have_count(51)


def test_a_cell_leads_to_its_clips_one_opens_in_explore_and_back(guest, clips, judged):
    visitor = guest()
    visitor.judge(clips, judged)
    page, rows = visitor.page, written(judged)
    chosen = next(row for row in rows if row["true"] and row["is_right"] == "False")
    true, named = chosen["true"], chosen["named"]
    cell = visitor.find("matrix").get_by_label(re.compile(f"^{true} named {named}: "))
    inside = [row["name"] for row in rows if (row["true"], row["named"]) == (true, named)]
    # By keyboard: the first cell has the tab stop, arrows lead to the others.
    visitor.find("matrix").locator("button[tabindex='0']").focus()
    for key, count in (("ArrowDown", LABELS.index(true)), ("ArrowRight", LABELS.index(named))):
        for _ in range(count):
            page.keyboard.press(key)
    expect(cell).to_be_focused()
    page.keyboard.press("Enter")
    visitor.shows(true=true, named=named)
    expect(cell).to_have_attribute("aria-pressed", "true")
    expect(visitor.rows()).to_have_count(len(inside))
    visitor.find("scroll").get_by_role("button", name="Mistaken").click()
    visitor.shows(sort="-mistakenness", true=true)
    query, names = page.evaluate("location.search"), visitor.column("name")
    link = visitor.rows().last.locator("a")
    link.scroll_into_view_if_needed()
    top = page.evaluate("window.scrollY")
    name = link.inner_text()
    (row,) = (row for row in rows if row["name"] == name)
    link.click()
    page.wait_for_function(
        """() => {
            const shown = document.querySelector("#player .vp")?.dataset;
            return shown?.lens && shown.ready.split(" ").includes(shown.lens);
        }""",
        timeout=SLOW,
    )
    expect(page.locator("#bar .bar-clip")).to_have_text(Path(name).name)
    start_s = float(row["start_s"])
    expect(page.locator("#bar .bar-facts")).to_contain_text(f"from {start_s:.2f} to")
    expect(page.locator("#labels")).to_contain_text(f"{true}: ")
    expect(page.locator("#labels")).to_contain_text(f"rank {row['rank']} of 3")
    asked = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    assert asked["clip"] == name and float(asked["start"]) == pytest.approx(start_s)
    assert {asked[label] for label in ("label", "why", "on", "follow")} == {true}
    page.get_by_role("tab", name="Why").click()
    expect(page.locator("#relevance")).to_contain_text(true, timeout=SLOW)
    back = page.locator("#bar .bar-back")
    expect(back).to_have_text("Back to the table")
    back.click()
    visitor.shows(sort="-mistakenness", true=true, named=named)
    expect(visitor.rows().locator("a", has_text=name)).to_be_focused()
    assert page.evaluate("location.search") == query
    assert visitor.column("name") == names
    assert page.evaluate("window.scrollY") == pytest.approx(top, abs=2)
    assert not visitor.complaints


def test_only_listed_clips_are_opened(guest, address, clips, judged):
    visitor = guest()
    visitor.judge(clips, judged)
    state = visitor.page.request.get(f"{address[0]}/gradio_api/dataset?do=state").json()
    page = visitor.page
    page.goto(f"{address[0]}/?set={state['set']}&clip=../{clips.name}/moving left/00000.mp4")
    expect(page.locator("#notice")).to_contain_text("not open now", timeout=SLOW)
    expect(page.locator("#bar .bar-clip")).to_have_text("a-moving_square.mp4")
    expect(page.locator("#bar .bar-back")).to_be_hidden()


def test_a_mistake_is_told_in_a_sentence(guest, clips):
    visitor = guest()
    visitor.field("source").fill("/no/such/folder")
    visitor.main("Check")
    expect(visitor.find("trouble")).to_contain_text("'/no/such/folder' can't be read", timeout=SLOW)
    expect(visitor.find("main")).to_have_text("Check")
    visitor.field("source").fill(str(clips))
    visitor.field("views").select_option("own")
    visitor.field("own").fill("many")
    visitor.main("Check")
    expect(visitor.find("trouble")).to_contain_text("The views are 'many'", timeout=SLOW)


@pytest.mark.parametrize(("size", "scheme"), [((390, 844), "dark"), ((1280, 720), "light")])
def test_everything_can_be_read_and_nothing_scrolls_sideways(guest, clips, judged, size, scheme):
    width, height = size
    visitor = guest(viewport={"width": width, "height": height}, color_scheme=scheme)
    visitor.judge(clips, judged)
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll("#dataset *")]
            .filter((node) => node.checkVisibility() && !node.children.length)
            .filter((node) => node.textContent.trim())
            .map((node) => parseFloat(getComputedStyle(node).fontSize)))"""
    )
    assert smallest >= 13
    assert violations(visitor) <= GRADIOS_OWN
