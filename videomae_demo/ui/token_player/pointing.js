// Pointing at tokens, choosing one and painting some: with mouse, finger or keys.

function tokenAt(built, event) {
  const box = built.canvas.getBoundingClientRect();
  const [, rows, columns] = lead().grid;
  const inside = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
  return [
    sliceOf(state.frame),
    inside((event.clientY - box.top) / box.height, rows),
    inside((event.clientX - box.left) / box.width, columns),
  ];
}

function choose(token) {
  if (!lens() || !lens().chooses) return;
  const before = state.value.chosen;
  const again = before && token && before.join() === token.join();
  state.value.chosen = again ? null : token;
  play(false);
  draw();
  announce(state.value.chosen ? `Chosen: ${describeToken(state.value.chosen)}` : "No token chosen.");
  say(CHOOSE, state.value.chosen);
}

function listenToStage(built) {
  const { stage } = built;
  stage.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId) && state.stroke === null) {
      const [x, y] = fingers.get(event.pointerId);
      state.dragged += Math.hypot(event.clientX - x, event.clientY - y);
      follow(stage, event);
    }
    if (!lens()) return;
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
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    state.dragged = 0;
    stage.setPointerCapture(event.pointerId);
    if (!lens()) return;
    if (fingers.size > 1) {
      dropStroke();
    } else if (state.painting && maskBytes()) {
      play(false);
      startStroke(tokenAt(built, event));
    }
  });
  const finish = (event) => {
    fingers.delete(event.pointerId);
    if (state.stroke !== null) endStroke();
  };
  stage.addEventListener("pointerup", finish);
  stage.addEventListener("pointercancel", finish);
  stage.addEventListener("click", (event) => {
    if (lens() && !state.painting && state.dragged < DRAG_PX) choose(tokenAt(built, event));
  });
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // a trackpad's pinch comes as a wheel with this key
    event.preventDefault();
    const at = sharesOf(stage, [event.clientX, event.clientY]);
    bring(view.zoom * Math.exp(-event.deltaY / 100), at, at);
  }, { passive: false });
  stage.addEventListener("keydown", onStageKey);
  stage.addEventListener("focus", () => {
    if (!lens() || !stage.matches(":focus-visible")) return;
    const [, rows, columns] = lead().grid;
    const slice = sliceOf(state.frame);
    state.cursor = state.cursor || [slice, Math.floor(rows / 2), Math.floor(columns / 2)];
    state.hover = true;
    draw();
  });
  stage.addEventListener("blur", () => { state.hover = false; draw(); });
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function onStageKey(event) {
  if (!lens()) return;
  const [, rows, columns] = lead().grid;
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
    reveal(state.cursor);
    draw();
    announce(describeToken(state.cursor));
  } else if (event.key === "Enter") {
    if (state.painting && maskBytes()) {
      startStroke(cursor);
      endStroke();
    } else {
      choose(cursor);
    }
  } else if (event.key === "+" || event.key === "-") {
    magnify(event.key === "+" ? 2 : 0.5);
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
