// Changes of a clip: a row for each, with what became of a label; a click chooses one.

function drawChanges(block) {
  const list = make("div", "panel-changes");
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", block.title);
  const rows = block.rows.map((row) => {
    const button = make(block.tells ? "button" : "div", "panel-change");
    if (block.tells) {
      const isChosen = row.name === block.chosen;
      button.type = "button";
      button.dataset.keep = row.name;
      button.setAttribute("aria-pressed", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
      button.addEventListener("click", () => say(block.tells, row.name));
    }
    const known = row.share !== null;
    button.append(
      make("span", "panel-change-title", row.title),
      make("span", "panel-value", known ? row.value : "?"),
      make("span", "panel-value panel-moved", row.moved),
      make("span", "panel-instead", row.instead),
    );
    const track = make("span", "panel-track");
    const fill = make("span", "panel-fill");
    fill.style.width = `${100 * (row.share ?? 0)}%`;
    track.append(fill);
    button.append(track);
    return button;
  });
  if (block.tells && !rows.some((row) => row.tabIndex === 0)) rows[0].tabIndex = 0;
  list.append(...rows);
  list.addEventListener("keydown", (event) => moveByArrows(event, rows, 1));
  const holder = make("figure", "panel-columns");
  const head = make("div", "panel-change panel-change-head");
  head.append(
    make("span", "", block.title),
    make("span", "panel-value", ""),
    make("span", "panel-value panel-moved", block.heads[0]),
    make("span", "panel-instead", block.heads[1]),
  );
  holder.append(head, list);
  return holder;
}

// What had the focus before the panel was drawn anew. It may be away for a while: it gets the focus
// back if nothing else took it.
let awaited;
function keepChoice(before) {
  const name = before ? before.closest("[data-keep]")?.dataset.keep : document.activeElement === document.body ? awaited : undefined;
  const found = name === undefined ? undefined : [...element.querySelectorAll("[data-keep]")].find((one) => one.dataset.keep === name);
  awaited = found ? undefined : name;
  found?.focus({ preventScroll: true });
}
