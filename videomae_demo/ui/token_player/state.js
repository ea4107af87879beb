// What is shown now: the value from Python (see player.py for its shape), the lens, the frame.
// The parts of the player share one scope; player.py names their order.

const HIDDEN_COLOUR = "rgb(188, 190, 194)";
const CANVAS_PX = 384;
const find = (name) => element.querySelector(".vp-" + name);
const show = (node, visible) => { node.hidden = !visible; };

const state = {
  value: {}, lens: "recognise", frame: 0, playing: false, cursor: null, hover: false,
  painting: false, stroke: null, painted: 0, isDirty: false, undone: [], done: [], dragged: 0, panes: [], lastTick: 0, wasShown: false,
  held: null, // the number of the picture whose keyboard focus waits for the next clip
};
const images = new Map();
const finger = window.matchMedia("(pointer: coarse)");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

const lens = () => (state.value.lenses || {})[state.lens] || null;
const frames = () => (lens() ? lens().times.length : 0);
const sliceOf = (frame) => Math.floor(frame / lens().tubelet);
const tokenIndex = ([time, row, column]) => {
  const [, height, width] = lens().grid;
  return (time * height + row) * width + column;
};

function scoresOf(name) {
  const scores = name && (state.value.scores || {})[name];
  if (scores && !scores.values) {
    scores.values = new Float32Array(decodeBytes(scores.data).buffer);
    scores.fields = new Map();
  }
  return scores || null;
}

function maskBytes() {
  const mask = state.value.mask;
  if (mask && !mask.values) mask.values = decodeBytes(mask.data);
  return mask ? mask.values : null;
}

// Scores that are drawn now: the lens's own, or the error while its switch is on.
function activeScores() {
  if (!lens()) return null;
  if (lens().scores) return scoresOf(lens().scores);
  return lens().error && find("error").checked ? scoresOf(lens().error) : null;
}

function fieldOf(scores, slice, height, width) {
  const smooth = scores.smooth && find("smooth").checked;
  const key = [slice, height, width, smooth].join();
  if (!scores.fields.has(key)) {
    const [, rows, columns] = lens().grid;
    const part = scores.values.subarray(slice * rows * columns, (slice + 1) * rows * columns);
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
  const shown = Object.values(state.value.tracks || {}).map((track) => fileUrl(track.file));
  for (const url of [...images.keys()]) if (!shown.includes(url)) images.delete(url);
}

function trackOf(pane) {
  const name = pane.compare ? find("compare").value || pane.track : pane.track;
  return (state.value.tracks || {})[name] || null;
}
