"""The numbers that the player's scripts show: those of the Explorer, at their places."""

import numpy as np
import pytest
from playwright.sync_api import expect

from videomae_demo import ClipRequest, Explorer, MaskRequest, RolloutSettings

pytestmark = pytest.mark.slow

CURVE = """canvas => {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const colour = getComputedStyle(canvas.closest(".vp")).color;
  const ink = colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    let count = 0;
    for (let x = 0; x < width; x += 1) {
      const at = 4 * (y * width + x);
      const near = ink.every((value, c) => Math.abs(value - pixels[at + c]) < 24);
      if (near && pixels[at + 3] > 100) count += 1;
    }
    rows.push(count / width);
  }
  return rows;
}"""


@pytest.fixture(scope="module")
def explorer(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def test_the_curve_is_that_of_the_rollout(open_page, explorer, clip_path):
    view = explorer.attend(ClipRequest(clip_path))
    curve, times = view.rollout.over_time, view.clip.timestamps_s
    busiest = int(curve.argmax())
    assert times[2 * busiest] != times[2 * (1 - busiest)]
    visitor = open_page()
    visitor.go_to("Attend")
    peak = visitor.page.locator("#player .vp-peak")
    said = f"Go to its peak: {times[2 * busiest]:.2f} s, {curve[busiest]:.2f}x"
    expect(peak).to_have_text(said)
    for _ in range(3):
        visitor.page.get_by_role("button", name="One frame on").click()
    peak.click()
    now = f"frame {2 * busiest + 1}/4 · {times[2 * busiest]:.2f} s"
    expect(visitor.page.locator("#player .vp-count")).to_have_text(now)
    # The dashed line stands at an even share, 1, on the scale of the bars.
    rows = np.array(visitor.page.locator("#player .vp-curve").evaluate(CURVE))
    place = len(rows) * (1 - 1 / (1.1 * max(*curve, 1)))
    dashed = np.flatnonzero(rows > 0.3)
    assert len(dashed) and np.abs(dashed + 0.5 - place).max() <= 1.5


def test_a_token_is_told_with_its_time_and_value(open_page, explorer, clip_path):
    view = explorer.attend(ClipRequest(clip_path))
    visitor = open_page()
    visitor.go_to("Attend")
    for _ in range(3):  # the second moment of two
        visitor.page.get_by_role("button", name="One frame on").click()
    box = visitor.stage().bounding_box()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.3)
    value = view.rollout.times_uniform[1, 1, 2]
    said = f"{view.clip.timestamps_s[2]:.2f} s, row 1, column 2: {value:.1f}x uniform"
    expect(visitor.readout()).to_have_text(said)


def test_the_legend_says_what_lies_above_it(open_page, explorer, clip_path):
    visitor = open_page()
    visitor.go_to("Attend")
    ticks = visitor.page.locator("#player .vp-ticks span")
    seen = set()
    for query in (None, (0, 0, 0)):
        if query is not None:
            visitor.stage().click(position={"x": 10, "y": 10})
            expect(visitor.page.locator("#attention")).to_contain_text("the token at time 0")
        rollout = explorer.attend(ClipRequest(clip_path), RolloutSettings(query=query)).rollout
        end, above = rollout.scale_end, bool(rollout.times_uniform.max() > rollout.scale_end)
        written = f"{end:.0f}x" if end >= 10 else f"{end:#.2g}x"
        expect(ticks.last).to_have_text(written + (" and above" if above else ""))
        seen.add(above)
    assert seen == {False, True}


def test_the_error_is_told_in_its_unit(open_page, explorer, clip_path):
    result = explorer.reconstruct(ClipRequest(clip_path), MaskRequest()).reconstruction
    row, column = np.argwhere(result.mask[0])[0]
    visitor = open_page()
    visitor.go_to("Reconstruct")
    visitor.page.get_by_label("show the error").check()
    title = visitor.page.locator("#player .vp-legend-title")
    expect(title).to_have_text("error per hidden token, RMS (of 1)")
    box = visitor.stage(2).bounding_box()
    visitor.page.mouse.move(
        box["x"] + (column + 0.5) * box["width"] / 4, box["y"] + (row + 0.5) * box["height"] / 4
    )
    error = float(np.sqrt(result.token_error[0, row, column]))
    said = f"row {row}, column {column}: {error:#.2g} RMS (of 1) (hidden)"
    expect(visitor.readout()).to_contain_text(said)
