// What hiding tokens does: two small charts, and a slider that hides the strongest in the player.

const COLOURS = ["var(--color-accent)", "#2a8fd0", "#0a9e73", "#c464a0"];
const [WIDE, TALL] = [240, 120];
const WAYS = ["strongest hidden first", "weakest hidden first"];

// Which share is hidden now, and for which lens: it stays while the curves grow.
let leftOut = { lens: "", at: 0 };

const shape = (tag, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

const pointsOf = (shares, values) => values.map((value, i) => `${WIDE * shares[i]},${TALL * (1 - value)}`);

function leave(lens, share) {
  window.dispatchEvent(new CustomEvent(LEAVE_OUT, { detail: { lens, share } }));
}

// Show all tokens again, when the curves are gone.
function giveBack() {
  if (leftOut.at) leave(leftOut.lens, 0);
  leftOut = { lens: "", at: 0 };
}

function chartOf(block, way) {
  const figure = make("figure", "panel-chart");
  const chart = shape("svg", { viewBox: `-2 -4 ${WIDE + 4} ${TALL + 8}`, role: "img" });
  const { shares, lines, band } = block;
  const last = lines[0].ways[way].at(-1);
  chart.setAttribute("aria-label", `Probability with the ${WAYS[way]}: at last ${perCent(last)}.`);
  for (const share of [0, 0.5, 1]) {
    const y = TALL * (1 - share);
    chart.append(shape("line", { x1: 0, x2: WIDE, y1: y, y2: y, class: "panel-grid" }));
  }
  const low = pointsOf(shares, band[way].map(([least]) => least));
  const high = pointsOf(shares, band[way].map(([, most]) => most)).reverse();
  chart.append(shape("polygon", { points: [...low, ...high].join(" "), class: "panel-band" }));
  [...lines.entries()].reverse().forEach(([index, line]) => {
    const points = pointsOf(shares, line.ways[way]).join(" ");
    const style = `stroke: ${COLOURS[index % COLOURS.length]}; stroke-width: ${index ? 1.5 : 3}`;
    chart.append(shape("polyline", { points, class: "panel-line", style }));
  });
  if (way === 0) chart.append(shape("line", { y1: 0, y2: TALL, class: "panel-at" }));
  figure.append(chart, make("figcaption", "", WAYS[way]));
  return figure;
}

function drawCurves(block) {
  const holder = make("div", "panel-curves");
  const charts = make("div", "panel-charts");
  charts.append(chartOf(block, 0), chartOf(block, 1));
  const names = make("ul", "panel-names");
  block.lines.forEach((line, index) => {
    const name = make("li", index ? "" : "panel-own", line.name);
    name.style.setProperty("--line", COLOURS[index % COLOURS.length]);
    names.append(name);
  });
  const chance = make("li", "panel-chance", "random");
  names.append(chance);
  const label = make("label", "panel-hide", "Hide the strongest tokens in the picture");
  const slider = make("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = block.shares.length - 1;
  slider.step = 1;
  const said = make("span", "panel-told");
  const mark = charts.querySelector(".panel-at");
  const move = (at) => {
    const share = block.shares[at];
    leftOut = { lens: block.lens, at };
    for (const end of ["x1", "x2"]) mark.setAttribute(end, WIDE * share);
    mark.style.display = at ? "" : "none";
    said.textContent = block.told[at];
    slider.setAttribute("aria-valuetext", block.told[at]);
  };
  slider.value = leftOut.lens === block.lens ? Math.min(leftOut.at, block.shares.length - 1) : 0;
  move(Number(slider.value));
  slider.addEventListener("input", () => {
    move(Number(slider.value));
    leave(block.lens, block.shares[Number(slider.value)]);
  });
  label.append(slider);
  holder.append(charts, names, label, said);
  return holder;
}
