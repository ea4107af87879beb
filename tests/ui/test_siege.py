"""Clips that are made to take memory, on a page where somebody else is at work."""

import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import expect
from test_serving import FILE, PATIENCE_S, call, upload
from tiny import tiny_config
from visitor import PATIENCE_MS

from benchmarks.bombs import many_pictures_bomb, picture_stream_bomb, sample_table_bomb
from benchmarks.soak import resident_mb

GROWTH_MB = 300
COLUMNS = tiny_config().grid.width

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a child"),
]


def test_bombs_take_neither_the_page_nor_another_visitors_clicks(
    open_page, page_address, gate, tmp_path
):
    visitor = open_page()
    visitor.go_to("Attend")
    attention = visitor.page.locator("#attention")
    server = int(gate.with_name("pid").read_text())
    bombs = [
        sample_table_bomb(tmp_path / "table.mp4", tracks=4),
        picture_stream_bomb(tmp_path / "pictures.mov", streams=10),
        many_pictures_bomb(tmp_path / "pictures.mkv", streams=6),
    ]

    def attack() -> list[tuple[bool, str]]:
        with httpx.Client(base_url=page_address, timeout=PATIENCE_S) as http:
            clips = [{"path": upload(http, bomb), "meta": FILE} for bomb in bombs]
            return [call(http, "classify", clip, "", 3, "") for clip in clips]

    idle = peak = resident_mb(server)
    answers_meanwhile = 0
    with ThreadPoolExecutor(1) as others:
        attacked = others.submit(attack)
        while not attacked.done():
            column = (answers_meanwhile + 1) % COLUMNS  # another one each time
            width = visitor.stage().bounding_box()["width"]
            visitor.stage().click(position={"x": (column + 0.5) * width / COLUMNS, "y": 10})
            expect(attention).to_contain_text(
                f"the token at time 0, row 0, column {column}", timeout=PATIENCE_MS
            )
            answers_meanwhile += not attacked.done()
            peak = max(peak, resident_mb(server))
    outcomes = attacked.result()
    for bomb, (answered, told) in zip(bombs, outcomes, strict=True):
        assert bomb.name in told
        assert not answered or bomb.suffix == ".mkv"  # that one just fits into the memory
    assert answers_meanwhile >= 3
    assert peak - idle < GROWTH_MB
    assert visitor.complaints == []
