// The token player. Owns playing, drawing, and what a person points at; all it shows comes in
// `props.value` (see player.py for its shape). Foreign text goes in through textContent only.

const HIDDEN_COLOUR = "rgb(188, 190, 194)";
const CANVAS_PX = 384;
const LENS_EVENT = "videomae-lens";
const find = (name) => element.querySelector(".vp-" + name);
const show = (node, visible) => { node.hidden = !visible; };

const state = {
  value: {}, lens: "recognise", frame: 0, playing: false, cursor: null, hover: false,
  painting: false, stroke: null, panes: [], lastTick: 0, wasShown: false,
};
const images = new Map();
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

// ---- what is shown -----------------------------------------------------------------------------

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
  const url = track.file.url;
  if (!images.has(url)) {
    const image = new Image();
    image.onload = draw;
    image.src = url;
    images.set(url, image);
  }
  const image = images.get(url);
  return image.complete && image.naturalWidth ? image : null;
}

// ---- drawing -----------------------------------------------------------------------------------

function buildPanes() {
  const holder = find("panes");
  const given = lens() ? lens().panes : [];
  if (given.length && given.length === state.panes.length) {
    // The same elements go on, so that who works with the keyboard keeps the focus.
    state.panes.forEach((built, index) => { built.pane = given[index]; });
    return;
  }
  holder.replaceChildren();
  holder.dataset.count = given.length;
  state.panes = given.map((pane) => {
    const figure = document.createElement("figure");
    const stage = document.createElement("div");
    const canvas = document.createElement("canvas");
    const chosen = document.createElement("div");
    const cursor = document.createElement("div");
    const caption = document.createElement("figcaption");
    stage.className = "vp-stage";
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    chosen.className = "vp-chosen";
    cursor.className = "vp-cursor";
    stage.append(canvas, chosen, cursor);
    figure.append(stage, caption);
    holder.append(figure);
    const built = { pane, figure, stage, canvas, chosen, cursor, caption };
    listenToStage(built);
    return built;
  });
}

function trackOf(pane) {
  const name = pane.compare ? find("compare").value || pane.track : pane.track;
  return (state.value.tracks || {})[name] || null;
}

function drawPane(built) {
  const { pane, canvas } = built;
  const track = trackOf(pane);
  const image = track && imageOf(track);
  if (!image) return;
  const factor = Math.max(1, Math.floor(CANVAS_PX / track.width));
  const width = track.width * factor;
  const height = track.height * factor;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const column = state.frame % track.columns;
  const row = Math.floor(state.frame / track.columns);
  context.drawImage(
    image, column * track.width, row * track.height, track.width, track.height, 0, 0, width, height,
  );
  const slice = sliceOf(state.frame);
  if (pane.masked) drawMask(context, slice, width, height);
  const scores = pane.overlay ? activeScores() : null;
  const opacity = Number(find("opacity").value);
  if (scores && opacity > 0) {
    const picture = context.getImageData(0, 0, width, height);
    const table = COLOUR_TABLES[find("map").value];
    const field = fieldOf(scores, slice, height, width);
    blend(picture.data, field, scores.lower, scores.upper, table, opacity);
    context.putImageData(picture, 0, 0);
  }
  built.stage.dataset.drawn = [state.lens, state.frame].join(":");
}

function drawMask(context, slice, width, height) {
  const mask = maskBytes();
  if (!mask) return;
  const [, rows, columns] = lens().grid;
  context.fillStyle = HIDDEN_COLOUR;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (!mask[(slice * rows + row) * columns + column]) continue;
      const left = Math.round((column * width) / columns);
      const top = Math.round((row * height) / rows);
      const right = Math.round(((column + 1) * width) / columns);
      const bottom = Math.round(((row + 1) * height) / rows);
      context.fillRect(left, top, right - left, bottom - top);
    }
  }
}

function placeBox(box, token, visible) {
  show(box, visible);
  if (!visible) return;
  const [, rows, columns] = lens().grid;
  box.style.left = (100 * token[2]) / columns + "%";
  box.style.top = (100 * token[1]) / rows + "%";
  box.style.width = 100 / columns + "%";
  box.style.height = 100 / rows + "%";
}

function draw() {
  if (!lens()) return;
  state.frame = Math.min(state.frame, frames() - 1);
  const slice = sliceOf(state.frame);
  const chosen = lens().chooses ? state.value.chosen : null;
  for (const built of state.panes) {
    drawPane(built);
    placeBox(built.chosen, chosen, Boolean(chosen));
    built.chosen.classList.toggle("vp-elsewhen", Boolean(chosen) && chosen[0] !== slice);
    placeBox(built.cursor, state.cursor, Boolean(state.cursor) && state.hover);
    const track = trackOf(built.pane);
    built.caption.textContent = built.pane.title || (track ? track.title : "");
  }
  const time = lens().times[state.frame];
  find("count").textContent = `frame ${state.frame + 1}/${frames()} · ${time.toFixed(2)} s`;
  const scrub = find("scrub");
  scrub.value = state.frame;
  scrub.setAttribute("aria-valuetext", `frame ${state.frame + 1} of ${frames()}, ${time.toFixed(2)} s`);
  drawCurve();
  drawStrip();
  tell();
}

function drawStrip() {
  const canvas = find("strip");
  const track = state.panes.length ? trackOf(state.panes[0].pane) : null;
  const image = track && imageOf(track);
  const count = frames();
  const width = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
  if (!image || !width) return;
  const cell = width / count;
  const height = Math.round((cell * track.height) / track.width);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const fresh = count - (lens().repeated || 0);
  for (let i = 0; i < count; i += 1) {
    context.globalAlpha = i < fresh ? 1 : 0.35;
    context.drawImage(
      image, (i % track.columns) * track.width, Math.floor(i / track.columns) * track.height,
      track.width, track.height, i * cell, 0, cell - 1, height,
    );
  }
  context.globalAlpha = 1;
  const line = Math.max(2, Math.round(width / 250));
  context.strokeStyle = accent();
  context.lineWidth = line;
  context.strokeRect(state.frame * cell + line / 2, line / 2, cell - 1 - line, height - line);
}

function drawCurve() {
  const curve = lens().curve;
  const canvas = find("curve");
  show(canvas, Boolean(curve));
  show(find("curve-title").parentElement, Boolean(curve));
  if (!curve) return;
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (!width) return;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const top = Math.max(...curve, 1) * 1.1;
  const cell = width / curve.length;
  curve.forEach((value, slice) => {
    const tall = (value / top) * height;
    context.fillStyle = accent();
    context.globalAlpha = slice === sliceOf(state.frame) ? 1 : 0.45;
    context.fillRect(slice * cell, height - tall, cell - ratio, tall);
  });
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(element).color;
  context.setLineDash([4 * ratio, 3 * ratio]);
  context.lineWidth = ratio;
  context.beginPath();
  context.moveTo(0, height - height / top);
  context.lineTo(width, height - height / top);
  context.stroke();
}

const accent = () => getComputedStyle(element).getPropertyValue("--color-accent") || "#e8590c";

function number(value) {
  if (value === 0) return "0";
  return Math.abs(value) >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

function drawLegend() {
  const scores = activeScores();
  show(find("legend"), Boolean(scores));
  if (!scores) return;
  find("legend-title").textContent = scores.title;
  const canvas = find("legend-bar");
  const context = canvas.getContext("2d");
  const table = COLOUR_TABLES[find("map").value];
  for (let i = 0; i < 256; i += 1) {
    context.fillStyle = `rgb(${table[3 * i]}, ${table[3 * i + 1]}, ${table[3 * i + 2]})`;
    context.fillRect(i, 0, 1, 1);
  }
  const ticks = scores.ticks.map((value) => {
    const mark = document.createElement("span");
    const isLast = value === scores.upper;
    mark.textContent = number(value) + (scores.unit ? scores.unit.slice(0, 1) === "x" ? "x" : "" : "");
    if (isLast && scores.above) mark.textContent += " and above";
    mark.style.left = (100 * (value - scores.lower)) / (scores.upper - scores.lower) + "%";
    if (value === scores.lower) mark.className = "vp-first";
    if (isLast) mark.className = "vp-last";
    return mark;
  });
  find("ticks").replaceChildren(...ticks);
}

// ---- words -------------------------------------------------------------------------------------

function describeToken(token) {
  const time = lens().times[token[0] * lens().tubelet];
  const place = `${time.toFixed(2)} s, row ${token[1]}, column ${token[2]}`;
  const scores = activeScores() || scoresOf(lens().readout);
  const mask = lens().masked ? maskBytes() : null;
  const index = tokenIndex(token);
  let text = place;
  if (scores) {
    const value = scores.values[index];
    if (!Number.isNaN(value)) {
      const amount = scores.unit.startsWith("x") ? value.toFixed(1) : value.toPrecision(2) + " ";
      text += `: ${amount}${scores.unit}`;
    }
  }
  if (mask) text += mask[index] ? " (hidden)" : " (visible)";
  return text;
}

function tell() {
  const readout = find("readout");
  if (!lens()) return;
  if (state.cursor && state.hover) {
    readout.textContent = describeToken(state.cursor);
  } else if (lens().chooses && state.value.chosen) {
    readout.textContent = `Chosen: ${describeToken(state.value.chosen)}`;
  } else {
    readout.textContent = state.painting ? "Drag over the pictures to hide tokens or show them again." : lens().hint;
  }
}

function announce(text) {
  find("alternative").textContent = text;
}

// ---- time --------------------------------------------------------------------------------------

function go(frame) {
  const count = frames();
  if (!count) return;
  state.frame = ((frame % count) + count) % count;
  if (state.cursor) state.cursor = [sliceOf(state.frame), state.cursor[1], state.cursor[2]];
  draw();
}

function play(on) {
  state.playing = on && frames() > 1;
  const button = find("play");
  button.setAttribute("aria-pressed", String(state.playing));
  button.setAttribute("aria-label", state.playing ? "Pause" : "Play");
  if (state.playing) {
    state.lastTick = performance.now();
    requestAnimationFrame(tick);
  }
}

function tick(now) {
  if (!state.playing || !element.isConnected) return;
  const times = lens().times;
  const fresh = times.length - (lens().repeated || 0);
  const usual = fresh > 1 ? (times[fresh - 1] - times[0]) / (fresh - 1) : 0.125;
  const step = times[state.frame + 1] - times[state.frame];
  const wait = (1000 * (step > 0 ? step : usual)) / Number(find("speed").value);
  if (now - state.lastTick >= wait) {
    state.lastTick = now;
    go(state.frame + 1);
  }
  requestAnimationFrame(tick);
}

// ---- pointing ----------------------------------------------------------------------------------

function tokenAt(built, event) {
  const box = built.canvas.getBoundingClientRect();
  const [, rows, columns] = lens().grid;
  const inside = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
  return [
    sliceOf(state.frame),
    inside((event.clientY - box.top) / box.height, rows),
    inside((event.clientX - box.left) / box.width, columns),
  ];
}

function choose(token) {
  if (!lens().chooses) return;
  const before = state.value.chosen;
  const again = before && token && before.join() === token.join();
  state.value.chosen = again ? null : token;
  play(false);
  draw();
  announce(state.value.chosen ? `Chosen: ${describeToken(state.value.chosen)}` : "No token chosen.");
  trigger("choose", { token: state.value.chosen });
}

function paint(token, hide) {
  const [times, rows, columns] = lens().grid;
  const mask = maskBytes();
  const slices = find("scope").checked ? [...Array(times).keys()] : [token[0]];
  for (const time of slices) mask[(time * rows + token[1]) * columns + token[2]] = hide ? 1 : 0;
}

function sendPaint() {
  trigger("paint", { mask: encodeBytes(maskBytes()) });
}

function listenToStage(built) {
  const { stage } = built;
  stage.addEventListener("pointermove", (event) => {
    const token = tokenAt(built, event);
    if (state.hover && state.cursor && state.cursor.join() === token.join()) return;
    state.cursor = token;
    state.hover = true;
    if (state.stroke !== null) paint(state.cursor, state.stroke);
    draw();
  });
  stage.addEventListener("pointerleave", () => {
    state.hover = document.activeElement === stage && stage.matches(":focus-visible");
    draw();
  });
  stage.addEventListener("pointerdown", (event) => {
    if (!state.painting || !maskBytes()) return;
    play(false);
    stage.setPointerCapture(event.pointerId);
    const token = tokenAt(built, event);
    state.stroke = !maskBytes()[tokenIndex(token)];
    paint(token, state.stroke);
    draw();
  });
  const finish = () => {
    if (state.stroke === null) return;
    state.stroke = null;
    sendPaint();
  };
  stage.addEventListener("pointerup", finish);
  stage.addEventListener("pointercancel", finish);
  stage.addEventListener("click", (event) => {
    if (!state.painting) choose(tokenAt(built, event));
  });
  stage.addEventListener("keydown", onStageKey);
  stage.addEventListener("focus", () => {
    if (!stage.matches(":focus-visible")) return;
    const [, rows, columns] = lens().grid;
    const slice = sliceOf(state.frame);
    state.cursor = state.cursor || [slice, Math.floor(rows / 2), Math.floor(columns / 2)];
    state.hover = true;
    draw();
  });
  stage.addEventListener("blur", () => { state.hover = false; draw(); });
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function onStageKey(event) {
  const [, rows, columns] = lens().grid;
  const slice = sliceOf(state.frame);
  const cursor = state.cursor || [slice, Math.floor(rows / 2), Math.floor(columns / 2)];
  if (event.key in MOVES) {
    const [down, across] = MOVES[event.key];
    state.cursor = [
      slice,
      Math.min(Math.max(cursor[1] + down, 0), rows - 1),
      Math.min(Math.max(cursor[2] + across, 0), columns - 1),
    ];
    state.hover = true;
    draw();
    announce(describeToken(state.cursor));
  } else if (event.key === "Enter") {
    if (state.painting && maskBytes()) {
      paint(cursor, !maskBytes()[tokenIndex(cursor)]);
      draw();
      sendPaint();
    } else {
      choose(cursor);
    }
  } else if (event.key === "Escape") {
    if (state.value.chosen) choose(null);
  } else if (event.key === " ") {
    play(!state.playing);
  } else if (event.key === "," || event.key === ".") {
    play(false);
    go(state.frame + (event.key === "." ? 1 : -1));
  } else {
    return;
  }
  event.preventDefault();
}

// ---- controls ----------------------------------------------------------------------------------

function arrange() {
  const now = lens();
  element.querySelector(".vp").dataset.lens = state.lens;
  element.querySelector(".vp").dataset.ready = Object.keys(state.value.lenses || {}).join(" ");
  show(find("transport"), Boolean(now));
  show(find("timeline"), Boolean(now));
  buildPanes();
  if (!now) {
    for (const part of ["legend", "tools"]) show(find(part), false);
    find("readout").textContent = state.value.empty || "";
    return;
  }
  show(find("tools"), true);
  find("scrub").max = frames() - 1;
  const compare = find("compare");
  const kept = compare.value;
  const options = (now.compare || []).map((name) => {
    const option = document.createElement("option");
    option.value = name;
    option.textContent = state.value.tracks[name].title;
    return option;
  });
  compare.replaceChildren(...options);
  if ((now.compare || []).includes(kept)) compare.value = kept;
  show(find("compare-tool"), options.length > 0);
  show(find("error-tool"), Boolean(now.error));
  show(find("paint-tool"), Boolean(now.masked));
  show(find("scope-tool"), Boolean(now.masked) && state.painting);
  show(find("head-tool"), Boolean(now.chooses && state.value.chosen && now.scores));
  if (!now.masked && state.painting) setPainting(false);
  for (const built of state.panes) {
    built.stage.setAttribute("aria-label", `${built.pane.title || now.title}. ${now.keys}`);
    built.stage.classList.toggle("vp-painting", state.painting);
  }
  if (now.curve) {
    const peak = now.curve.indexOf(Math.max(...now.curve));
    find("curve-title").textContent = "Attention over time";
    find("peak").textContent = `Go to its peak: ${now.times[peak * now.tubelet].toFixed(2)} s, ${now.curve[peak].toFixed(2)}x`;
  }
  arrangeOverlay();
  announce(now.text);
  draw();
}

function arrangeOverlay() {
  const scores = activeScores();
  for (const tool of element.querySelectorAll(".vp-overlay-tool")) show(tool, Boolean(scores));
  show(find("smooth-tool"), Boolean(scores && scores.smooth));
  drawLegend();
}

function setPainting(on) {
  state.painting = on;
  find("paint").setAttribute("aria-pressed", String(on));
  show(find("scope-tool"), on);
  for (const built of state.panes) built.stage.classList.toggle("vp-painting", on);
  if (on) play(false);
  tell();
}

function receive() {
  state.value = JSON.parse(JSON.stringify(props.value || {}));
  state.stroke = null;
  arrange();
  if (!state.wasShown && lens()) {
    state.wasShown = true;
    play(!calm.matches);
  }
}

for (const name of Object.keys(COLOUR_TABLES)) {
  const option = document.createElement("option");
  option.value = name;
  option.textContent = name;
  find("map").append(option);
}
find("play").addEventListener("click", () => play(!state.playing));
find("back").addEventListener("click", () => { play(false); go(state.frame - 1); });
find("forward").addEventListener("click", () => { play(false); go(state.frame + 1); });
find("scrub").addEventListener("input", (event) => { play(false); go(Number(event.target.value)); });
find("scrub").addEventListener("keydown", (event) => {
  if (event.key !== " ") return;
  event.preventDefault();
  play(!state.playing);
});
find("strip").addEventListener("pointerdown", (event) => {
  const box = event.target.getBoundingClientRect();
  play(false);
  go(Math.min(Math.floor(((event.clientX - box.left) / box.width) * frames()), frames() - 1));
});
find("curve").addEventListener("pointerdown", (event) => {
  const box = event.target.getBoundingClientRect();
  const slices = lens().curve.length;
  play(false);
  go(Math.floor(((event.clientX - box.left) / box.width) * slices) * lens().tubelet);
});
find("peak").addEventListener("click", () => {
  const curve = lens().curve;
  play(false);
  go(curve.indexOf(Math.max(...curve)) * lens().tubelet);
});
find("opacity").addEventListener("input", draw);
find("map").addEventListener("change", () => { drawLegend(); draw(); });
find("smooth").addEventListener("change", draw);
find("error").addEventListener("change", () => { arrangeOverlay(); draw(); });
find("compare").addEventListener("change", draw);
find("paint").addEventListener("click", () => setPainting(!state.painting));
find("head").addEventListener("click", () => choose(null));
window.addEventListener(LENS_EVENT, (event) => {
  state.lens = event.detail;
  arrange();
});
new ResizeObserver(() => { if (lens()) { drawStrip(); drawCurve(); } }).observe(element);
watch("value", receive);
receive();
