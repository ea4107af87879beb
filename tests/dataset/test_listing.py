"""Which clips a folder or a list holds."""

from pathlib import Path

import pytest

from videomae_demo import RequestError
from videomae_demo.dataset.listing import read_items


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def listed(source: Path) -> list[tuple[str, str | None]]:
    return [(item.name, item.label) for item in read_items(source)]


def test_the_first_folder_is_the_label(tmp_path):
    touch(tmp_path, "b/2.MP4", "a/deeper/1.webm", "a/0.avi", "loose.mkv")
    assert listed(tmp_path) == [
        ("a/0.avi", "a"),
        ("a/deeper/1.webm", "a"),
        ("b/2.MP4", "b"),
        ("loose.mkv", None),
    ]
    assert read_items(tmp_path)[0].path == tmp_path / "a/0.avi"


def test_other_files_and_hidden_ones_are_left_out(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/notes.txt", "a/.2.mp4", ".cache/3.mp4", "a/poster.jpg")
    assert listed(tmp_path) == [("a/1.mp4", "a")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,label\nb.mp4,two\na.mp4,one\n", [("a.mp4", "one"), ("b.mp4", "two")]),
        ('"a, b.mp4",one\n', [("a, b.mp4", "one")]),
        ("a.mp4 3\nmy clip.mp4 0\n", [("a.mp4", "3"), ("my clip.mp4", "0")]),
        ("a.mp4;one two\n\nb.mp4;three\n", [("a.mp4", "one two"), ("b.mp4", "three")]),
        ("a.mp4\tone, or two\nb.mp4\tthree\n", [("a.mp4", "one, or two"), ("b.mp4", "three")]),
        ("\ufeffa.mp4,one\r\nb.mp4,\r\n", [("a.mp4", "one"), ("b.mp4", None)]),
        ("a.mp4\nb.mp4\n", [("a.mp4", None), ("b.mp4", None)]),
    ],
)
def test_lists_as_people_write_them(tmp_path, text, expected):
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8")
    assert listed(file) == expected


def test_paths_lie_beside_the_list_or_stand_as_they_are(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"clips/a.mp4,one\n{tmp_path / 'b.mp4'},two\n")
    assert {item.path for item in read_items(file)} == {
        tmp_path / "clips/a.mp4",
        tmp_path / "b.mp4",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.mp4,one\na.mp4,two\n", "Line 2 of .* lists 'a.mp4' a second time"),
        ("a.mp4,one\n,two\n", "Line 2 of .* has no path"),
        ("path,label\n", "names no clips"),
        ("", "names no clips"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line(tmp_path, text, said):
    file = tmp_path / "list.csv"
    file.write_text(text)
    with pytest.raises(RequestError, match=said):
        read_items(file)


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(RequestError, match="can't be read: No such file"):
        read_items(tmp_path / "absent")
    with pytest.raises(RequestError, match="holds no clips"):
        read_items(tmp_path)
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match="no text in UTF-8"):
        read_items(tmp_path / "list.csv")
