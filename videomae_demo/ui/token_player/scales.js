// What stands below the pictures: the legend of the scores, the strip of frames, the curve.

const accent = () => getComputedStyle(element).getPropertyValue("--color-accent") || "#e8590c";

function number(value) {
  if (value === 0) return "0";
  return Math.abs(value) >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

function drawLegend() {
  const scores = activeScores();
  show(find("legend"), Boolean(scores));
  if (!scores) return;
  find("legend-title").textContent = scores.title;
  const canvas = find("legend-bar");
  const context = canvas.getContext("2d");
  const table = COLOUR_TABLES[find("map").value];
  for (let i = 0; i < 256; i += 1) {
    context.fillStyle = `rgb(${table[3 * i]}, ${table[3 * i + 1]}, ${table[3 * i + 2]})`;
    context.fillRect(i, 0, 1, 1);
  }
  const ticks = scores.ticks.map((value) => {
    const mark = document.createElement("span");
    const isLast = value === scores.upper;
    mark.textContent = number(value) + (scores.unit ? scores.unit.slice(0, 1) === "x" ? "x" : "" : "");
    if (isLast && scores.above) mark.textContent += " and above";
    mark.style.left = (100 * (value - scores.lower)) / (scores.upper - scores.lower) + "%";
    if (value === scores.lower) mark.className = "vp-first";
    if (isLast) mark.className = "vp-last";
    return mark;
  });
  find("ticks").replaceChildren(...ticks);
}

function drawStrip() {
  const canvas = find("strip");
  const track = state.panes.length ? trackOf(state.panes[0].pane) : null;
  const image = track && imageOf(track);
  const count = frames();
  const width = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
  if (!image || !width) return;
  const cell = width / count;
  const height = Math.round((cell * track.height) / track.width);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const fresh = count - (lens().repeated || 0);
  for (let i = 0; i < count; i += 1) {
    context.globalAlpha = i < fresh ? 1 : 0.35;
    context.drawImage(
      image, (i % track.columns) * track.width, Math.floor(i / track.columns) * track.height,
      track.width, track.height, i * cell, 0, cell - 1, height,
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
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (!width) return;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const top = Math.max(...curve, 1) * 1.1;
  const cell = width / curve.length;
  curve.forEach((value, slice) => {
    const tall = (value / top) * height;
    context.fillStyle = accent();
    context.globalAlpha = slice === sliceOf(state.frame) ? 1 : 0.45;
    context.fillRect(slice * cell, height - tall, cell - ratio, tall);
  });
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(element).color;
  context.setLineDash([4 * ratio, 3 * ratio]);
  context.lineWidth = ratio;
  context.beginPath();
  context.moveTo(0, height - height / top);
  context.lineTo(width, height - height / top);
  context.stroke();
}
