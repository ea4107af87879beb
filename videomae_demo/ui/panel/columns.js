// A column for each moment, from 0 to 1, beside a dashed line: what each one stands for is said on
// pointing at it, and to whoever can't see it.

function drawColumns(block) {
  const holder = make("figure", "panel-columns");
  const said = make("p", "panel-told");
  const tell = (at) => { said.textContent = block.rows[at].said; };
  const list = make("div", "panel-columns-row");
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", block.title);
  list.style.setProperty("--even", `${100 * block.even}%`);
  const columns = block.rows.map((row, at) => {
    const column = make("button", "panel-column" + (at === block.marked ? " panel-marked" : ""));
    column.type = "button";
    column.tabIndex = at === block.marked ? 0 : -1;
    column.setAttribute("aria-label", row.said);
    const fill = make("span", "panel-fill");
    fill.style.height = `${100 * row.share}%`;
    column.append(fill);
    for (const event of ["pointerenter", "focus", "click"]) column.addEventListener(event, () => tell(at));
    if (block.tells) {
      column.classList.add("panel-choosable");
      column.dataset.keep = block.names[at];
      column.addEventListener("click", () => say(block.tells, block.names[at]));
    }
    return column;
  });
  list.append(...columns);
  list.addEventListener("pointerleave", () => tell(block.marked));
  list.addEventListener("keydown", (event) => moveByArrows(event, columns, columns.length));
  tell(block.marked);
  holder.append(make("figcaption", "", block.title), list, said);
  return holder;
}
