// Magnifying: all pictures show the same part, so that a token is large enough for a finger.

const MOST_MAGNIFIED = 4;
const DRAG_PX = 6;
const SMALL_TOKEN_PX = 30;
const view = { zoom: 1, x: 0.5, y: 0.5 }; // x and y: the centre of what is seen, as shares
const fingers = new Map(); // the pointers that are down, by id: [x, y] in pixels of the window

const within = (value, low, high) => Math.min(Math.max(value, low), high);

function look(zoom, x, y) {
  view.zoom = within(zoom, 1, MOST_MAGNIFIED);
  const half = 0.5 / view.zoom;
  view.x = within(x, half, 1 - half);
  view.y = within(y, half, 1 - half);
  const panes = find("panes");
  panes.style.setProperty("--zoom", view.zoom);
  panes.style.setProperty("--left", `${-100 * (view.x - half)}%`);
  panes.style.setProperty("--top", `${-100 * (view.y - half)}%`);
  panes.classList.toggle("vp-magnified", view.zoom > 1);
  find("zoom-out").setAttribute("aria-disabled", String(view.zoom === 1));
  find("zoom-in").setAttribute("aria-disabled", String(view.zoom === MOST_MAGNIFIED));
  find("zoom").textContent = `${Number(view.zoom.toFixed(1))}x`;
}

// Magnify and move, so that what is seen at `from` comes to `to`: (x, y) as shares of the stage.
function bring(zoom, from, to) {
  const next = within(zoom, 1, MOST_MAGNIFIED);
  const place = (centre, at) => centre + (at - 0.5) / view.zoom;
  const centre = (at, seen) => at + (0.5 - seen) / next;
  look(next, centre(place(view.x, from[0]), to[0]), centre(place(view.y, from[1]), to[1]));
}

// One step in or out, around the token that matters now.
function magnify(factor) {
  const token = (state.hover && state.cursor) || (lens().chooses && state.value.chosen);
  const [, rows, columns] = lead().grid;
  if (!token) look(view.zoom * factor, view.x, view.y);
  else look(view.zoom * factor, (token[2] + 0.5) / columns, (token[1] + 0.5) / rows);
  tell();
}

// Move just so far that a token is seen whole.
function reveal([, row, column]) {
  const [, rows, columns] = lead().grid;
  const half = 0.5 / view.zoom;
  const nearest = (centre, index, count) => within(centre, (index + 1) / count - half, index / count + half);
  look(view.zoom, nearest(view.x, column, columns), nearest(view.y, row, rows));
}

const sharesOf = (stage, [x, y]) => {
  const box = stage.getBoundingClientRect();
  return [(x - box.left) / box.width, (y - box.top) / box.height];
};

// The middle of the fingers, and how far they are apart.
function grip() {
  const [one, two = one] = [...fingers.values()];
  const middle = [(one[0] + two[0]) / 2, (one[1] + two[1]) / 2];
  return { middle, spread: Math.hypot(one[0] - two[0], one[1] - two[1]) };
}

// Follow the fingers: two of them magnify and move, one alone moves.
function follow(stage, event) {
  const before = grip();
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  const after = grip();
  const factor = fingers.size > 1 && before.spread > 0 ? after.spread / before.spread : 1;
  bring(view.zoom * factor, sharesOf(stage, before.middle), sharesOf(stage, after.middle));
}

// Whether a token is too small for a finger.
function isSmall() {
  const stage = state.panes[0].stage;
  return (stage.clientWidth * view.zoom) / lead().grid[2] < SMALL_TOKEN_PX;
}
