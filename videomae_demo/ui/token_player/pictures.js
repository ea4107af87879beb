// The pictures: one pane per track, with scores, masks and marks drawn over it.

function buildPanes() {
  const holder = find("panes");
  const given = lens() ? lens().panes : [];
  if (given.length && given.length === state.panes.length) {
    // The same elements go on, so that who works with the keyboard keeps the focus.
    state.panes.forEach((built, index) => { built.pane = given[index]; });
    return;
  }
  const focused = state.panes.findIndex((built) => built.stage === document.activeElement);
  if (focused >= 0) state.held = focused;
  holder.replaceChildren();
  holder.dataset.count = given.length;
  state.panes = given.map((pane) => {
    const figure = document.createElement("figure");
    const stage = document.createElement("div");
    const layer = document.createElement("div");
    const canvas = document.createElement("canvas");
    const chosen = document.createElement("div");
    const cursor = document.createElement("div");
    const caption = document.createElement("figcaption");
    stage.className = "vp-stage";
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    layer.className = "vp-layer";
    chosen.className = "vp-chosen";
    cursor.className = "vp-cursor";
    layer.append(canvas, chosen, cursor);
    stage.append(layer);
    figure.append(stage, caption);
    holder.append(figure);
    const built = { pane, figure, stage, canvas, chosen, cursor, caption };
    listenToStage(built);
    return built;
  });
  if (!state.panes.length) return; // a new clip's pictures for this lens are still to come
  const stage = state.panes[state.held]?.stage;
  if (stage && document.activeElement === document.body) stage.focus({ preventScroll: true });
  state.held = null;
}

function drawPane(built) {
  const { pane, canvas } = built;
  const track = trackOf(pane);
  const image = track && imageOf(track);
  if (!image) { // on its way: what is drawn here is of something else
    delete built.stage.dataset.drawn;
    return;
  }
  const factor = Math.max(1, Math.floor(CANVAS_PX / track.width));
  const width = track.width * factor;
  const height = track.height * factor;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const frame = frameIn(pane, state.frame);
  const column = frame % track.columns;
  const row = Math.floor(frame / track.columns);
  context.drawImage(
    image, column * track.width, row * track.height, track.width, track.height, 0, 0, width, height,
  );
  const slice = sliceIn(pane, state.frame);
  if (pane.mask) drawMask(context, pane, bytesOf(pane.mask), slice, width, height);
  const scores = scoresOn(pane);
  const opacity = Number(find("opacity").value);
  if (scores && opacity > 0) {
    const picture = context.getImageData(0, 0, width, height);
    const field = fieldOf(pane, scores, slice, height, width);
    const { lower, upper } = scores;
    blend(picture.data, field, { lower, upper, diverging: isSigned(scores) }, tableOf(scores), opacity);
    context.putImageData(picture, 0, 0);
  }
  if (leftOut(pane)) drawMask(context, pane, strongest(pane, leftOut(pane)), slice, width, height);
  built.stage.dataset.drawn = [own() ? state.lens : "clip", state.frame].join(":");
}

function drawMask(context, pane, mask, slice, width, height) {
  const [, rows, columns] = pane.grid;
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
  const [, rows, columns] = lead().grid;
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
    const isOld = isUnanswered() && built.pane.of_mask;
    built.figure.classList.toggle("vp-old", isOld);
    const out = leftOut(built.pane);
    const title = (built.pane.title || trackOf(built.pane).title)
      + (out ? `, without the strongest ${Math.round(100 * out)}%` : "");
    built.caption.textContent = isOld ? `${title}: of the mask before` : title;
    built.caption.title = built.caption.textContent;
  }
  const time = lead().times[state.frame];
  find("count").textContent = `frame ${state.frame + 1}/${frames()} · ${time.toFixed(2)} s`;
  const scrub = find("scrub");
  scrub.value = state.frame;
  scrub.setAttribute("aria-valuetext", `frame ${state.frame + 1} of ${frames()}, ${time.toFixed(2)} s`);
  drawCurve();
  drawStrip();
  tell();
}
