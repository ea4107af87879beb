// Puts the parts together: shows what each lens needs, listens to the controls and to Python.

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
  show(find("head-tool"), Boolean(now.chooses && state.value.chosen && now.scores));
  if (!now.masked && state.painting) setPainting(false);
  for (const built of state.panes) {
    built.stage.setAttribute("aria-label", `${built.pane.title || now.title}. ${now.keys}`);
  }
  markPainting();
  look(view.zoom, view.x, view.y);
  if (now.curve) {
    const peak = now.curve.indexOf(Math.max(...now.curve));
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

function receive() {
  const value = openValue();
  takeMask(value);
  state.value = value;
  forgetImages();
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
  go(within(Math.floor(((event.clientX - box.left) / box.width) * frames()), 0, frames() - 1));
});
find("curve").addEventListener("pointerdown", (event) => {
  const box = event.target.getBoundingClientRect();
  const slices = lens().curve.length;
  play(false);
  const slice = Math.floor(((event.clientX - box.left) / box.width) * slices);
  go(within(slice, 0, slices - 1) * lens().tubelet);
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
find("undo").addEventListener("click", undo);
find("redo").addEventListener("click", redo);
find("all").addEventListener("click", () => repaint(() => 1));
find("none").addEventListener("click", () => repaint(() => 0));
find("invert").addEventListener("click", () => repaint((one) => 1 - one));
element.addEventListener("keydown", onPaintKey);
find("zoom-in").addEventListener("click", () => magnify(2));
find("zoom-out").addEventListener("click", () => magnify(0.5));
find("head").addEventListener("click", () => choose(null));
window.addEventListener(LENS, (event) => {
  state.lens = event.detail;
  arrange();
});
new ResizeObserver(() => { if (lens()) { drawStrip(); drawCurve(); } }).observe(element);
watch("value", receive);
receive();
