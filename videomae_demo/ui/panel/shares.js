// Measures over the share that is hidden: one chart, whose shares are buttons that choose them.

const SHARE_COLOURS = ["var(--color-accent)", "#2a8fd0", "#0a9e73", "#c464a0", "#8f7fe8", "#98873a"];
const SHARE_DASHES = ["none", "7 3", "2 3", "9 3 2 3", "4 2", "1 4"];

// Which measure is shown: it stays when the panel is drawn anew.
const shareState = { chart: 0 };

const acrossOf = (block, ratio) => (ratio - block.ends[0]) / (block.ends[1] - block.ends[0]);

function drawBands(block, chart) {
  const drawn = shape("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  const at = (heights) => heights.map((height, i) => `${100 * acrossOf(block, block.ratios[i])},${100 * (1 - height)}`);
  for (const [height] of chart.ticks) {
    const y = 100 * (1 - height);
    drawn.append(shape("line", { x1: 0, x2: 100, y1: y, y2: y, class: "panel-grid" }));
  }
  const lines = [...chart.bands.entries()].reverse();
  for (const [index, band] of lines) {
    const points = [...at(band.low), ...at(band.high).reverse()].join(" ");
    const style = `fill: ${SHARE_COLOURS[index]}; opacity: ${index ? 0.1 : 0.22}`;
    drawn.append(shape("polygon", { points, style }));
  }
  for (const [index, band] of lines) {
    const style = `stroke: ${SHARE_COLOURS[index]}; stroke-width: ${index ? 1.75 : 3}; stroke-dasharray: ${SHARE_DASHES[index]}`;
    drawn.append(shape("polyline", { points: at(band.mean).join(" "), class: "panel-line", style }));
  }
  return drawn;
}

function drawShares(block) {
  const holder = make("div", "panel-shares");
  holder.setAttribute("aria-live", "off"); // what is pointed at need not be read out
  const said = make("p", "panel-small", block.said.join(" "));
  const plot = make("div", "panel-plot");
  const told = make("p", "panel-told");
  const names = make("ul", "panel-names");
  const other = make("button", "panel-act");
  other.type = "button";
  let shown = 0;

  const tell = (at) => {
    const chart = block.charts[shareState.chart];
    shown = at;
    told.textContent = chart.own[at];
    chart.bands.forEach((band, index) => {
      names.children[index].querySelector(".panel-value").textContent = band.values[at];
    });
    plot.querySelectorAll(".panel-dot").forEach((dot, index) => {
      dot.style.left = `${100 * acrossOf(block, block.ratios[at])}%`;
      dot.style.bottom = `${100 * chart.bands[index].mean[at]}%`;
    });
  };
  const nearest = () => {
    const apart = block.ratios.map((ratio) => Math.abs(ratio - (block.now ?? block.ends[0])));
    return apart.indexOf(Math.min(...apart));
  };
  const buttonOf = (ratio, at) => {
    const button = make("button", "panel-share");
    button.type = "button";
    button.dataset.share = ratio;
    button.setAttribute("aria-label", block.charts[shareState.chart].told[at]);
    button.setAttribute("aria-pressed", String(ratio === block.now));
    button.style.left = `${100 * acrossOf(block, ratio)}%`;
    button.tabIndex = at === nearest() ? 0 : -1;
    return button;
  };
  const fill = () => {
    const chart = block.charts[shareState.chart];
    const inner = make("div", "panel-inner");
    const marks = chart.ticks.map(([height, text]) => {
      const mark = make("span", "panel-tick", text);
      mark.style.bottom = `${100 * height}%`;
      return mark;
    });
    const dots = chart.bands.map((_, index) => {
      const dot = make("span", "panel-dot");
      dot.style.background = SHARE_COLOURS[index];
      return dot;
    });
    const now = make("span", "panel-now");
    now.hidden = block.now === null || block.now < block.ends[0] || block.now > block.ends[1];
    now.style.left = `${100 * acrossOf(block, block.now ?? 0)}%`;
    inner.append(drawBands(block, chart), ...marks, now, ...dots, ...block.ratios.map(buttonOf));
    inner.setAttribute("role", "toolbar");
    inner.setAttribute("aria-label", `${chart.name} by the share that is hidden: choose one to hide that much`);
    plot.replaceChildren(inner, axisOf(block));
    names.replaceChildren(...chart.bands.map((band, index) => {
      const name = make("li", index ? "" : "panel-own");
      const swatch = shape("svg", { viewBox: "0 0 26 8", class: "panel-swatch", "aria-hidden": "true" });
      const style = `stroke: ${SHARE_COLOURS[index]}; stroke-width: 3; stroke-dasharray: ${SHARE_DASHES[index]}`;
      swatch.append(shape("line", { x1: 0, x2: 26, y1: 4, y2: 4, style }));
      name.append(swatch, make("span", "panel-name", band.name), make("span", "panel-value"));
      return name;
    }));
    other.textContent = `Show the ${block.charts[1 - shareState.chart].name}`;
    tell(Math.min(shown, block.ratios.length - 1));
  };
  const atOf = (event) => block.ratios.indexOf(Number(event.target.closest(".panel-share")?.dataset.share));
  shown = nearest();
  fill();
  plot.addEventListener("click", (event) => { if (atOf(event) >= 0) say(block.tells, block.ratios[atOf(event)]); });
  plot.addEventListener("pointerover", (event) => { if (atOf(event) >= 0) tell(atOf(event)); });
  plot.addEventListener("pointerleave", () => tell(nearest()));
  plot.addEventListener("focusin", (event) => {
    for (const button of plot.querySelectorAll(".panel-share")) button.tabIndex = button === event.target ? 0 : -1;
    tell(atOf(event));
  });
  plot.addEventListener("focusout", () => tell(nearest()));
  plot.addEventListener("keydown", (event) => moveByArrows(event, [...plot.querySelectorAll(".panel-share")], 1));
  other.addEventListener("click", () => {
    shareState.chart = 1 - shareState.chart;
    fill();
  });
  const head = make("div", "panel-head");
  head.append(told, other);
  holder.append(said, plot, head, names);
  return holder;
}

function axisOf(block) {
  const axis = make("div", "panel-axis");
  axis.setAttribute("aria-hidden", "true");
  const [first, last] = block.ends;
  for (let ratio = first; ratio <= last; ratio += 0.1) {
    const label = make("span", "", perCent(Math.round(100 * ratio) / 100));
    label.style.left = `${100 * acrossOf(block, ratio)}%`;
    axis.append(label);
  }
  return axis;
}

// What had the focus in the chart before the panel was drawn anew.
function keepShare(before) {
  if (before?.closest(".panel-share")) element.querySelector(`[data-share="${before.dataset.share}"]`)?.focus({ preventScroll: true });
  if (before?.closest(".panel-head")) element.querySelector(".panel-head .panel-act")?.focus({ preventScroll: true });
}
