// From token scores to colours: the same rules as videomae_demo/rendering, so that the page and the
// files to take away show the same picture. Pure functions; they know nothing of the page.

function decodeBytes(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

function encodeBytes(bytes) {
  let raw = "";
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return btoa(raw);
}

// The Catmull-Rom spline through the centres of `cells` cells, sampled at `size` pixels.
function splineAxis(size, cells) {
  const at = [];
  const clip = (i) => Math.min(Math.max(i, 0), cells - 1);
  for (let i = 0; i < size; i += 1) {
    const place = ((i + 0.5) * cells) / size - 0.5;
    const before = Math.floor(place);
    const t = place - before;
    at.push({
      cells: [clip(before - 1), clip(before), clip(before + 1), clip(before + 2)],
      weights: [
        (-t + 2 * t * t - t * t * t) / 2,
        (2 - 5 * t * t + 3 * t * t * t) / 2,
        (t + 4 * t * t - 3 * t * t * t) / 2,
        (-t * t + t * t * t) / 2,
      ],
    });
  }
  return at;
}

// One slice of time, (gridHeight * gridWidth), spread over height * width pixels.
function spreadSlice(slice, gridHeight, gridWidth, height, width, smooth) {
  const field = new Float32Array(height * width);
  if (!smooth) {
    for (let y = 0; y < height; y += 1) {
      const row = Math.floor(((2 * y + 1) * gridHeight) / (2 * height)) * gridWidth;
      for (let x = 0; x < width; x += 1) {
        field[y * width + x] = slice[row + Math.floor(((2 * x + 1) * gridWidth) / (2 * width))];
      }
    }
    return field;
  }
  const down = splineAxis(height, gridHeight);
  const across = splineAxis(width, gridWidth);
  const line = new Float32Array(gridWidth);
  for (let y = 0; y < height; y += 1) {
    const rows = down[y].cells.map((row) => row * gridWidth);
    const w = down[y].weights;
    for (let c = 0; c < gridWidth; c += 1) {
      line[c] =
        w[0] * slice[rows[0] + c] + w[1] * slice[rows[1] + c] +
        w[2] * slice[rows[2] + c] + w[3] * slice[rows[3] + c];
    }
    for (let x = 0; x < width; x += 1) {
      const c = across[x].cells;
      const v = across[x].weights;
      const value = v[0] * line[c[0]] + v[1] * line[c[1]] + v[2] * line[c[2]] + v[3] * line[c[3]];
      const a = slice[rows[1] + c[1]], b = slice[rows[1] + c[2]];
      const d = slice[rows[2] + c[1]], e = slice[rows[2] + c[2]];
      field[y * width + x] = Math.min(Math.max(value, Math.min(a, b, d, e)), Math.max(a, b, d, e));
    }
  }
  return field;
}

// Blend a field into RGBA pixels, in place. On a diverging scale, zero shows the backdrop alone.
function blend(pixels, field, { lower, upper, diverging }, table, opacity) {
  const last = table.length / 3 - 1;
  for (let i = 0; i < field.length; i += 1) {
    const value = field[i];
    const isMissing = Number.isNaN(value);
    const place = isMissing ? 0 : Math.min(Math.max((value - lower) / (upper - lower), 0), 1);
    const strength = diverging ? Math.abs(2 * place - 1) : place;
    const at = 4 * i;
    const grey =
      0.6 * (0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]);
    const colour = 3 * Math.round(last * place);
    const share = isMissing ? 0 : opacity * strength;
    for (let c = 0; c < 3; c += 1) {
      const backdrop = (1 - opacity) * pixels[at + c] + opacity * grey;
      pixels[at + c] = (1 - share) * backdrop + share * table[colour + c];
    }
  }
}
