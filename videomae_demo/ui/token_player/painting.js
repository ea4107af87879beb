// Painting a mask. What is painted is kept until the server has answered it: each painting has a
// number, an answer brings that of the last painting it knows, and an older answer changes nothing of
// the mask. An answer also says how many masks were drawn from a seed, or for a new clip: such a mask
// takes the place of what was painted, and the server leaves out what was painted on an older one.

const MOST_UNDONE = 100;

// The paintings of a lens: the last one's number, whether it waits for its answer, and older masks.
function strokesOf(name) {
  state.strokes[name] ||= { painted: 0, isDirty: false, done: [], undone: [] };
  return state.strokes[name];
}

const strokes = () => strokesOf(state.lens);

function maskedSlices() {
  const pane = maskedPane();
  return find("scope").checked ? [...Array(pane.grid[0]).keys()] : [sliceIn(pane, state.frame)];
}

function paint(token, hide) {
  const [, rows, columns] = maskedPane().grid;
  const within = tokenIndex(maskedPane(), token) % (rows * columns);
  for (const time of maskedSlices()) maskBytes()[time * rows * columns + within] = hide ? 1 : 0;
}

function startStroke(token) {
  state.unpainted = maskBytes().slice();
  state.stroke = !maskBytes()[tokenIndex(maskedPane(), token)];
  paint(token, state.stroke);
  draw();
}

// A second finger came: what the first one painted was meant to be a pinch.
function dropStroke() {
  if (state.stroke === null) return;
  maskBytes().set(state.unpainted);
  state.stroke = null;
  draw();
}

function endStroke() {
  state.stroke = null;
  remember(state.unpainted);
}

// The mask was another one `before`.
function remember(before) {
  const { done } = strokes();
  done.push(before);
  if (done.length > MOST_UNDONE) done.shift();
  strokes().undone = [];
  sendPaint();
}

const mayPaint = () => state.painting && state.stroke === null && Boolean(maskBytes());

// Change all tokens: of all times, or of the one that is shown.
function repaint(change) {
  if (!mayPaint()) return;
  const mask = maskBytes();
  const before = mask.slice();
  const [, rows, columns] = maskedPane().grid;
  for (const time of maskedSlices()) {
    const end = (time + 1) * rows * columns;
    for (let at = time * rows * columns; at < end; at += 1) mask[at] = change(mask[at]);
  }
  remember(before);
}

// Go back to the last mask in the list `from`, and put the present one into the list `to`.
function goBack(from, to) {
  if (!mayPaint() || !from.length) return;
  to.push(maskBytes().slice());
  maskBytes().set(from.pop());
  sendPaint();
}

const undo = () => goBack(strokes().done, strokes().undone);
const redo = () => goBack(strokes().undone, strokes().done);

// Why no model can take the mask; empty if it can.
function whyIdle() {
  const mask = maskBytes();
  const hidden = mask ? mask.reduce((sum, one) => sum + one, 0) : 0;
  if (mask && hidden === mask.length) {
    return `All ${hidden} tokens are hidden: show at least one, and the model gets the mask.`;
  }
  return hidden || lens().may_show_all ? "" : "No token is hidden: hide at least one, and the model gets the mask.";
}

function sendPaint() {
  const mine = strokes();
  mine.painted += 1;
  mine.isDirty = true;
  const letter = { drawn: maskedPane().mask.drawn, painting: mine.painted, mask: encodeBytes(maskBytes()) };
  if (whyIdle()) announce(whyIdle());
  else say(lens().paints, letter);
  markPainting();
  draw();
}

// Take the masks of a new value, or keep the present ones in it, as the head of this file says.
function takeMasks(value) {
  const [old, fresh] = [state.value.lenses || {}, value.lenses || {}];
  for (const name of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
    const [before, now] = [old[name], fresh[name]];
    if (before?.paints || now?.paints) takeMask(name, maskOf(before), maskOf(now));
  }
}

function takeMask(name, before, now) {
  const mine = strokesOf(name);
  const isOpen = name === state.lens;
  const isDrawn = !before || !now || now.drawn !== before.drawn;
  const isPainted = isOpen && state.stroke !== null;
  if (before && now && (isPainted || (!isDrawn && now.painting < mine.painted))) {
    now.values = bytesOf(before);
    return;
  }
  if (isOpen) state.stroke = null;
  mine.isDirty = false;
  if (isDrawn) [mine.done, mine.undone] = [[], []];
}

// Whether the pictures of the lens are not those of the mask that is shown.
const isUnanswered = () => Boolean(lens().paints) && (strokes().isDirty || state.stroke !== null);

function markPainting() {
  const painting = state.painting && Boolean(lens() && lens().paints);
  find("panes").classList.toggle("vp-painting", painting);
  for (const tool of element.querySelectorAll(".vp-painting-tool")) show(tool, painting);
  find("undo").setAttribute("aria-disabled", String(!strokes().done.length));
  find("redo").setAttribute("aria-disabled", String(!strokes().undone.length));
  for (const built of state.panes) {
    built.figure.classList.toggle("vp-painted", painting && Boolean(built.pane.mask));
  }
}

function setPainting(on) {
  state.painting = on;
  find("paint").setAttribute("aria-pressed", String(on));
  markPainting();
  if (on) play(false);
  tell();
}

function onPaintKey(event) {
  const key = event.key.toLowerCase();
  if (!state.painting || !(event.ctrlKey || event.metaKey) || !["z", "y"].includes(key)) return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) redo();
  else undo();
}
