// Draws the clip as a block, see shape.js: turned, pulled apart, and a token taken out.

const drawBlock = (holder, clip) => {
  const parts = blockParts;
  const [slices, high, wide] = clip.grid;
  const sides = parts.cut(clip);
  const view = { ...parts.AT_FIRST, apart: 0, front: slices - 1, cursor: [high >> 1, wide >> 1], pointed: null, taken: null, out: 0, keys: false, hurried: false };
  const scratch = drawn.make("canvas");
  const spreads = { gap: -1, fronts: [] };
  let stopTurn = () => {};
  let stopOut = () => {};
  let asked = 0;
  let now = null; // how the block was drawn last: to find what is pointed at

  // The elements
  const root = drawn.make("div", "learn-block");
  const stage = drawn.make("div", "learn-block-stage");
  const canvas = drawn.make("canvas", "learn-canvas learn-turns");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "block of a clip");
  canvas.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight ArrowUp ArrowDown Shift+ArrowLeft Enter PageUp PageDown + -");
  const side = drawn.make("div", "learn-block-side");
  const lead = drawn.make("p", "learn-lead");
  const frames = drawn.make("div", "learn-block-frames");
  const told = drawn.make("p", "learn-told");
  const sum = drawn.make("p", "learn-sum");
  const said = drawn.make("p", "learn-unseen");
  said.setAttribute("role", "status");
  const controls = drawn.make("div", "learn-controls");
  const slider = drawn.make("input");
  slider.type = "range";
  [slider.min, slider.max, slider.step, slider.value] = [0, 100, 1, 0];
  const pull = drawn.make("label", "learn-pull");
  pull.append(drawn.make("span", "", "Pull apart"), slider);
  const left = drawn.button("learn-icon", "↺", () => turnBy(-15, 0), "Turn to the left");
  const right = drawn.button("learn-icon", "↻", () => turnBy(15, 0), "Turn to the right");
  const older = drawn.button("", "Earlier", () => goTo(view.front - 1), "Earlier slice of time");
  const newer = drawn.button("", "Later", () => goTo(view.front + 1), "Later slice of time");
  const where = drawn.make("span", "learn-where");

  // Numbers as words
  const patch = [Math.round(clip.width / wide), Math.round(clip.height / high)];
  const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;
  const framesOf = (slice) => {
    const first = slice * clip.tubelet + 1;
    return clip.tubelet === 1 ? `frame ${first}` : `frames ${first} to ${first + clip.tubelet - 1}`;
  };
  const numbers = clip.tubelet * patch[0] * patch[1] * 3;
  const oneToken = `One token: ${many(clip.tubelet, "frame", "frames")} of ${patch[0]}\u00a0×\u00a0${patch[1]}\u00a0pixels, ${numbers} numbers.`;
  const allTokens = `${many(clip.count, "frame", "frames")} become ${slices}\u00a0×\u00a0${high}\u00a0×\u00a0${wide}\u00a0=\u00a0${slices * high * wide}\u00a0tokens.`;
  const placeWords = ([row, column]) => `row ${row}, column ${column}`;

  function describe() {
    const pulled = Math.round(view.apart * 100);
    const cut = pulled === 0 ? "whole" : pulled <= 50 ? "slices of time pulled apart" : "all tokens pulled apart";
    canvas.setAttribute("aria-label", `The clip as a block, ${cut}. In front: slice ${view.front + 1} of ${slices}, ${framesOf(view.front)}. `
      + `Chosen place: ${placeWords(view.cursor)}. Arrow keys turn, shift and arrow keys choose a place, Enter takes the token out, Page Up and Page Down change the slice.`);
    slider.setAttribute("aria-valuetext", `${pulled}%: ${cut}`);
    where.textContent = `Slice ${view.front + 1} of ${slices}`;
    older.disabled = view.front === 0;
    newer.disabled = view.front === slices - 1;
  }

  // What the taken token holds
  function fillSide() {
    frames.replaceChildren();
    const token = view.taken;
    lead.textContent = token ? oneToken : "Press a token in front to take it out.";
    for (let at = 0; at < clip.tubelet; at += 1) {
      const frame = (token ? token[0] : view.front) * clip.tubelet + at;
      const figure = drawn.make("figure");
      const picture = drawn.make("canvas", token ? "learn-pixels" : "learn-pixels learn-empty");
      [picture.width, picture.height] = patch;
      if (token) {
        const [x, y] = drawn.frameAt(clip, frame);
        const [width, height] = [clip.width / wide, clip.height / high];
        picture.getContext("2d").drawImage(clip.image, x + token[2] * width, y + token[1] * height, width, height, 0, 0, ...patch);
      }
      const time = clip.times && clip.times[frame] !== undefined ? `, ${clip.times[frame].toFixed(2)} s` : "";
      figure.append(picture, drawn.make("figcaption", "", token ? `Frame ${frame + 1}${time}` : "\u00a0"));
      frames.append(figure);
    }
    told.textContent = token ? `Its place: time ${token[0]}, ${placeWords(token.slice(1))}.` : "\u00a0";
  }

  // Drawing
  function stretch(context, corner, u, v, image, x, y, width, height) {
    context.setTransform(u[0], u[1], v[0], v[1], corner[0], corner[1]);
    context.drawImage(image, x, y, width, height, 0, 0, 1, 1);
  }
  const times = (axis, length) => [axis[0] * length, axis[1] * length];

  // One side face of the tokens in a row or a column of a slice.
  function drawTopFace(context, eye, m, slice, row, x, width, from, span) {
    const name = eye.fromAbove ? "top" : "bottom";
    const y = m.y(row) + (eye.fromAbove ? 0 : m.patchY);
    stretch(context, eye.place(x, y, m.z(slice)), times(eye.axes.x, width), times(eye.axes.z, m.thick),
      (m.tokenGap > 0 ? sides.shaded : sides)[name], from, row * clip.count + slice * clip.tubelet, span, clip.tubelet);
  }
  function drawSideFace(context, eye, m, slice, column, y, height, from, span) {
    const name = eye.fromRight ? "right" : "left";
    const x = m.x(column) + (eye.fromRight ? m.patchX : 0);
    stretch(context, eye.place(x, y, m.z(slice)), times(eye.axes.z, m.thick), times(eye.axes.y, height),
      (m.tokenGap > 0 ? sides.shaded : sides)[name], column * clip.count + slice * clip.tubelet, from, clip.tubelet, span);
  }

  // The sides of tokens that stand apart. Columns that are farther from the eye go first. Within a column the lids
  // go before its sides, which share no ray with them; the fronts of a slice hide nothing of it, and go last.
  function drawTokenSides(context, eye, m, slice) {
    const name = eye.fromRight ? "right" : "left";
    for (let j = 0; j < wide; j += 1) {
      const column = eye.fromRight ? j : wide - 1 - j;
      for (let i = 0; i < high; i += 1) {
        const row = eye.fromAbove ? high - 1 - i : i;
        drawTopFace(context, eye, m, slice, row, m.x(column), m.patchX, column * m.patchX, m.patchX);
      }
      const x = m.x(column) + (eye.fromRight ? m.patchX : 0);
      const sheet = spreads[name];
      stretch(context, eye.place(x, 0, m.z(slice)), times(eye.axes.z, m.thick), times(eye.axes.y, m.height),
        sheet, column * clip.count + slice * clip.tubelet, 0, clip.tubelet, sheet.height);
    }
  }

  function drawSlice(context, eye, m, slice) {
    const z = m.z(slice) + m.thick;
    if (m.tokenGap > 0) {
      if (slice === view.front || !view.hurried) drawTokenSides(context, eye, m, slice);
      const whole = spreads.fronts[slice];
      stretch(context, eye.place(0, 0, z), times(eye.axes.x, m.width), times(eye.axes.y, m.height), whole, 0, 0, whole.width, whole.height);
      return;
    }
    drawSideFace(context, eye, m, slice, eye.fromRight ? wide - 1 : 0, 0, m.height, 0, clip.height);
    drawTopFace(context, eye, m, slice, eye.fromAbove ? 0 : high - 1, 0, m.width, 0, clip.width);
    if (slice < view.front && m.sliceGap === 0) return; // hidden behind the next slice
    const [x, y] = drawn.frameAt(clip, (slice + 1) * clip.tubelet - 1);
    stretch(context, eye.place(0, 0, z), times(eye.axes.x, m.width), times(eye.axes.y, m.height), clip.image, x, y, clip.width, clip.height);
  }

  function path(context, eye, points) {
    points.forEach((point, at) => {
      const [x, y] = eye.place(...point);
      if (at) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
  }

  // The hairlines: where the cuts are, on each face that is seen.
  function traceCuts(context, eye, m, slice) {
    const [back, front] = [m.z(slice), m.z(slice) + m.thick];
    const rim = eye.fromRight ? m.width : 0;
    const lid = eye.fromAbove ? 0 : m.height;
    const showsFront = slice === view.front || m.sliceGap > 0;
    for (let column = 0; column <= wide; column += 1) {
      const x = Math.min(m.width, m.x(column));
      if (showsFront) path(context, eye, [[x, 0, front], [x, m.height, front]]);
      path(context, eye, [[x, lid, back], [x, lid, front]]);
    }
    for (let row = 0; row <= high; row += 1) {
      const y = Math.min(m.height, m.y(row));
      if (showsFront) path(context, eye, [[0, y, front], [m.width, y, front]]);
      path(context, eye, [[rim, y, back], [rim, y, front]]);
    }
    for (const z of [back, front]) path(context, eye, [[rim, 0, z], [rim, m.height, z]]);
    for (const z of [back, front]) path(context, eye, [[0, lid, z], [m.width, lid, z]]);
  }

  const corners = (m, row, column, z) => {
    const [x, y] = [m.x(column), m.y(row)];
    return [[x, y, z], [x + m.patchX, y, z], [x + m.patchX, y + m.patchY, z], [x, y + m.patchY, z], [x, y, z]];
  };

  function traceTokens(context, eye, m, slice) {
    for (let row = 0; row < high; row += 1) {
      for (let column = 0; column < wide; column += 1) path(context, eye, corners(m, row, column, m.z(slice) + m.thick));
    }
  }

  function strokeSlice(context, eye, m, slice, flat) {
    context.setTransform(...flat);
    context.beginPath();
    if (m.tokenGap > 0) traceTokens(context, eye, m, slice);
    else traceCuts(context, eye, m, slice);
    // Dark below light: seen on any picture. Behind the front one line is enough, and takes half the time.
    context.lineWidth = m.tokenGap > 0 ? 1 : 1.6;
    context.strokeStyle = "rgb(0 0 0 / 45%)";
    if (m.tokenGap > 0 || slice === view.front) context.stroke();
    context.lineWidth = 0.8;
    context.strokeStyle = "rgb(255 255 255 / 60%)";
    if (m.tokenGap === 0) context.stroke();
  }

  // What is behind the front slice steps back into the page's colour, so that the tokens in front can be told.
  function fade(context, m) {
    if (m.tokenGap === 0) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-atop";
    context.globalAlpha = parts.FADE * Math.max(0, view.apart * 2 - 1);
    context.fillStyle = drawn.colour(root, "--background-fill-primary") || "#888";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "source-over";
    context.globalAlpha = 1;
  }

  // The token that was taken out: its place is empty, and it stands before the slice.
  function drawTaken(context, eye, m, flat, accent) {
    const [slice, row, column] = view.taken;
    const z = m.z(slice) + m.thick;
    context.setTransform(...flat);
    context.beginPath();
    path(context, eye, corners(m, row, column, z));
    context.fillStyle = "rgb(20 20 24)";
    context.fill();
    const shift = view.out * Math.max(1.6 * m.thick, 1.5 * m.patchX);
    const moved = { ...eye, place: (x, y, depth) => eye.place(x, y, depth + shift) };
    drawSideFace(context, moved, m, slice, column, m.y(row), m.patchY, row * m.patchY, m.patchY);
    drawTopFace(context, moved, m, slice, row, m.x(column), m.patchX, column * m.patchX, m.patchX);
    const [fx, fy] = drawn.frameAt(clip, (slice + 1) * clip.tubelet - 1);
    stretch(context, moved.place(m.x(column), m.y(row), z), times(eye.axes.x, m.patchX), times(eye.axes.y, m.patchY),
      clip.image, fx + column * m.patchX, fy + row * m.patchY, m.patchX, m.patchY);
    context.setTransform(...flat);
    context.beginPath();
    path(context, moved, corners(m, row, column, z));
    const x = m.x(column) + (eye.fromRight ? m.patchX : 0);
    const y = m.y(row) + (eye.fromAbove ? 0 : m.patchY);
    const [w, h] = [m.x(column) + m.patchX, m.y(row) + m.patchY];
    path(context, moved, [[x, m.y(row), z], [x, m.y(row), z - m.thick], [x, h, z - m.thick], [x, h, z]]);
    path(context, moved, [[m.x(column), y, z], [m.x(column), y, z - m.thick], [w, y, z - m.thick], [w, y, z]]);
    context.lineWidth = 2.5;
    context.lineJoin = "round";
    context.strokeStyle = accent;
    context.stroke();
  }

  function outline(context, eye, m, place, colour) {
    context.beginPath();
    path(context, eye, corners(m, place[0], place[1], m.z(view.front) + m.thick));
    for (const [width, stroke] of [[5, "rgb(0 0 0 / 70%)"], [3, colour]]) {
      context.lineWidth = width;
      context.strokeStyle = stroke;
      context.stroke();
    }
  }

  // Where the slices were that are taken away from the front.
  function drawGhost(context, eye, m, colour) {
    if (view.front === slices - 1) return;
    const [back, front] = [m.z(view.front) + m.thick, m.depth];
    context.beginPath();
    for (const [x, y] of [[0, 0], [m.width, 0], [0, m.height], [m.width, m.height]]) path(context, eye, [[x, y, back], [x, y, front]]);
    path(context, eye, [[0, 0, front], [m.width, 0, front], [m.width, m.height, front], [0, m.height, front], [0, 0, front]]);
    context.setLineDash([3, 4]);
    context.lineWidth = 1;
    context.strokeStyle = colour;
    context.stroke();
    context.setLineDash([]);
  }

  // The arrow of time below the block, from the oldest frame to the newest.
  function drawTime(context, eye, m, colour, height) {
    const x = eye.fromRight ? m.width : 0;
    const y = eye.fromAbove ? m.height : 0;
    const away = eye.fromAbove ? 12 : -12;
    const sideways = eye.fromRight ? 10 : -10;
    const [from, to] = [eye.place(x, y, 0), eye.place(x, y, m.depth)].map(([px, py]) => [px + sideways, py + away]);
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (length < 40) return; // seen from the front, time has no length
    const [ux, uy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.moveTo(to[0] - 9 * ux + 5 * uy, to[1] - 9 * uy - 5 * ux);
    context.lineTo(...to);
    context.lineTo(to[0] - 9 * ux - 5 * uy, to[1] - 9 * uy + 5 * ux);
    context.stroke();
    context.font = `600 17px ${getComputedStyle(canvas).fontFamily}`;
    context.textAlign = eye.fromRight ? "left" : "right";
    context.textBaseline = "middle";
    const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
    context.fillText("time", middle[0] + (eye.fromRight ? 8 : -8), Math.min(height - 10, Math.max(10, middle[1] + away)));
  }

  function draw() {
    asked = 0;
    if (!canvas.width) return;
    const context = canvas.getContext("2d");
    const dense = canvas.width / canvas.clientWidth;
    const flat = [dense, 0, 0, dense, 0, 0];
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const m = parts.measure(clip, view.apart);
    const text = drawn.colour(root, "--body-text-color") || "#888";
    const accent = drawn.colour(root, "--color-accent") || "#f97316";
    const small = parts.look(m, view, width, height, { left: 26, right: 26, top: 22, bottom: 26 });
    // The faces are drawn in the canvas's own pixels, lines and words in those of the page.
    const eye = { ...small, axes: {}, place: (x, y, z) => small.place(x, y, z).map((at) => at * dense) };
    for (const name of ["x", "y", "z"]) eye.axes[name] = times(small.axes[name], dense);
    spreadFronts(m);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    for (let slice = 0; slice <= view.front; slice += 1) {
      if (slice === view.front) fade(context, m);
      drawSlice(context, eye, m, slice);
      if (slice === view.front || m.tokenGap === 0) strokeSlice(context, small, m, slice, flat);
    }
    context.setTransform(...flat);
    drawGhost(context, small, m, text);
    drawTime(context, small, m, text, height);
    if (view.taken) drawTaken(context, { ...eye, place: eye.place }, m, [1, 0, 0, 1, 0, 0], accent);
    context.setTransform(...flat);
    const pointed = view.pointed || (view.keys ? view.cursor : null);
    if (pointed) outline(context, small, m, pointed, view.keys && !view.pointed ? accent : "#fff");
    now = { m, eye: small };
  }

  function spreadFronts(m) {
    if (m.tokenGap === 0 || spreads.gap === m.tokenGap) return;
    spreads.gap = m.tokenGap;
    for (let slice = 0; slice < slices; slice += 1) {
      spreads.fronts[slice] = parts.spread(clip, m, slice, [scratch, spreads.fronts[slice] || drawn.make("canvas")]);
    }
    for (const name of ["left", "right"]) spreads[name] = parts.spreadDown(m, sides.shaded[name], spreads[name] || drawn.make("canvas"));
  }

  // On slow machines the sides of the tokens behind wait until the block is at rest.
  let last = 0;
  let rest = 0;
  const redraw = () => {
    asked ||= requestAnimationFrame((time) => {
      if (time - last < 250 && time - last > parts.SLOW_MS) view.hurried = true;
      last = time;
      draw();
      clearTimeout(rest);
      if (view.hurried) rest = setTimeout(finish, 150);
    });
  };
  const finish = () => {
    view.hurried = false;
    draw();
  };

  // Doing
  const within = (value, limit) => Math.max(-limit, Math.min(limit, value));
  function turnTo(yaw, pitch) {
    view.yaw = within(yaw, parts.YAW);
    view.pitch = within(pitch, parts.PITCH);
    redraw();
  }
  function turnBy(yaw, pitch) {
    stopTurn();
    const from = [view.yaw, view.pitch];
    stopTurn = drawn.animate(220, (part) => turnTo(from[0] + yaw * drawn.ease(part), from[1] + pitch * drawn.ease(part)));
  }
  function pullTo(apart) {
    view.apart = Math.max(0, Math.min(1, apart));
    slider.value = Math.round(view.apart * 100);
    describe();
    redraw();
  }
  function goTo(slice) {
    const front = Math.max(0, Math.min(slices - 1, slice));
    if (front === view.front) return;
    view.front = front;
    putBack();
    describe();
    said.textContent = `Slice ${front + 1} of ${slices}, ${framesOf(front)}, is in front.`;
  }
  function putBack() {
    stopOut();
    view.taken = null;
    fillSide();
    redraw();
  }
  function takeOut(place) {
    if (view.taken && view.taken[1] === place[0] && view.taken[2] === place[1]) {
      putBack();
      said.textContent = "The token is back in its place.";
      return;
    }
    stopOut();
    view.taken = [view.front, ...place];
    view.cursor = place;
    fillSide();
    describe();
    said.textContent = `${oneToken} ${told.textContent} ${allTokens}`;
    stopOut = drawn.animate(320, (part) => {
      view.out = drawn.ease(part);
      redraw();
    });
  }

  // The token of the front slice at a point of the canvas, or null.
  function tokenAt(event) {
    if (!now) return null;
    const { m, eye } = now;
    const box = canvas.getBoundingClientRect();
    const corner = eye.place(0, 0, m.z(view.front) + m.thick);
    const [dx, dy] = [event.clientX - box.left - corner[0], event.clientY - box.top - corner[1]];
    const x = dx / eye.axes.x[0];
    const y = (dy - eye.axes.x[1] * x) / eye.axes.y[1];
    const [column, row] = [Math.floor(x / (m.patchX + m.tokenGap)), Math.floor(y / (m.patchY + m.tokenGap))];
    const inGap = x - m.x(column) > m.patchX || y - m.y(row) > m.patchY;
    return row < 0 || column < 0 || row >= high || column >= wide || inGap ? null : [row, column];
  }

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stopTurn();
    drag = { x: event.clientX, y: event.clientY, yaw: view.yaw, pitch: view.pitch, far: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) {
      view.pointed = tokenAt(event);
      canvas.classList.toggle("learn-over", Boolean(view.pointed));
      redraw();
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.far ||= Math.hypot(dx, dy) > 5;
    if (!drag.far) return;
    view.pointed = null;
    turnTo(drag.yaw - dx * 0.4, drag.pitch + dy * 0.4);
  });
  canvas.addEventListener("pointerup", (event) => {
    const place = drag && !drag.far ? tokenAt(event) : null;
    drag = null;
    view.keys = false;
    if (place) takeOut(place);
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointerleave", () => {
    view.pointed = null;
    redraw();
  });
  canvas.addEventListener("focus", () => {
    view.keys = canvas.matches(":focus-visible");
    redraw();
  });
  canvas.addEventListener("blur", () => {
    view.keys = false;
    redraw();
  });

  function moveCursor(down, across) {
    view.keys = true;
    view.pointed = null;
    view.cursor = [Math.max(0, Math.min(high - 1, view.cursor[0] + down)), Math.max(0, Math.min(wide - 1, view.cursor[1] + across))];
    describe();
    said.textContent = placeWords(view.cursor);
    redraw();
  }
  const keys = {
    ArrowLeft: () => turnBy(-10, 0), ArrowRight: () => turnBy(10, 0), ArrowUp: () => turnBy(0, 10), ArrowDown: () => turnBy(0, -10),
    PageUp: () => goTo(view.front + 1), PageDown: () => goTo(view.front - 1), Enter: () => takeOut(view.cursor), " ": () => takeOut(view.cursor),
    Escape: putBack, "+": () => pullTo(view.apart + 0.1), "-": () => pullTo(view.apart - 0.1),
    Home: () => turnBy(parts.AT_FIRST.yaw - view.yaw, parts.AT_FIRST.pitch - view.pitch),
  };
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const doing = event.shiftKey && moves[event.key] ? () => moveCursor(...moves[event.key]) : keys[event.key];
    if (!doing || (event.key === "Escape" && !view.taken)) return;
    event.preventDefault();
    event.stopPropagation(); // the page has keys of its own
    doing();
  });
  slider.addEventListener("input", () => pullTo(Number(slider.value) / 100));

  const turns = drawn.make("div", "learn-group");
  turns.append(left, right);
  const steps = drawn.make("div", "learn-group");
  steps.append(older, where, newer);
  controls.append(turns, pull, steps);
  sum.textContent = allTokens;
  side.append(lead, frames, told, sum);
  stage.append(canvas, side, controls);
  root.append(stage, said);
  holder.replaceChildren(root);
  describe();
  fillSide();
  const observer = drawn.follow(canvas, draw);
  const from = { yaw: 4, pitch: 8 };
  if (!drawn.calm.matches) turnTo(from.yaw, from.pitch);
  stopTurn = drawn.animate(1400, (part) => {
    const done = drawn.ease(part);
    turnTo(from.yaw + (parts.AT_FIRST.yaw - from.yaw) * done, from.pitch + (parts.AT_FIRST.pitch - from.pitch) * done);
  });

  return {
    destroy() {
      stopTurn();
      stopOut();
      cancelAnimationFrame(asked);
      clearTimeout(rest);
      observer.disconnect();
      root.remove();
    },
    // For checks: draw at once, and where a point of the block (pixels of a frame; depth) lies on the canvas.
    draw,
    place: (x, y, z) => now.eye.place(x, y, z),
    measures: () => now.m,
  };
};
