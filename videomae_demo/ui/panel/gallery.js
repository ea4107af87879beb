// A gallery of small maps, one for each head: choose one, switch it off, order them by effect.

// How they are ordered, and which one has the focus: it stays when the panel is drawn anew.
const galleryState = { ranked: false, focused: "", scroll: 0 };

const tileOf = (block, index) => {
  const head = block.heads[index];
  const [line, column] = [Math.floor(index / block.columns), index % block.columns];
  const tile = make("button", "panel-tile" + (head.off ? " panel-off" : ""));
  tile.type = "button";
  tile.dataset.head = head.name;
  tile.setAttribute("aria-label", head.said);
  tile.setAttribute("aria-pressed", String(head.name === block.chosen));
  const place = (at, count) => (count > 1 ? `${(100 * at) / (count - 1)}%` : "0");
  const map = make("span", "panel-map");
  map.style.aspectRatio = block.shape;
  map.style.backgroundImage = `url(${JSON.stringify(fileUrl(block.picture))})`;
  map.style.backgroundSize = `${100 * block.columns}% ${100 * block.lines}%`;
  map.style.backgroundPosition = `${place(column, block.columns)} ${place(line, block.lines)}`;
  const bar = make("span", "panel-effect" + (head.effect < 0 ? " panel-below" : ""));
  bar.style.width = `${100 * Math.abs(head.effect)}%`;
  tile.append(map, bar);
  return tile;
};

// Arrow keys move among the tiles, so that Tab passes all of them at once.
function moveByArrows(event, tiles, columns) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const at = tiles.indexOf(document.activeElement);
  const to = { Home: 0, End: tiles.length - 1 }[event.key] ?? at + (steps[event.key] ?? NaN);
  if (at < 0 || !tiles[to]) return;
  event.preventDefault();
  tiles[to].focus();
}

function drawGallery(block) {
  const holder = make("div", "panel-gallery");
  const grid = make("div", "panel-tiles");
  grid.setAttribute("role", "toolbar");
  grid.setAttribute("aria-label", block.title);
  const said = make("p", "panel-told");
  const fill = () => {
    const order = galleryState.ranked ? block.ranking : block.heads.map((_, index) => index);
    const tiles = order.map((index) => tileOf(block, index));
    const first = tiles.find((tile) => tile.dataset.head === (galleryState.focused || block.chosen)) ?? tiles[0];
    for (const tile of tiles) tile.tabIndex = tile === first ? 0 : -1;
    grid.style.gridTemplateColumns = `${galleryState.ranked ? "" : "auto "}repeat(${block.columns}, minmax(16px, 40px))`;
    const nodes = tiles.flatMap((tile, at) =>
      galleryState.ranked || at % block.columns ? [tile] : [make("span", "panel-line-name", String(1 + at / block.columns)), tile]);
    grid.replaceChildren(...nodes);
  };
  const tell = (name) => {
    said.textContent = block.heads.find((head) => head.name === (name || block.chosen)).said;
  };
  fill();
  tell();
  const nameOf = (event) => event.target.closest(".panel-tile")?.dataset.head;
  grid.addEventListener("click", (event) => { if (nameOf(event)) say(block.tells, { head: nameOf(event) }); });
  grid.addEventListener("pointerover", (event) => tell(nameOf(event)));
  grid.addEventListener("pointerleave", () => tell());
  grid.addEventListener("keydown", (event) => moveByArrows(event, [...grid.querySelectorAll(".panel-tile")], block.columns));
  grid.addEventListener("focusin", (event) => {
    galleryState.focused = nameOf(event) ?? "";
    for (const tile of grid.querySelectorAll(".panel-tile")) tile.tabIndex = tile === event.target ? 0 : -1;
    tell(nameOf(event));
  });
  grid.addEventListener("focusout", () => tell());
  grid.addEventListener("scroll", () => { galleryState.scroll = grid.scrollTop; });

  const acts = make("div", "panel-acts");
  const act = (text, doing) => {
    const button = make("button", "panel-act", text);
    button.type = "button";
    button.addEventListener("click", doing);
    acts.append(button);
    return button;
  };
  const isOff = block.heads.find((head) => head.name === block.chosen).off;
  act(isOff ? "Switch it on" : "Switch it off", () => say(block.tells, { toggle: block.chosen }));
  act("All on", () => say(block.tells, { all: true })).disabled = !block.heads.some((head) => head.off);
  const order = act("", () => {
    galleryState.ranked = !galleryState.ranked;
    order.textContent = galleryState.ranked ? "In layers" : "Strongest first";
    fill();
  });
  order.textContent = galleryState.ranked ? "In layers" : "Strongest first";
  const side = make("div", "panel-side");
  side.append(said, acts, make("p", "panel-small", block.told));
  holder.append(grid, side);
  return holder;
}

// What had the focus, or was scrolled to, in the gallery before the panel was drawn anew.
function keepPlace(before) {
  const act = before?.closest(".panel-acts") ? [...before.parentElement.children].indexOf(before) : -1;
  const grid = element.querySelector(".panel-tiles");
  if (!grid) return;
  grid.scrollTop = galleryState.scroll;
  if (before?.closest(".panel-tile")) grid.querySelector(`[data-head="${before.dataset.head}"]`)?.focus();
  if (act >= 0) element.querySelectorAll(".panel-act")[act]?.focus();
}
