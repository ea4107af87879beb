// What stands below the pictures: the legend of the scores, the strip of frames, the curve.

const STRIP_PX = 34;
const accent = () => getComputedStyle(element).getPropertyValue("--color-accent") || "#e8590c";

function number(value) {
  if (value === 0) return "0";
  return Math.abs(value) >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

// The scales that differ, each once.
function drawLegends() {
  const scales = activeScores();
  const key = ({ title, lower, upper, colours }) => [title, lower, upper, ...colours].join();
  const distinct = scales.filter((one, at) => scales.findIndex((other) => key(other) === key(one)) === at);
  show(find("legends"), distinct.length > 0);
  find("legends").replaceChildren(...distinct.map(legendOf));
}

function legendOf(scores) {
  const part = (tag, name) => {
    const node = document.createElement(tag);
    node.className = "vp-" + name;
    return node;
  };
  const [legend, title, scale] = [part("div", "legend"), part("span", "legend-title"), part("div", "legend-scale")];
  const [canvas, ticks] = [part("canvas", "legend-bar"), part("div", "ticks")];
  title.textContent = scores.title;
  const table = tableOf(scores);
  [canvas.width, canvas.height] = [table.length / 3, 1];
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d");
  for (let i = 0; i < canvas.width; i += 1) {
    context.fillStyle = `rgb(${table[3 * i]}, ${table[3 * i + 1]}, ${table[3 * i + 2]})`;
    context.fillRect(i, 0, 1, 1);
  }
  for (const value of scores.ticks) ticks.append(tickOf(scores, value));
  scale.append(canvas, ticks);
  legend.classList.toggle("vp-signed", isSigned(scores));
  legend.classList.toggle("vp-beyond", isSigned(scores) && scores.above);
  legend.append(title, scale);
  return legend;
}

function tickOf(scores, value) {
  const mark = document.createElement("span");
  const [isFirst, isLast] = [value === scores.lower, value === scores.upper];
  const sign = isSigned(scores) && value > 0 ? "+" : "";
  mark.textContent = sign + number(value) + (scores.unit.startsWith("x") ? "x" : "");
  if (scores.above && isSigned(scores) && (isFirst || isLast)) mark.textContent += "\nand beyond";
  else if (scores.above && isLast) mark.textContent += " and above";
  mark.style.left = (100 * (value - scores.lower)) / (scores.upper - scores.lower) + "%";
  if (isFirst) mark.className = "vp-first";
  if (isLast) mark.className = "vp-last";
  return mark;
}

function drawStrip() {
  const canvas = find("strip");
  const track = trackOf(lead());
  const image = imageOf(track);
  const count = frames();
  const width = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
  if (!image || !width) return;
  const cell = width / count;
  // As tall as the frames, but low on a wide screen; then their middle is shown.
  const tall = Math.round((cell * track.height) / track.width);
  const height = Math.min(tall, Math.round(STRIP_PX * (window.devicePixelRatio || 1)));
  const cut = Math.round((track.height * (tall - height)) / (2 * tall));
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const fresh = count - lead().repeated;
  for (let i = 0; i < count; i += 1) {
    context.globalAlpha = i < fresh ? 1 : 0.35;
    context.drawImage(
      image, (i % track.columns) * track.width, Math.floor(i / track.columns) * track.height + cut,
      track.width, track.height - 2 * cut, i * cell, 0, cell - 1, height,
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
  find("curve-title").textContent = curve.title;
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (!width) return;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const top = Math.max(...curve.values, curve.even, 0) * 1.1;
  const bottom = Math.min(...curve.values, curve.even, 0) * 1.1;
  const cell = width / curve.values.length;
  const rowOf = (value) => height * ((top - value) / (top - bottom || 1));
  const zero = rowOf(0);
  curve.values.forEach((value, slice) => {
    context.fillStyle = accent();
    context.globalAlpha = slice === sliceOf(state.frame) ? 1 : 0.45;
    context.fillRect(slice * cell, Math.min(zero, rowOf(value)), cell - ratio, Math.abs(rowOf(value) - zero));
  });
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(element).color;
  context.lineWidth = ratio;
  const line = (row, dashes) => {
    context.setLineDash(dashes);
    // On whole pixels, so that it is as dark as the text.
    const at = within(Math.round(row - ratio / 2) + ratio / 2, ratio / 2, height - ratio / 2);
    context.beginPath();
    context.moveTo(0, at);
    context.lineTo(width, at);
    context.stroke();
  };
  if (bottom < 0) line(zero, []);
  if (bottom === 0 || curve.even !== 0) line(rowOf(curve.even), [4 * ratio, 3 * ratio]);
}
