// Draws the flow of tokens, see flow.js, and moves it from stage to stage.

const drawEntering = (holder, clip, given) => {
  const parts = enteringParts;
  const [, high, wide] = clip.grid;
  let told = given;
  let before = null; // the layouts that are moved between
  let after = null;
  let part = 1;
  let stop = () => {};

  const root = drawn.make("div", "learn-entering");
  const canvas = drawn.make("canvas", "learn-canvas learn-flow");
  canvas.setAttribute("role", "img");
  const bars = drawn.make("div", "learn-bars");
  const said = drawn.make("p", "learn-unseen");
  said.setAttribute("role", "status");
  root.append(canvas, bars, said);
  holder.replaceChildren(root);

  // A colour of its own for each code: it stands for a vector, and shows nothing of the picture.
  const shadesOf = (token) => [0, 1, 2, 3].map((at) => {
    const mixed = Math.imul(token * 4 + at + 1, 2654435761) >>> 0;
    return `hsl(${18 + (mixed % 7) * 28} ${58 + (mixed >> 8) % 30}% ${42 + ((mixed >> 16) % 26)}%)`;
  });
  const shades = [];
  let sharp = 0; // how wide a frame is on the screen when the tokens have come to rest

  // The frames as large as the tiles need them, so that hundreds of tiles are copied, and not each one scaled.
  const sheets = new Map();
  function sheetOf(image, frameWidth) {
    const kept = sheets.get(image);
    if (kept && kept.asked === frameWidth) return kept;
    const slices = clip.grid[0];
    const step = Math.max(1, Math.round(frameWidth / wide)); // whole pixels for each tile
    const made = { asked: frameWidth, step, canvas: kept ? kept.canvas : drawn.make("canvas") };
    [made.canvas.width, made.canvas.height] = [step * wide * slices, step * high];
    const brush = made.canvas.getContext("2d");
    brush.imageSmoothingEnabled = step * wide < clip.width;
    brush.imageSmoothingQuality = "high";
    for (let slice = 0; slice < slices; slice += 1) {
      const [x, y] = drawn.frameAt(clip, slice * clip.tubelet);
      brush.drawImage(image, x, y, clip.width, clip.height, slice * step * wide, 0, step * wide, step * high);
    }
    sheets.set(image, made);
    return made;
  }

  function drawLook(context, look, token, x, y, size) {
    if (look === "picture" || look === "predicted" || look === "pale") {
      const slice = Math.floor(token / (high * wide));
      const { canvas: sheet, step } = sheetOf(look === "predicted" ? told.predicted : clip.image, sharp);
      if (look === "pale") context.globalAlpha *= 0.32;
      context.drawImage(sheet, (slice * wide + (token % wide)) * step, (Math.floor(token / wide) % high) * step, step, step, x, y, size, size);
      if (look === "pale") context.globalAlpha /= 0.32;
    } else if (look === "code") {
      shades[token] ||= shadesOf(token);
      shades[token].forEach((shade, at) => {
        context.fillStyle = shade;
        context.fillRect(x + (at * size) / 4, y, size / 4, size);
      });
    } else {
      context.fillStyle = look === "mask" ? parts.MASK : parts.HIDDEN;
      context.fillRect(x, y, size, size);
      if (look === "mask" && size >= 9) {
        context.fillStyle = "#fff";
        context.fillText("?", x + size / 2, y + size / 2 + size * 0.04);
      }
    }
  }

  // On their way to the next stage tokens go through a box: the visible ones through the encoder, then all through the decoder.
  function via(token) {
    const stages = [before.stage, after.stage].sort().join();
    const name = stages === "1,2" && !told.mask[token] ? "encoder" : stages === "2,3" ? "decoder" : null;
    const box = name && boxesNow().find((one) => one.name === name);
    return box ? [box.x + box.width / 2, box.y + box.height / 2] : null;
  }

  const between = (a, b, share) => a + (b - a) * share;
  const boxesNow = () => after.boxes.map((box, at) => {
    const share = drawn.ease(part);
    const old = before.boxes[at];
    const lines = share < 0.5 ? old.lines : box.lines;
    return { ...box, lines: lines.length ? lines : box.lines.length ? box.lines : old.lines, x: between(old.x, box.x, share), y: between(old.y, box.y, share), alpha: between(old.alpha, box.alpha, share), height: between(old.height, box.height, share), width: between(old.width, box.width, share) };
  });

  function drawTokens(context, font) {
    const total = after.tokens.look.length;
    const [from, to] = [before.tokens, after.tokens];
    context.textAlign = "center";
    context.textBaseline = "middle";
    let written = 0;
    for (let token = 0; token < total; token += 1) {
      // The later ones start later, so that they are seen to go in a row.
      const own = part >= 1 ? 1 : drawn.ease(Math.max(0, Math.min(1, part * 1.35 - (0.35 * token) / total)));
      let x = between(from.x[token], to.x[token], own);
      let y = between(from.y[token], to.y[token], own);
      let size = between(from.size[token], to.size[token], own);
      const middle = own < 1 && own > 0 ? via(token) : null;
      if (middle) {
        const share = own < 0.5 ? own * 2 : 2 - own * 2;
        const [ax, ay] = own < 0.5 ? [from.x[token], from.y[token]] : [to.x[token], to.y[token]];
        size = between(own < 0.5 ? from.size[token] : to.size[token], 6, share);
        x = between(ax, middle[0] - size / 2, share);
        y = between(ay, middle[1] - size / 2, share);
      }
      if (Math.abs(size - written) > 0.5) {
        written = size;
        context.font = `700 ${Math.round(size * 0.8)}px ${font}`;
      }
      const [was, is] = [from.look[token], to.look[token]];
      if (was === is || middle || own <= 0 || own >= 1) {
        drawLook(context, own < 0.5 ? was : is, token, x, y, size);
      } else {
        context.globalAlpha = 1 - own;
        drawLook(context, was, token, x, y, size);
        context.globalAlpha = own;
        drawLook(context, is, token, x, y, size);
        context.globalAlpha = 1;
      }
    }
  }

  function drawBox(context, box, colours, font) {
    if (box.alpha <= 0.01) return;
    context.globalAlpha = box.alpha;
    context.beginPath();
    context.roundRect(box.x + 1.5, box.y + 1.5, box.width - 3, box.height - 3, 12);
    context.fillStyle = colours.fill;
    context.fill();
    context.lineWidth = 3;
    context.strokeStyle = colours.accent;
    context.stroke();
    context.fillStyle = colours.text;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const flat = box.height < 90;
    const lines = [box.name, ...(flat ? [box.lines.join(" ")] : box.lines)];
    const step = flat ? 24 : 28;
    lines.forEach((text, at) => {
      context.font = at ? `500 ${flat ? 17 : 19}px ${font}` : `700 ${flat ? 20 : 24}px ${font}`;
      context.fillText(text, box.x + box.width / 2, box.y + box.height / 2 + (at - (lines.length - 1) / 2) * step);
    });
    context.globalAlpha = 1;
  }

  function drawArrow(context, [[x0, y0], [x1, y1]], colour) {
    const length = Math.hypot(x1 - x0, y1 - y0);
    const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
    context.strokeStyle = colour;
    context.lineWidth = 3;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.moveTo(x1 - 8 * ux + 6 * uy, y1 - 8 * uy - 6 * ux);
    context.lineTo(x1, y1);
    context.lineTo(x1 - 8 * ux - 6 * uy, y1 - 8 * uy + 6 * ux);
    context.stroke();
  }

  function drawWords(context, layout, alpha, colours, font) {
    if (alpha <= 0) return;
    context.globalAlpha = alpha;
    for (const arrow of layout.arrows) drawArrow(context, arrow, colours.text);
    for (const word of layout.words) {
      const mark = word.swatch ? 24 : 0;
      context.textBaseline = "middle";
      if (mark) {
        context.textAlign = "center";
        context.font = `700 13px ${font}`;
        drawLook(context, word.swatch, Math.max(0, told.mask.indexOf(["mask", "predicted"].includes(word.swatch) ? 1 : 0)), word.x, word.y - 8, 16);
      }
      context.textAlign = "left";
      context.fillStyle = colours.text;
      context.font = `${word.bold ? 600 : 400} ${word.bold ? 18 : 16}px ${font}`;
      context.fillText(word.text, word.x + mark, word.y);
    }
    context.globalAlpha = 1;
  }

  function draw() {
    if (!canvas.width || !after) return;
    const context = canvas.getContext("2d");
    const dense = canvas.width / canvas.clientWidth;
    const font = getComputedStyle(canvas).fontFamily;
    const colours = {
      text: drawn.colour(root, "--body-text-color") || "#888",
      accent: drawn.colour(root, "--color-accent") || "#f97316",
      fill: drawn.colour(root, "--background-fill-secondary") || "#888",
    };
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const seen = Math.max(0, told.mask.indexOf(after.stage === 3 ? 1 : 0));
    sharp = Math.max(1, Math.round(after.tokens.size[seen] * dense)) * wide;
    context.imageSmoothingEnabled = false;
    drawWords(context, before, Math.max(0, 1 - part * 3), colours, font);
    drawTokens(context, font);
    for (const box of boxesNow()) drawBox(context, box, colours, font);
    drawWords(context, after, before === after ? 1 : Math.max(0, part * 3 - 2), colours, font);
  }

  // The measured times, if there are any: two bars on one scale, and what follows from them.
  function fillBars() {
    const isMeasured = Number.isFinite(told.visible_ms) && Number.isFinite(told.all_ms) && told.all_ms > 0;
    bars.replaceChildren();
    bars.classList.toggle("learn-away", told.stage < 1);
    if (!isMeasured) return;
    const rows = [[`Encoder on ${told.visible} visible`, told.visible_ms, "learn-bar learn-bar-own"], [`Encoder on all ${told.total}`, told.all_ms, "learn-bar"]];
    if (Number.isFinite(told.decoder_ms)) rows.push([`Decoder on all ${told.total}`, told.decoder_ms, "learn-bar"]);
    const most = Math.max(...rows.map(([, time]) => time));
    rows.forEach(([name, time, className], at) => {
      const row = drawn.make("div", "learn-bar-row");
      if (at === 2) row.classList.toggle("learn-away", told.stage < 2); // it has not come yet
      const track = drawn.make("span", "learn-track");
      const bar = drawn.make("span", className);
      bar.style.width = `${(100 * time) / most}%`;
      track.append(bar);
      row.append(drawn.make("span", "learn-bar-name", name), track, drawn.make("span", "learn-bar-value", `${time.toFixed(1)} ms`));
      bars.append(row);
    });
    const perCent = (share) => `${decimals(100 * share, 0)}%`;
    bars.append(drawn.make("p", "learn-bar-told", `${told.visible_ms.toFixed(1)} ms instead of ${told.all_ms.toFixed(1)} ms: `
      + `${perCent(told.visible_ms / told.all_ms)} of the time for ${perCent(told.visible / told.total)} of the tokens.`));
  }

  const sentences = [
    () => `All ${told.total} tokens of the clip, slice by slice.`,
    () => `${told.visible} of ${told.total} tokens are visible and enter the encoder. ${told.hidden} hidden tokens stay outside.`,
    () => `The encoder gives ${told.visible} codes, which are vectors. ${told.hidden} mask tokens join at the hidden places: one and the same learnt vector. `
      + `${told.visible} + ${told.hidden} = ${told.total} tokens enter the decoder.`,
    () => `The decoder gives pixels for the ${told.hidden} hidden places.`,
  ];

  const stageOf = () => Math.max(0, Math.min(sentences.length - 1, told.stage || 0));
  const layoutNow = () => {
    const made = parts.layout(stageOf(), clip, told, canvas.clientWidth, canvas.clientHeight);
    made.stage = stageOf();
    return made;
  };
  function tell() {
    canvas.setAttribute("aria-label", sentences[stageOf()]());
    fillBars();
  }

  tell();
  const observer = drawn.follow(canvas, () => {
    stop();
    after = layoutNow();
    before = after;
    part = 1;
    draw();
  });

  return {
    destroy() {
      stop();
      observer.disconnect();
      root.remove();
    },
    update(next) {
      const moved = (next.stage || 0) !== (told.stage || 0);
      told = next;
      tell();
      if (!canvas.clientWidth) return;
      stop();
      const from = after;
      after = layoutNow();
      before = moved && from ? from : after;
      part = before === after ? 1 : 0;
      if (moved) said.textContent = sentences[stageOf()]();
      if (part === 1) draw();
      else {
        stop = drawn.animate(parts.MOVE_MS, (share) => {
          part = share;
          if (share === 1) before = after;
          draw();
        });
      }
    },
    draw, // for checks
    counts: () => after.tokens.look.reduce((sum, look) => ({ ...sum, [look]: (sum[look] || 0) + 1 }), {}),
  };
};
