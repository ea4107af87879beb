// Two bars for each row, of A and of B, below one another.

function drawPairs(block) {
  const list = make("ul", "panel-bars panel-pairs");
  for (const row of block.rows) {
    const item = make("li", "");
    item.append(make("span", "panel-name", row.name));
    for (const [at, side] of row.sides.entries()) {
      const value = make("span", "panel-value", `${"AB"[at]} ${side.said}`);
      const track = make("div", `panel-track panel-${"ab"[at]}`);
      const fill = make("div", "panel-fill");
      fill.style.width = `${100 * side.share}%`;
      track.append(fill);
      item.append(value, track);
    }
    list.append(item);
  }
  return list;
}
