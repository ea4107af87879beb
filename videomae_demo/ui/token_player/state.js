// What is shown now: the value from Python (value.py has its fields), the lens, the frame.
// The parts of the player share one scope; player.py names their order.

const HIDDEN_COLOUR = "rgb(188, 190, 194)";
const CANVAS_PX = 384;
const find = (name) => element.querySelector(".vp-" + name);
const show = (node, visible) => { node.hidden = !visible; };

const state = {
  value: {}, lens: FIRST_LENS, frame: 0, playing: false, cursor: null, hover: false,
  painting: false, stroke: null, dragged: 0, panes: [], lastTick: 0, wasShown: false,
  strokes: {}, // what was painted, by lens: see painting.js
  left: {}, // the share of the tokens that is left out of the picture, by lens, highest scores first
  maps: [], // the colour maps that were chosen, the last one first
  held: null, // the number of the picture whose keyboard focus waits for the next clip
};
const images = new Map();
const finger = window.matchMedia("(pointer: coarse)");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

// The view that is shown: the lens's own, or the clip alone while that lens has none yet.
const own = () => (state.value.lenses || {})[state.lens] || null;
const lens = () => own() || state.value.clip || null;
// The pane that leads: its frames are counted, and its tokens are pointed at.
const lead = () => lens().panes[0];
const frames = () => (lens() ? lead().times.length : 0);
const sliceOf = (frame) => Math.floor(frame / lead().tubelet);

// The frame of a pane that belongs to a frame of the leading one: the nearest in time.
function frameIn(pane, frame) {
  const time = lead().times[frame];
  if (pane.times[frame] === time) return frame; // so that a repeated frame stays the same one
  const away = pane.times.map((at) => Math.abs(at - time));
  return away.indexOf(Math.min(...away));
}

const sliceIn = (pane, frame) => Math.floor(frameIn(pane, frame) / pane.tubelet);

// The place in a pane's arrays of a token of the leading pane: of another grid, the token there.
function tokenIndex(pane, [time, row, column]) {
  const [, height, width] = pane.grid;
  const [, rows, columns] = lead().grid;
  const down = Math.floor(((2 * row + 1) * height) / (2 * rows));
  const across = Math.floor(((2 * column + 1) * width) / (2 * columns));
  return (sliceIn(pane, time * lead().tubelet) * height + down) * width + across;
}

function valuesOf(scores) {
  if (!scores.values) {
    scores.values = new Float32Array(decodeBytes(scores.data).buffer);
    scores.fields = new Map();
  }
  return scores.values;
}

// The pane with the mask of the view, which can be painted.
const maskedPane = () => (lens() && lens().panes.find((pane) => pane.mask)) || null;

function bytesOf(mask) {
  if (!mask.values) mask.values = decodeBytes(mask.data);
  return mask.values;
}

const maskOf = (view) => (view && view.panes.map((pane) => pane.mask).find(Boolean)) || null;
const maskBytes = () => (maskedPane() ? bytesOf(maskedPane().mask) : null);

// The scores that are drawn over a pane now: those with a switch only while it is on.
const scoresOn = (pane) => (pane.scores && (!pane.switch || find("switch").checked) ? pane.scores : null);
const activeScores = () => (lens() ? lens().panes.map(scoresOn).filter(Boolean) : []);

// The share of a pane's tokens that is left out of the picture; 0 for none.
const leftOut = (pane) => (pane.scores && own() && state.left[state.lens]) || 0;

// The tokens with the highest scores, as a mask; of equal ones the earlier token goes first.
function strongest(pane, share) {
  const { scores } = pane;
  const values = valuesOf(scores);
  scores.order ||= [...values.keys()].sort((a, b) => values[b] - values[a] || a - b);
  const mask = new Uint8Array(values.length);
  for (const token of scores.order.slice(0, Math.round(share * values.length))) mask[token] = 1;
  return mask;
}

// Whether values have a sign: they are drawn on a diverging scale then, with zero in its middle.
const isSigned = (scores) => DIVERGING_MAPS.includes(scores.colours[0]);

// Of some colour maps, the one that was chosen last, or the first.
const mapAmong = (colours) => state.maps.find((name) => colours.includes(name)) || colours[0];
const tableOf = (scores) => COLOUR_TABLES[mapAmong(scores.colours)];

function fieldOf(pane, scores, slice, height, width) {
  const smooth = scores.smooth && find("smooth").checked;
  const key = [slice, height, width, smooth].join();
  const values = valuesOf(scores);
  if (!scores.fields.has(key)) {
    const [, rows, columns] = pane.grid;
    const part = values.subarray(slice * rows * columns, (slice + 1) * rows * columns);
    scores.fields.set(key, spreadSlice(part, rows, columns, height, width, smooth));
  }
  return scores.fields.get(key);
}

// The track's sprite, once it is loaded.
function imageOf(track) {
  const url = fileUrl(track.file);
  if (!images.has(url)) {
    const image = new Image();
    image.onload = draw;
    image.onerror = () => images.delete(url); // asked for again when it is next needed
    image.src = url;
    images.set(url, image);
  }
  const image = images.get(url);
  return image.complete && image.naturalWidth ? image : null;
}

// Let go of the sprites of clips and masks that are shown no more.
function forgetImages() {
  const views = [state.value.clip, ...Object.values(state.value.lenses || {})].filter(Boolean);
  const panes = views.flatMap((view) => view.panes);
  const tracks = panes.flatMap((pane) => [...pane.tracks, ...(pane.given ? [pane.given] : [])]);
  const shown = tracks.map((track) => fileUrl(track.file));
  for (const url of [...images.keys()]) if (!shown.includes(url)) images.delete(url);
}

// The track of a pane: of several, the one that was chosen, or the first.
function trackOf(pane) {
  if (pane.given && find("given").checked) return pane.given;
  const chosen = pane.choice ? find("compare").value : "";
  return pane.tracks.find((track) => track.name === chosen) || pane.tracks[0];
}
