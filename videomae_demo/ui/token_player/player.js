// Puts the parts together: shows what each lens needs, listens to the controls and to Python.

function arrange() {
  const now = lens();
  arrangeWhole();
  element.querySelector(".vp").dataset.lens = state.lens;
  element.querySelector(".vp").dataset.ready =
    [...(state.value.clip ? ["clip"] : []), ...Object.keys(state.value.lenses || {})].join(" ");
  show(find("transport"), Boolean(now));
  show(find("timeline"), Boolean(now));
  buildPanes();
  if (!now) {
    for (const part of ["legends", "tools"]) show(find(part), false);
    find("readout").textContent = state.value.empty || "";
    return;
  }
  show(find("tools"), true);
  find("scrub").max = frames() - 1;
  arrangeChoice(now.panes.find((pane) => pane.choice));
  const switched = now.panes.find((pane) => pane.switch);
  show(find("switch-tool"), Boolean(switched));
  find("switch-label").textContent = switched ? switched.switch : "";
  show(find("given-tool"), now.panes.some((pane) => pane.given));
  show(find("paint-tool"), Boolean(now.paints));
  find("paint").textContent = now.paint;
  show(find("head-tool"), Boolean(now.starts && state.value.chosen));
  if (!now.paints && state.painting) setPainting(false);
  for (const built of state.panes) {
    built.stage.setAttribute("aria-label", `${built.pane.title || now.title}. ${KEYS}`);
  }
  markPainting();
  look(view.zoom, view.x, view.y);
  if (now.curve) {
    const slice = peakOf(now.curve);
    const time = lead().times[slice * lead().tubelet];
    find("peak").textContent = `Go to its peak: ${time.toFixed(2)} s, ${curveAmount(now.curve, slice)}`;
  }
  arrangeOverlay();
  announce(now.text);
  draw();
}

const peakOf = (curve) => curve.values.indexOf(Math.max(...curve.values));

// Let a visitor choose among the tracks of a pane; what was chosen stays, if it is there again.
function arrangeChoice(pane) {
  const choice = find("compare");
  const kept = choice.value;
  const tracks = pane ? pane.tracks : [];
  choice.replaceChildren(...tracks.map((track) => new Option(track.title, track.name)));
  if (tracks.some((track) => track.name === kept)) choice.value = kept;
  find("compare-label").textContent = pane ? pane.choice : "";
  choice.setAttribute("aria-label", pane ? pane.choice : "");
  show(find("compare-tool"), tracks.length > 0);
}

function arrangeOverlay() {
  const scores = activeScores();
  for (const tool of element.querySelectorAll(".vp-overlay-tool")) show(tool, scores.length > 0);
  show(find("smooth-tool"), scores.some((one) => one.smooth));
  const map = find("map");
  const colours = [...new Set(scores.flatMap((one) => one.colours))];
  if (colours.length && colours.join() !== [...map.options].map((one) => one.value).join()) {
    map.replaceChildren(...colours.map((name) => new Option(name, name)));
    map.value = mapAmong(colours);
  }
  show(find("map-tool"), colours.length > 1);
  drawLegends();
}

function receive() {
  const value = openValue();
  takeMasks(value);
  state.value = value;
  forgetImages();
  arrange();
  if (!state.wasShown && lens()) {
    state.wasShown = true;
    play(!calm.matches);
  }
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
  const slices = lens().curve.values.length;
  play(false);
  const slice = Math.floor(((event.clientX - box.left) / box.width) * slices);
  go(within(slice, 0, slices - 1) * lead().tubelet);
});
find("peak").addEventListener("click", () => {
  play(false);
  go(peakOf(lens().curve) * lead().tubelet);
});
find("opacity").addEventListener("input", draw);
find("map").addEventListener("change", () => {
  const chosen = find("map").value;
  state.maps = [chosen, ...state.maps.filter((name) => name !== chosen)];
  drawLegends();
  draw();
});
find("smooth").addEventListener("change", draw);
find("switch").addEventListener("change", () => { arrangeOverlay(); draw(); });
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
window.addEventListener(LEAVE_OUT, (event) => {
  state.left[event.detail.lens] = event.detail.share;
  if (lens()) draw();
});
listenToWhole();
listenToBand();
find("given").addEventListener("change", draw);
new ResizeObserver(() => { if (lens()) { drawStrip(); drawCurve(); } }).observe(element);
watch("value", receive);
receive();
