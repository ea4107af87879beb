// Guess the patch: the masked clip, four patches to choose from, and then what the model imagines.

const drawGuess = (holder, clip, told) => {
  const HIDDEN = "rgb(188, 190, 194)";
  const [, high, wide] = clip.grid;
  const [slice, row, column] = told.place;
  const state = { frame: told.frame, chosen: null };
  const truth = told.candidates.findIndex((candidate) => candidate.kind === "truth");

  const root = drawn.make("div", "learn-guess");
  const body = drawn.make("div", "learn-guess-body");
  const left = drawn.make("div", "learn-guess-left");
  const picture = drawn.make("canvas", "learn-guess-frame");
  picture.setAttribute("role", "img");
  const place = drawn.make("span", "learn-guess-place");
  const mark = drawn.make("span", "learn-guess-mark", "?");
  place.append(mark);
  const frameBox = drawn.make("div", "learn-guess-stage");
  frameBox.append(picture, place);
  const scrub = drawn.make("input");
  scrub.type = "range";
  scrub.setAttribute("aria-label", "Frame");
  [scrub.min, scrub.max, scrub.step, scrub.value] = [0, clip.count - 1, 1, state.frame];
  const count = drawn.make("span", "learn-guess-count");
  const line = drawn.make("div", "learn-guess-line");
  line.append(scrub, count);
  left.append(frameBox, line);
  const right = drawn.make("div", "learn-guess-right");
  const lead = drawn.make("p", "learn-lead", "Which patch belongs at the “?”");
  const choices = drawn.make("div", "learn-guess-choices");
  choices.setAttribute("role", "group");
  choices.setAttribute("aria-label", "Patches to choose from");
  const shown = drawn.make("div", "learn-guess-shown");
  const words = drawn.make("p", "learn-guess-told");
  words.setAttribute("role", "status");
  const foot = drawn.make("div", "learn-guess-foot");
  const score = drawn.make("span", "learn-guess-score");
  const another = drawn.button("learn-act", "Another patch", () => told.onAnother && told.onAnother());

  // The frame with grey where tokens are hidden, at the model's own size: CSS makes it large.
  function drawFrame() {
    [picture.width, picture.height] = [clip.width, clip.height];
    const context = picture.getContext("2d");
    const [x, y] = drawn.frameAt(clip, state.frame);
    context.drawImage(clip.image, x, y, clip.width, clip.height, 0, 0, clip.width, clip.height);
    const now = Math.floor(state.frame / clip.tubelet);
    const isKnown = state.chosen !== null;
    context.fillStyle = HIDDEN;
    for (let r = 0; r < high; r += 1) {
      for (let c = 0; c < wide; c += 1) {
        if (!told.mask[(now * high + r) * wide + c]) continue;
        if (isKnown && now === slice && r === row && c === column) continue; // it is shown now
        const [x0, y0] = [Math.round((c * clip.width) / wide), Math.round((r * clip.height) / high)];
        context.fillRect(x0, y0, Math.round(((c + 1) * clip.width) / wide) - x0, Math.round(((r + 1) * clip.height) / high) - y0);
      }
    }
    const isHere = now === slice;
    place.classList.toggle("learn-elsewhen", !isHere);
    mark.textContent = isHere && !isKnown ? "?" : "";
    const time = clip.times && clip.times[state.frame] !== undefined ? `, ${clip.times[state.frame].toFixed(2)} s` : "";
    count.textContent = `Frame ${state.frame + 1}/${clip.count}${time}`;
    scrub.setAttribute("aria-valuetext", `frame ${state.frame + 1} of ${clip.count}${isHere ? ", with the asked patch" : ""}`);
    picture.setAttribute("aria-label", `Frame ${state.frame + 1} of ${clip.count}, masked. The asked patch is in row ${row}, column ${column}${isHere ? "" : ", in another slice of time"}.`);
  }

  const pixelsOf = (candidate) => drawn.pixels(candidate.image || candidate.canvasPixels);
  const dB = (value) => `${value.toFixed(1)} dB`;

  function figure(pixels, name, note) {
    const made = drawn.make("figure");
    const caption = drawn.make("figcaption");
    caption.append(drawn.make("b", "", name), drawn.make("span", "", note || "\u00a0"));
    if (pixels) pixels.setAttribute("aria-hidden", "true");
    made.append(pixels || drawn.make("div", "learn-pixels learn-empty"), caption);
    return made;
  }

  function sentence() {
    const model = told.psnr && told.psnr.model;
    const own = told.psnr && told.psnr.chosen && told.psnr.chosen[state.chosen];
    const saw = Number.isFinite(model) ? ` The model, which saw only what you saw, came to ${dB(model)}.` : "";
    if (state.chosen === truth) return `You picked the truth.${saw}`;
    return `You picked a patch from elsewhere${Number.isFinite(own) ? `: ${dB(own)}` : ""}.${saw}`;
  }

  function fillShown() {
    if (state.chosen === null) {
      shown.replaceChildren(figure(null, "The truth"), figure(null, "Your pick"), figure(null, "The model’s"));
      words.textContent = "";
      return;
    }
    const isRight = state.chosen === truth;
    const own = told.psnr && told.psnr.chosen && told.psnr.chosen[state.chosen];
    const model = told.psnr && told.psnr.model;
    shown.replaceChildren(
      figure(pixelsOf(told.candidates[truth]), "The truth", `number ${truth + 1}`),
      figure(pixelsOf(told.candidates[state.chosen]), "Your pick", isRight ? "right" : Number.isFinite(own) ? dB(own) : "wrong"),
      figure(told.model ? drawn.pixels(told.model) : null, "The model’s", Number.isFinite(model) ? dB(model) : ""),
    );
    words.textContent = sentence();
  }

  function fillScore() {
    const { right: hits, of } = told.score || { right: 0, of: 0 };
    score.textContent = of ? `${hits} of ${of} right` : "";
  }

  function pick(index) {
    if (state.chosen !== null || !told.candidates[index]) return;
    state.chosen = index;
    state.frame = told.frame;
    scrub.value = state.frame;
    buttons.forEach((button, at) => {
      button.setAttribute("aria-disabled", "true");
      button.setAttribute("aria-pressed", String(at === index));
      const verdict = at === truth ? "✓ truth" : at === index ? "✗ yours" : "";
      button.classList.toggle("learn-right", at === truth);
      button.classList.toggle("learn-wrong", at === index && at !== truth);
      button.querySelector(".learn-guess-number").textContent = verdict || String(at + 1);
      if (verdict) button.setAttribute("aria-label", `Patch ${at + 1}: ${at === truth ? "the truth" : "your pick, from elsewhere"}`);
    });
    lead.textContent = index === truth ? "✓ Right!" : "✗ Not this one.";
    if (told.onGuess) told.onGuess(index);
    drawFrame();
    fillShown();
    fillScore();
    another.classList.remove("learn-away");
  }

  const buttons = told.candidates.map((candidate, index) => {
    const button = drawn.button("learn-guess-choice", "", () => pick(index), `Patch ${index + 1}`);
    button.append(pixelsOf(candidate), drawn.make("span", "learn-guess-number", String(index + 1)));
    return button;
  });

  // Digits choose while the picture has the focus, or nothing has.
  function byKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !root.offsetParent) return;
    if (document.activeElement !== document.body && !root.contains(document.activeElement)) return;
    const index = Number(event.key) - 1;
    if (!Number.isInteger(index) || !told.candidates[index]) return;
    event.preventDefault();
    pick(index);
  }
  document.addEventListener("keydown", byKey);
  scrub.addEventListener("input", () => {
    state.frame = Number(scrub.value);
    drawFrame();
  });

  for (const [name, value] of [["left", column / wide], ["top", row / high], ["width", 1 / wide], ["height", 1 / high]]) place.style[name] = `${100 * value}%`;
  frameBox.style.aspectRatio = `${clip.width} / ${clip.height}`;
  choices.append(...buttons);
  another.classList.add("learn-away");
  foot.append(score, another);
  right.append(lead, choices, shown, words, foot);
  body.append(left, right);
  root.append(body);
  holder.replaceChildren(root);
  drawFrame();
  fillShown();
  fillScore();

  return {
    destroy() {
      document.removeEventListener("keydown", byKey);
      root.remove();
    },
  };
};
