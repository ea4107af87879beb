// The last frames, as the model takes them: so many, its own interval apart, the middle of the
// picture cut out at its own size; and larger, for whoever wants to explore them. Pure of the page.

const canvasOf = (width, height) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
};

// The middle of a width x height picture with the shape of the model's frames: [left, top, width, height].
function middleOf(width, height, facts) {
  const scale = Math.min(width / facts.width, height / facts.height);
  const [wide, tall] = [scale * facts.width, scale * facts.height];
  return [(width - wide) / 2, (height - tall) / 2, wide, tall];
}

function drawMiddle(canvas, video, facts, mirrored) {
  const context = canvas.getContext("2d");
  context.save();
  context.imageSmoothingQuality = "high";
  if (mirrored) {
    context.translate(canvas.width, 0);
    context.scale(-1, 1);
  }
  context.drawImage(video, ...middleOf(video.videoWidth, video.videoHeight, facts), 0, 0, canvas.width, canvas.height);
  context.restore();
}

class Ring {
  constructor(facts) {
    this.facts = facts;
    this.taken = 0; // how many frames were taken in all
    this.times = [];
    const { width, height, times, frames } = facts;
    const make = (factor) => Array.from({ length: frames }, () => canvasOf(factor * width, factor * height));
    [this.small, this.large] = [make(1), make(times)];
  }

  get isFull() { return this.taken >= this.facts.frames; }

  take(video, mirrored, now) {
    const place = this.taken % this.facts.frames;
    drawMiddle(this.small[place], video, this.facts, mirrored);
    if (this.facts.times > 1) drawMiddle(this.large[place], video, this.facts, mirrored);
    this.taken += 1;
    this.times = [...this.times.slice(1 - this.facts.frames), now];
  }

  // What was taken so far, as the mirror shows it: all frames of a moment are of one kind.
  mirror() {
    for (const canvas of [...this.small, ...this.large]) {
      const copy = canvasOf(canvas.width, canvas.height);
      copy.getContext("2d").drawImage(canvas, 0, 0);
      const context = canvas.getContext("2d");
      context.save();
      context.translate(canvas.width, 0);
      context.scale(-1, 1);
      context.drawImage(copy, 0, 0);
      context.restore();
    }
  }

  // The mean time between the frames, in seconds.
  spacing() {
    const { times } = this;
    return (times[times.length - 1] - times[0]) / (times.length - 1) / 1000;
  }

  // All frames on one canvas, the oldest first.
  sprite({ large = false } = {}) {
    const { frames, width, height, times } = this.facts;
    const factor = large ? times : 1;
    const from = large && times > 1 ? this.large : this.small;
    const rows = Math.ceil(frames / SPRITE_COLUMNS);
    const sheet = canvasOf(SPRITE_COLUMNS * factor * width, rows * factor * height);
    const context = sheet.getContext("2d");
    for (let i = 0; i < frames; i += 1) {
      const cell = from[(this.taken + i) % frames];
      context.drawImage(cell, (i % SPRITE_COLUMNS) * cell.width, Math.floor(i / SPRITE_COLUMNS) * cell.height);
    }
    return sheet;
  }
}

const asBlob = (canvas, type, quality) => new Promise((resolve) => { canvas.toBlob(resolve, type, quality); });
