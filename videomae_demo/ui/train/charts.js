// Curves over the steps of a training, in the size that they are shown in. Pure of the page.

const MARGIN = { left: 52, right: 10, top: 8, bottom: 22 };
const LOG_TICKS = [1, 2, 5];

const shape = (tag, attributes, words = "") => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = words;
  return node;
};

// Round numbers from low to high, about `wanted` of them.
function linearTicks(low, high, wanted = 4) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high + 1e-9 * step; at += 1) ticks.push(at * step);
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    ticks.push(...LOG_TICKS.map((one) => one * 10 ** power));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

// What is to be seen of values: from the lowest to the highest, and a little more.
function rangeOf(values, { log, least, most }) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (log) [low, high] = [low / 1.08, high * 1.08];
  else [low, high] = [least ?? low - 0.05 * (high - low), most ?? high + 0.05 * (high - low)];
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

// So many points at the most, each the mean of its neighbours.
function thinned(points, most) {
  if (points.length <= most) return points;
  const size = points.length / most;
  return Array.from({ length: most }, (_, at) => {
    const part = points.slice(Math.floor(at * size), Math.floor((at + 1) * size));
    return [part[part.length - 1][0], part.reduce((sum, [, y]) => sum + y, 0) / part.length];
  });
}

// `chart`: { lines: [{ kind, points: [[step, value]] }], steps, rival: { name, value }, log, least,
// most, tell }. Nothing is drawn of a chart without points but its frame.
function drawChart(svg, chart) {
  const [width, height] = [svg.clientWidth || 300, svg.clientHeight || 180];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const values = chart.lines.flatMap((line) => line.points.map(([, y]) => y));
  if (chart.rival && chart.rival.value !== null) values.push(chart.rival.value);
  const [low, high] = values.length ? rangeOf(values, chart) : [0.01, 1];
  const scale = chart.log ? Math.log : (value) => value;
  const across = (step) => MARGIN.left + (width - MARGIN.left - MARGIN.right) * (step / chart.steps);
  const down = (value) => {
    const share = (scale(value) - scale(low)) / (scale(high) - scale(low));
    return height - MARGIN.bottom - (height - MARGIN.bottom - MARGIN.top) * share;
  };
  const parts = [];
  for (const tick of chart.log ? logTicks(low, high) : linearTicks(low, high)) {
    const y = down(tick);
    parts.push(shape("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y, class: "train-grid" }));
    parts.push(shape("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, chart.tell(tick)));
  }
  for (const tick of linearTicks(0, chart.steps, 3)) {
    const anchor = tick === 0 ? "start" : tick === chart.steps ? "end" : "middle";
    parts.push(shape("text", { x: across(tick), y: height - 4, "text-anchor": anchor }, tick ? String(tick) : "step 0"));
  }
  for (const { kind, points } of chart.lines) {
    const drawn = thinned(points, Math.max(50, Math.round(width / 2))).map(([x, y]) => `${across(x).toFixed(1)},${down(y).toFixed(1)}`);
    parts.push(shape("polyline", { points: drawn.join(" "), class: `train-${kind}` }));
  }
  if (chart.rival && chart.rival.value !== null && values.length) {
    const y = down(chart.rival.value);
    parts.push(shape("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y, class: "train-rival" }));
    const above = y - 6 > MARGIN.top + 10 ? y - 6 : y + 16;
    parts.push(shape("text", { x: width - MARGIN.right - 2, y: above, "text-anchor": "end", class: "train-halo" }, chart.rival.name));
  }
  svg.replaceChildren(...parts);
}
