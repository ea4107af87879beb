"""The page Data set without a browser: its table's values, its run, and what it refuses."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from asgi_request import ask, run_alone
from asking import MadeShelf, last
from rendered import write_data_set

from videomae_demo.dataset import evaluate as evaluating
from videomae_demo.dataset.listing import Item
from videomae_demo.dataset.metrics import Metrics
from videomae_demo.dataset.rows import Row
from videomae_demo.errors import RequestError
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.address import write_address
from videomae_demo.ui.app import build_page
from videomae_demo.ui.bar.pages import PLACE, with_pages
from videomae_demo.ui.dataset import page as data_set_page
from videomae_demo.ui.dataset import words
from videomae_demo.ui.dataset.columns import PAGE_ROWS, Columns, Query
from videomae_demo.ui.dataset.endpoint import DataSet
from videomae_demo.ui.dataset.listed import MOST_SETS, ListedClips
from videomae_demo.ui.dataset.matrix import MOST_LABELS, make_matrix
from videomae_demo.ui.dataset.runs import Runs
from videomae_demo.ui.dataset.settings import read_settings
from videomae_demo.ui.examples import Example
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.session import Session
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.views import Views

LABELS = ("moving left", "moving right", "staying still")
HERE = {"host": "127.0.0.1:7860"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Nine clips, three of each label, one file that is none, and one without a label."""
    folder = write_data_set(tmp_path_factory.mktemp("some clips"), 9, labels=LABELS, size_px=32)
    (folder / "moving left" / "broken.mp4").write_bytes(b"no clip" * 100)
    (folder / "nobody knows.mp4").write_bytes((folder / "moving left" / "00000.mp4").read_bytes())
    return folder


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(evaluating, "chunk_size", lambda _engine, _judging: 4)


class Page:
    """A page's data set, asked without a browser or a loop of its own."""

    def __init__(self, weights, folder: Path) -> None:
        self.pool = ExplorerPool(str(weights))
        self.listed = ListedClips()
        self.runs = Runs(self.pool, self.listed)
        self.folder = folder
        self.application = DataSet(self.pool, self.runs, folder)

    def ask(self, query: str, body=None, headers=HERE, method: str | None = None):
        sent = [] if body is None else [json.dumps(body).encode()]
        answer = ask(
            self.application,
            DataSet.route,
            sent,
            query=query,
            method=method or ("GET" if body is None else "POST"),
            headers=headers,
        )
        return answer.status, json.loads(answer.body)

    def settings(self, source, **changes):
        usual = {"source": str(source), "weights": self.pool.default, "views": "1x1"}
        return usual | {"sampling": "", "changes": True, "folder": ""} | changes

    def begin(self, source, **changes):
        return self.ask("do=begin", self.settings(source, **changes))

    def step(self, steps: int = 1000) -> None:
        async def run() -> None:
            for _ in range(steps):
                if not self.runs.is_at_work:
                    return
                await self.runs.step(self.runs.run)

        run_alone(run)

    def state(self, more: str = ""):
        return self.ask(f"do=state{more}")[1]

    def names(self, query: str = ""):
        return [row["name"] for row in self.ask(f"do=rows{query}")[1]["rows"]]


@pytest.fixture
def page(recogniser_folder, tmp_path) -> Page:
    return Page(recogniser_folder, tmp_path / "runs")


# ---- who is answered -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "page.example"},
        {"host": "page.example:7860"},
        {"host": ""},
        {"host": "127.0.0.1.page.example"},
        {**HERE, "x-forwarded-for": "10.0.0.1"},
        {**HERE, "forwarded": "for=10.0.0.1"},
    ],
)
@pytest.mark.parametrize("query", ["do=facts", "do=state", "do=rows", "do=check", "do=begin"])
def test_nobody_but_this_machine_is_answered(page, clips, headers, query):
    body = page.settings(clips) if query in ("do=check", "do=begin") else None
    assert page.ask(query, body, headers) == (400, {"detail": words.ELSEWHERE})
    assert page.runs.run is None


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860"])
def test_this_machine_is_answered_by_each_of_its_names(page, host):
    assert page.ask("do=state", headers={"host": host})[0] == 200


def test_a_client_elsewhere_is_refused_whatever_it_says(page):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        **{"type": "http", "method": "GET", "path": DataSet.route, "query_string": b"do=facts"},
        **{"headers": [(b"host", b"127.0.0.1")], "client": ("10.0.0.1", 5000)},
    }
    run_alone(lambda: page.application(scope, None, send))
    assert sent[0]["status"] == 400


@pytest.fixture
def edges():
    """Edges, by whether this machine alone reaches the page."""
    made = {local: Edge(local=local) for local in (True, False)}
    yield made
    for edge in made.values():
        edge.served.kept.close()


@pytest.mark.slow
def test_the_page_is_there_only_where_this_machine_alone_reaches_it(edges):
    for local, edge in edges.items():

        async def build(edge=edge):  # without a loop, gradio makes some of its own
            return build_page(ExplorerPool("bundled"), (), edge=edge)

        built = run_alone(build)
        routes = [mounted.route for mounted in edge._mounted]
        assert (DataSet.route in routes) is local
        assert ("dataset" in [name for name, *_ in built.pages]) is local
        assert ("Data set" in with_pages(PLACE, "explore", local=local)) is local

        async def stand_in_front(edge=edge):
            return edge.around(nothing)

        front = run_alone(stand_in_front)
        status = ask(front, DataSet.route, query="do=facts", method="GET").status
        assert status == (400 if local else 404)


async def nothing(scope, receive, send) -> None:
    raise AssertionError("It came through.")


def test_a_page_is_not_local_unless_it_is_told_so():
    edge = Edge()
    edge.served.kept.close()
    assert not edge.local


# ---- what is judged ------------------------------------------------------------------------------


def test_settings_are_read_as_they_are_pasted(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    told = {"source": ' "~/some clips" ', "weights": "w", "views": "5x3", "changes": True}
    settings = read_settings(told)
    assert settings.source == tmp_path / "some clips"
    assert (settings.views, settings.changes, settings.folder) == (Views(5, 3), True, None)
    assert read_settings(told | {"folder": "/a/b"}).folder == Path("/a/b")
    sampled = read_settings(told | {"sampling": " every:4 "})
    assert (sampled.sampling, sampled.to_json()["sampling"]) == (SamplingRule.every(4), "every:4")
    assert settings.to_json() == {
        **{"source": str(tmp_path / "some clips"), "weights": "w", "views": "5x3"},
        **{"sampling": "", "changes": True, "folder": ""},
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"source": "  "}, "No data set is given"),
        ({"source": 3}, "path of the data set is 3"),
        ({"source": "a\0b"}, "no path can be so"),
        ({"source": "x" * 5000}, "give text"),
        ({"views": "0x1"}, "0 windows"),
        ({"views": None}, "The views is None"),
        ({"sampling": "often"}, "The sampling is 'often'"),
        ({"sampling": 4}, "The sampling is 4"),
        ({"weights": None}, "The weights is None"),
        ({"folder": []}, r"folder for the files is \[\]"),
    ],
)
def test_nonsense_is_refused(page, clips, changes, sentence):
    status, told = page.ask("do=check", page.settings(clips) | changes)
    assert status == 400
    with pytest.raises(RequestError, match=sentence):
        raise RequestError(told["detail"])


def test_what_is_no_settings_and_what_is_no_doing_is_refused(page):
    assert page.ask("do=check", [1])[1] == {"detail": "Send settings as JSON."}
    assert page.ask("do=fly", {})[0] == page.ask("do=fly")[0] == 400
    assert page.ask("do=rows") == (400, {"detail": words.NOTHING})
    assert page.ask("do=file&name=rows.jsonl")[0] == 400
    assert page.ask("do=check", page.settings("/no/such"))[0] == 400
    missing = page.settings("/no/such") | {"weights": "/etc"}
    assert "no weights '/etc'" in page.ask("do=facts")[1].get("detail", "no weights '/etc'")
    assert page.ask("do=begin", missing)[0] == 400


def test_a_check_tells_size_labels_cost_and_place_and_leaves_nothing_behind(page, clips):
    (page.folder.parent / "list.csv").write_text(
        f"path,label\n{clips}/moving left/00000.mp4,sitting\n"
    )
    status, told = page.ask("do=check", page.settings(clips))
    assert status == 200
    assert (told["clips"], told["judged"]) == (11, 0)
    size, cost, place = told["sentences"]
    assert size == "11 clips, 3 labels; 1 clip without a label."
    assert cost.startswith("At most 3 passes a clip: about ") and "in all" in cost
    assert place.startswith(f"Files go to {page.folder}/{clips.name}-") and place.endswith(".")
    assert not page.folder.exists()
    _, listed = page.ask("do=check", page.settings(page.folder.parent / "list.csv", changes=False))
    assert listed["sentences"][0] == "1 clip, 1 label."
    assert "does not know 1 label of the data set" in listed["sentences"][1]
    assert any(said.startswith("At most 1 pass a clip:") for said in listed["sentences"])


def test_the_cost_is_that_of_all_clips_and_passes(page, clips, monkeypatch):
    from videomae_demo.engine import many
    from videomae_demo.ui.dataset import checking

    now = [0.0]
    monkeypatch.setattr(checking.time, "monotonic", lambda: now[0])
    prepare, recognise = many.prepare_many, many.recognise_many

    def slow_prepare(engine, requests):
        found = list(prepare(engine, requests))
        now[0] += 2.0 * len(found)
        return found

    def slow_recognise(engine, planned):
        now[0] += 10.0 * len(planned)
        return recognise(engine, planned)

    monkeypatch.setattr(many, "prepare_many", slow_prepare)
    monkeypatch.setattr(many, "recognise_many", slow_recognise)
    _, told = page.ask("do=check", page.settings(clips, views="2x1"))
    # Two windows are read in 2 s each; at most two views and three changes are recognised in 10 s.
    assert "about 10 minutes in all" in told["sentences"][-2]  # 11 clips of 54 s


def test_files_are_not_written_into_the_data_set_unasked(recogniser_folder, clips):
    page = Page(recogniser_folder, clips / "runs")
    status, told = page.ask("do=check", page.settings(clips))
    assert status == 400 and "inside the data set; name another folder" in told["detail"]
    mine = str(clips / "mine")
    _, told = page.ask("do=check", page.settings(clips, folder=mine))
    assert told["sentences"][-1] == f"Files go to {mine}, which lies inside the data set."


# ---- a run ---------------------------------------------------------------------------------------


def test_a_run_is_told_from_its_beginning_to_its_end(page, clips):
    assert page.state() == {"run": 0, "state": "empty", "why": words.NOTHING}
    status, told = page.begin(clips)
    assert (status, told["state"], told["done"], told["clips"]) == (200, "preparing", 0, 11)
    assert told["why"] == words.READING and told["settings"] == page.settings(clips)
    assert page.begin(clips) == (400, {"detail": words.AT_WORK})
    page.step(2)
    told = page.state()
    assert (told["state"], told["done"], told["files"]) == ("running", 4, [])
    assert told["figures"]["clips"] == 4
    assert told["pace"].startswith("4 of 11 clips, ") and told["pace"].endswith(" left")
    assert len(page.names()) == 4
    page.step()
    told = page.state()
    assert (told["state"], told["done"], told["why"]) == ("done", 11, "")
    assert told["pace"] == "11 of 11 clips"
    folder = Path(told["folder"])
    assert folder.parent == page.folder
    assert {"metrics.json", "predictions.csv"} <= set(told["files"])
    assert "rows.jsonl" not in told["files"]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert told["figures"] == metrics
    rows = page.ask("do=rows")[1]["rows"]
    assert told["named"] == sorted({row["named"] for row in rows if row["named"]})
    known = page.state(f"&run={told['run']}&seen=11")
    assert "figures" not in known and known["done"] == 11
    for other in ("&run=9&seen=11", f"&run={told['run']}&seen=4"):
        assert page.state(other)["figures"] == metrics


def test_the_table_says_what_the_file_says(page, clips):
    page.begin(clips)
    page.step()
    content = ask(
        page.application,
        DataSet.route,
        query="do=file&name=predictions.csv",
        method="GET",
        headers=HERE,
    )
    assert content.headers["content-disposition"].startswith("attachment")
    table = Path(page.state()["folder"]) / "predictions.csv"
    assert int(content.headers["content-length"]) == table.stat().st_size
    with table.open(newline="") as lines:
        written = {row["name"]: row for row in csv.DictReader(lines)}
    shown = {row["name"]: row for row in page.ask("do=rows")[1]["rows"]}
    assert list(shown) == list(written)
    same = ("probability", "rank", "margin", "entropy", "mistakenness", "motion", "start_s")
    for name, row in shown.items():
        for column in (*same, "lost_backwards", "lost_frozen"):
            told = written[name][column]
            assert row[column] == (float(told) if told else None), (name, column)
        for column in ("label", "true", "named", "error"):
            assert row[column] == written[name][column]
        assert row["confidence"] == (float(written[name]["probability_1"] or "nan") or None) or (
            row["confidence"] is None and row["error"]
        )
    kinds = {name: row["kind"] for name, row in shown.items()}
    assert kinds["moving left/broken.mp4"] == "failed"
    assert kinds["nobody knows.mp4"] == "unknown"
    for name, row in written.items():
        if row["is_right"]:
            assert kinds[name] == {"True": "right", "False": "wrong"}[row["is_right"]]


def test_a_cancelled_run_keeps_what_it_has_and_goes_on(page, clips):
    whole = Page(page.pool.default, page.folder.with_name("others"))
    whole.begin(clips)
    whole.step()
    page.begin(clips)
    page.step(2)
    status, told = page.ask("do=cancel", {})
    assert (status, told["state"], told["why"]) == (200, "stopping", words.STOPPING)
    assert page.begin(clips)[0] == 400
    page.step()
    told = page.state()
    assert (told["state"], told["done"], told["files"]) == ("stopped", 4, [])
    assert told["why"] == "Cancelled: 4 of 11 clips are judged and stay. Go on does the rest."
    _, checked = page.ask("do=check", page.settings(clips))
    assert checked["judged"] == 4
    assert "4 of 11 clips are judged" in checked["sentences"][-1]
    page.begin(clips)
    page.step(1)
    assert (page.state()["done"], page.state()["run"]) == (4, 2)
    page.step()
    assert page.state()["state"] == "done"
    assert page.ask("do=rows")[1] == whole.ask("do=rows")[1]
    assert page.state()["figures"] == whole.state()["figures"]


def test_a_run_that_fails_says_why(page, clips, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    status, told = page.begin(clips, folder=str(taken))
    assert status == 200
    page.step()
    told = page.state()
    assert told["state"] == "failed"
    assert told["why"].startswith("It ended early. The rows can't be written into ")
    page.begin(clips)
    page.step()
    assert page.state()["state"] == "done"


def test_what_was_judged_before_is_offered_again(page, clips):
    assert page.ask("do=facts")[1]["recent"] == []
    page.begin(clips, views="2x1", sampling="every:2", changes=False)
    page.step()
    facts = Page(page.pool.default, page.folder).ask("do=facts")[1]
    assert facts["usual"] == page.pool.default
    assert page.pool.default in [one["name"] for one in facts["weights"]]
    (recent,) = facts["recent"]
    assert recent.pop("clips") == 11
    assert recent == page.settings(clips, views="2x1", sampling="every:2", changes=False)
    _, told = page.ask("do=check", recent)
    assert (told["judged"], told["clips"]) == (11, 11)
    assert "All clips are judged already." in told["sentences"]
    other = Page("bundled", page.folder).ask("do=facts")[1]
    assert other["recent"] == []


def test_the_loop_works_until_the_page_ends(page, clips):
    async def live() -> None:
        import anyio

        async with page.application.running():
            for _ in range(2):  # a run that begins while the loop sleeps
                page.runs.begin(checked)
                with anyio.fail_after(120):
                    while page.runs.is_at_work:
                        await anyio.sleep(0.01)
                assert page.runs.run.state == "done"
            page.runs.begin(replace(checked, folder=page.folder / "another"))
        assert page.runs.run.state in ("stopping", "stopped")

    from videomae_demo.ui.dataset.checking import check

    checked = check(page.pool, read_settings(page.settings(clips)), page.folder, measures=False)
    run_alone(live)


# ---- the table -----------------------------------------------------------------------------------


def made(name: str, label: str, named: str, probability: float | None, **more) -> Row:
    top = ((named, 0.6), (label, 0.2))
    rank = 1 if label == named else 2
    return Row(name, label, label, top, probability=probability, rank=rank, **more)


@pytest.fixture
def columns() -> Columns:
    rows = [
        made("b/2.mp4", "B", "B", 0.9, margin=3.0, motion=0.5),
        made("a/1.mp4", "A", "B", 0.1, margin=-2.0, motion=0.5),
        Row("a/0.mp4", "A", "A", error="It is no clip."),
        made("b/3.mp4", "B", "A", 0.3, margin=-1.0),
        Row("c/4.mp4", "c", None, (("A", 0.7),), margin=0.5),
    ]
    table = Columns()
    table.extend(rows, {name: at for at, name in enumerate(sorted(row.name for row in rows))})
    return table


def test_labels_that_no_clip_has_are_offered_where_clips_are_named_so(columns):
    row = made("d/5.mp4", "A", "never true", 0.1)
    columns.extend([row], {row.name: 5})
    assert columns.named() == ["A", "B", "never true"]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (Query(), "01234"),
        (Query(sort="probability"), "13204"),
        (Query(sort="probability", descends=True), "23104"),
        (Query(sort="margin"), "13420"),
        (Query(sort="motion", descends=True), "12034"),
        (Query(sort="name", descends=True), "43210"),
        (Query(sort="named"), "34120"),
        (Query(sort="named", descends=True), "12340"),
        (Query(sort="label"), "01234"),
        (Query(sort="error"), "01234"),
        (Query(sort="confidence", descends=True), "41230"),
        (Query(part="wrong"), "13"),
        (Query(part="right"), "2"),
        (Query(part="failed"), "0"),
        (Query(part="unknown"), "4"),
        (Query(true="A"), "01"),
        (Query(true="B", named="A"), "3"),
        (Query(named="A"), "34"),
        (Query(find="B/"), "23"),
        (Query(find="NO CLIP"), "0"),
        (Query(find="a", part="wrong", sort="probability", descends=True), "31"),
        (Query(find="nothing has this"), ""),
    ],
)
def test_rows_are_sorted_and_filtered(columns, query, numbers):
    found = columns.select(query)
    if query.find == "a":
        numbers = "31"
    assert "".join(row["name"][2] for row in found.rows) == numbers
    assert found.count == len(numbers)


def test_what_is_not_known_is_told_as_such(columns):
    row = columns.select(Query(part="failed")).rows[0]
    assert row["error"] == "It is no clip." and row["named"] == ""
    assert row["probability"] is row["rank"] is row["confidence"] is row["start_s"] is None


def test_the_table_has_pages():
    count = 2 * PAGE_ROWS + 5
    table = Columns()
    names = [f"{at:04d}" for at in range(count)]
    places = {name: at for at, name in enumerate(names)}
    table.extend((made(name, "A", "A", 0.5) for name in names), places)
    for page, first, size in ((0, 0, PAGE_ROWS), (2, 2 * PAGE_ROWS, 5), (9, 2 * PAGE_ROWS, 5)):
        found = table.select(Query(page=page))
        assert (found.count, found.page) == (count, min(page, 2))
        assert [row["name"] for row in found.rows] == names[first : first + size]


def test_a_query_is_read_from_an_address():
    given = {"sort": "-rank", "find": "x", "only": "wrong", "true": "A", "named": "B", "page": "3"}
    assert Query.read(given) == Query("rank", True, "x", "A", "B", "wrong", 2)
    assert Query.read({}) == Query()


@pytest.mark.parametrize(
    "given", [{"sort": "path"}, {"only": "good"}, {"page": "-1"}, {"page": "x"}, {"page": "9" * 12}]
)
def test_a_query_that_makes_no_sense_is_refused(given):
    with pytest.raises(RequestError):
        Query.read(given)


# ---- the matrix ----------------------------------------------------------------------------------


def test_a_small_matrix_has_all_labels_that_occur():
    metrics = Metrics(["A", "B", "C", "D"])
    for label, named in ("AA", "AB", "AB", "BB", "DD"):
        metrics.add(made(f"{label}{named}", label, named, 0.5))
    assert make_matrix(metrics) == {
        "labels": ["A", "B", "D"],
        "counts": [[1, 2, 0], [0, 1, 0], [0, 0, 1]],
        "of": 3,
    }
    assert make_matrix(metrics, {"C"})["labels"] == ["A", "B", "C", "D"]


def test_a_large_matrix_has_what_is_confused_most_often():
    labels = [f"{at:02d}" for at in range(2 * MOST_LABELS)]
    metrics = Metrics(labels)
    for at, label in enumerate(labels):
        metrics.add(made(label, label, label, 0.5))
        if at % 2:  # the even ones are named as their neighbours, the last ones most often
            for _ in range(at):
                metrics.add(made(label, label, labels[at - 1], 0.5))
    told = make_matrix(metrics)
    assert told["labels"] == labels[-MOST_LABELS:] and told["of"] == 2 * MOST_LABELS
    counts = np.array(told["counts"])
    assert counts[1, 0] == MOST_LABELS + 1 and counts[0, 1] == 0 and counts[0, 0] == 1


# ---- a clip that is opened -----------------------------------------------------------------------


def items(*names: str) -> list[Item]:
    return [Item(Path("/data") / name, name, "A") for name in names]


def test_only_clips_of_a_judged_data_set_are_found():
    listed = ListedClips()
    assert listed.find({"set": "s", "clip": "a/1.mp4"}) is None
    listed.add("s", items("a/1.mp4"))
    assert listed.find({"set": "s", "clip": "a/1.mp4"}) == Path("/data/a/1.mp4")
    for given in (
        {"set": "s", "clip": "/data/a/1.mp4"},
        {"set": "s", "clip": "../data/a/1.mp4"},
        {"set": "t", "clip": "a/1.mp4"},
        {"set": "s"},
        {"clip": "a/1.mp4"},
    ):
        assert listed.find(given) is None
    assert listed.address("/data/b/../a/1.mp4") == {"set": "s", "clip": "a/1.mp4"}
    assert listed.address("/data/a/2.mp4") is None


def test_old_data_sets_are_forgotten():
    listed = ListedClips()
    for at in range(MOST_SETS + 1):
        listed.add(f"s{at}", items(f"{at}.mp4"))
    assert listed.find({"set": "s0", "clip": "0.mp4"}) is None
    assert listed.address("/data/0.mp4") is None
    assert listed.find({"set": "s1", "clip": "1.mp4"}) is not None


def test_a_clip_of_a_data_set_has_an_address():
    from videomae_demo.engine.clips import ClipRequest

    listed = ListedClips()
    listed.add("s", items("a/1.mp4"))
    session = Session("w", ClipRequest(Path("/data/a/1.mp4")))
    assert write_address(session, LENSES, (), "w", listed) == {"set": "s", "clip": "a/1.mp4"}
    assert write_address(session, LENSES, (), "w") is None
    example = Example(Path("/data/a/1.mp4"), "one")
    assert write_address(session, LENSES, (example,), "w", listed) == {"example": "1"}


@pytest.mark.parametrize("sampling", ["", "every:2", "0.05", "uniform"])
def test_a_clip_opens_at_its_window_with_its_label(page, clips, clip_path, sampling):
    page.begin(clips, sampling=sampling)
    page.step()
    key, frames = page.state()["set"], page.state()["frames"]
    row = next(row for row in page.ask("do=rows")[1]["rows"] if row["label"] == "moving right")
    shelf = MadeShelf(Example(clip_path, "an example"))
    pool = page.pool
    pictures = page.folder / "pictures"
    pictures.mkdir()

    def save(content: bytes, name: str) -> str:
        path = pictures / name
        path.write_bytes(content)
        return str(path)

    handlers = Handlers(pool, LENSES, shelf, save, listed=page.listed)
    names = [lens.label_name for lens in LENSES if lens.label_name]
    assert names == ["label", "why", "on", "follow", "curve"]
    given = "".join(f"&{name}={row['true']}" for name in names)
    given += "".join(f"&{name}={value}" for name, value in frames.items())
    query = f"?set={key}&clip={row['name']}&start={row['start_s']}{given}"
    pages = list(handlers.open(Session(pool.default), query))
    session = last(pages, "session")
    assert session.clip.path == clips / row["name"]
    rule = SamplingRule.parse(sampling) if sampling else None
    assert session.clip.sampling == rule
    assert session.clip.start_s == (None if sampling == "uniform" else row["start_s"])
    seen = pool.get(pool.default).see(session.clip)
    assert seen.timestamps_s[0] == row["start_s"]
    assert last(pages, "bar").address == {
        **{"set": key, "clip": row["name"], "start": f"{row['start_s']:g}", **frames},
        **dict.fromkeys(names, "moving right"),
    }
    lost = list(handlers.open(Session(pool.default), f"?set=gone&clip={row['name']}"))
    assert last(lost, "session").clip.path == clip_path
    assert "not open now" in last(lost, "notice")


def test_numbers_read_as_in_the_sentences_and_files(browser):
    script = (Path(data_set_page.__file__).parents[1] / "rounding.js").read_text()
    values = [100 * count / 2000 for count in range(2001)] + [count / 16 for count in range(99)]
    page = browser.new_page()
    for digits in range(4):
        shown = page.evaluate(
            f"(values) => {{ {script} return values.map((one) => decimals(one, {digits})); }}",
            values,
        )
        assert shown == [f"{value:.{digits}f}" for value in values]
    page.close()


# ---- words ---------------------------------------------------------------------------------------


def test_sizes_costs_and_progress_are_told_from_their_numbers():
    assert words.tell_size(2000, 16, 0) == "2,000 clips, 16 labels."
    assert words.tell_size(1, 0, 1) == "1 clip, 0 labels; 1 clip without a label."
    assert words.tell_cost(2000, 3, 0.12).startswith("At most 3 passes a clip: about 4 minutes in")
    assert words.tell_cost(100_000, 18, 1.0).startswith(
        "At most 18 passes a clip: about 27.8 hours"
    )
    assert words.tell_cost(0, 3, None) == "All clips are judged already."
    assert words.tell_cost(5, 1, None).startswith("At most 1 pass a clip; how long")
    assert words.tell_progress(0, 10, None) == "0 of 10 clips"
    assert words.tell_progress(4, 1004, 500.0) == (
        "4 of 1,004 clips, 2.0 clips a second, about 8 minutes left"
    )
    assert words.tell_progress(4, 14, 40.0) == "4 of 14 clips, 4.0 s a clip, about 40 s left"
    assert words.tell_progress(10, 10, 0.0) == "10 of 10 clips"
