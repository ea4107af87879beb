// Labels over a whole clip, as curves. A click, or Enter, puts the clip's window there.

const LABEL_DASHES = ["none", "7 3", "2 3", "9 3 2 3", "4 2", "1 4", "12 3"];

// Which chart is shown, and where its cursor stands: they stay when the panel is drawn anew.
const windowsState = { undecided: false, at: null };

// Round moments for an axis, a few of them.
function momentsOf(end) {
  const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((one) => end / one <= 6) ?? end / 6;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, n) => n * step);
}

const moment = (seconds) => {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.round(seconds % 60)];
  return `${minutes}:${String(rest).padStart(2, "0")}`;
};

function linesOf(block) {
  const across = (start) => (100 * (start + block.length / 2)) / block.end;
  const drawn = shape("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  const line = (x1, x2, y1, y2, name) => drawn.append(shape("line", { x1, x2, y1, y2, class: name }));
  for (const height of [0, 50, 100]) line(0, 100, height, height, "panel-grid");
  for (const border of block.borders) line((100 * border) / block.end, (100 * border) / block.end, 0, 100, "panel-border");
  const curves = windowsState.undecided ? [block.entropy] : block.curves;
  for (const [index, values] of [...curves.entries()].reverse()) {
    const points = values.map((value, at) => `${across(block.starts[at])},${100 * (1 - value)}`);
    if (points.length === 1) points.push(points[0]);
    const style = windowsState.undecided
      ? "stroke: var(--body-text-color); stroke-width: 2"
      : `stroke: ${block.labels[index].colour}; stroke-width: 2.5; stroke-linecap: round; stroke-dasharray: ${LABEL_DASHES[index]}`;
    drawn.append(shape("polyline", { points: points.join(" "), class: "panel-line", style }));
  }
  return drawn;
}

function momentAxis(block) {
  const axis = make("div", "panel-axis");
  axis.setAttribute("aria-hidden", "true");
  for (const seconds of momentsOf(block.end)) {
    const mark = make("span", "", moment(seconds));
    mark.style.left = `${(100 * seconds) / block.end}%`;
    axis.append(mark);
  }
  return axis;
}

function drawWindows(block) {
  const holder = make("div", "panel-shares panel-windows");
  holder.setAttribute("aria-live", "off"); // what is pointed at need not be read out
  const plot = make("div", "panel-plot");
  const told = make("p", "panel-told");
  const names = make("ul", "panel-names");
  const other = make("button", "panel-act");
  other.type = "button";
  const inner = make("div", "panel-inner");
  inner.tabIndex = 0;
  inner.dataset.keep = "windows";
  inner.setAttribute("role", "slider");
  inner.setAttribute("aria-label", "Window of the chart: arrow keys move, Enter puts the clip's window there");
  inner.setAttribute("aria-valuemin", 1);
  inner.setAttribute("aria-valuemax", block.starts.length);
  const cursor = make("span", "panel-now");

  const tell = () => {
    const at = Math.min(windowsState.at ?? 0, block.starts.length - 1);
    const start = block.starts[at];
    const isIdle = windowsState.at === null;
    cursor.hidden = isIdle;
    cursor.style.left = `${(100 * (start + block.length / 2)) / block.end}%`;
    const when = `${start.toFixed(2)} to ${(start + block.length).toFixed(2)} s`;
    const undecided = `undecided ${perCent(block.entropy[at])}`;
    told.textContent = isIdle ? "Point at the chart for its values; a click puts the window there." : `${when}: ${undecided}`;
    block.curves.forEach((curve, index) => {
      names.children[index].querySelector(".panel-value").textContent = isIdle ? "" : perCent(curve[at]);
    });
    const best = block.curves.map((curve) => curve[at]);
    const first = best.indexOf(Math.max(...best));
    inner.setAttribute("aria-valuenow", at + 1);
    inner.setAttribute("aria-valuetext", `${when}: ${block.labels[first].name} ${perCent(best[first])}, ${undecided}`);
  };
  const fill = () => {
    const marks = [["0%", 0], ["50%", 50], ["100%", 100]].map(([words, height]) => {
      const mark = make("span", "panel-tick", words);
      mark.style.bottom = `${height}%`;
      return mark;
    });
    inner.replaceChildren(linesOf(block), ...marks, cursor);
    other.textContent = windowsState.undecided ? "Show the labels" : "Show how undecided it is";
    tell();
  };
  names.replaceChildren(...block.labels.map((label, index) => {
    const name = make("li");
    const swatch = shape("svg", { viewBox: "0 0 26 8", class: "panel-swatch", "aria-hidden": "true" });
    const style = `stroke: ${label.colour}; stroke-width: 4; stroke-dasharray: ${LABEL_DASHES[index]}`;
    swatch.append(shape("line", { x1: 0, x2: 26, y1: 4, y2: 4, style }));
    name.append(swatch, make("span", "panel-name", `${label.letter} ${label.name}`), make("span", "panel-value"));
    return name;
  }));
  plot.append(inner, momentAxis(block));
  fill();

  const go = (at) => {
    windowsState.at = Math.max(0, Math.min(at, block.starts.length - 1));
    tell();
  };
  const pointedAt = (event) => {
    const box = inner.getBoundingClientRect();
    const start = ((event.clientX - box.left) / box.width) * block.end - block.length / 2;
    const away = block.starts.map((one) => Math.abs(one - start));
    return away.indexOf(Math.min(...away));
  };
  inner.addEventListener("pointermove", (event) => go(pointedAt(event)));
  inner.addEventListener("pointerleave", () => {
    if (document.activeElement !== inner) windowsState.at = null;
    tell();
  });
  inner.addEventListener("click", (event) => {
    go(pointedAt(event));
    say(block.tells, block.starts[windowsState.at]);
  });
  inner.addEventListener("focus", () => go(windowsState.at ?? 0));
  inner.addEventListener("keydown", (event) => {
    const at = windowsState.at ?? 0;
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: 0, End: Infinity }[event.key];
    if (to !== undefined) go(to);
    else if (event.key === "Enter" || event.key === " ") say(block.tells, block.starts[at]);
    else return;
    event.preventDefault();
  });
  other.addEventListener("click", () => {
    windowsState.undecided = !windowsState.undecided;
    fill();
  });
  const head = make("div", "panel-head");
  head.append(told, other);
  holder.append(plot, head, names);
  if (block.said) holder.append(make("p", "panel-small", block.said));
  return holder;
}
