// What the figures say: shares with their intervals, each label's, and how far probabilities hold.

const percent = (value) => (value === null ? "none" : `${decimals(100 * value, 1)}%`);
const withInterval = (share) => (share.of ? `${decimals(100 * share.low, 1)} to ${decimals(100 * share.high, 1)}%, ${share.count.toLocaleString("en")} of ${share.of.toLocaleString("en")}` : "none is judged yet");

function figure(name, value, more, about = "") {
  const holder = document.createElement("div");
  for (const [tag, words] of [["dt", name], ["dd", value], ["dd", more]]) {
    const part = document.createElement(tag);
    part.textContent = words;
    holder.append(part);
  }
  holder.title = about;
  return holder;
}

function drawFigures(list, told) {
  list.replaceChildren(
    figure("Top-1", percent(told.top_1.share), withInterval(told.top_1), "Clips whose best label is the true one, with the 95% interval"),
    figure("Top-5", percent(told.top_5.share), withInterval(told.top_5), "Clips whose true label is among the five best, with the 95% interval"),
    figure("Mean of labels", percent(told.mean_of_labels), `chance is ${percent(told.chance)}`, "Each label counts the same, however many clips it has"),
    figure("Calibration error", percent(told.calibration_error), told.log_loss === null ? "" : `log loss ${decimals(told.log_loss, 3)}`, "Mean distance between probability and share right"),
    figure("Not read", told.failed.toLocaleString("en"), `${told.without_known_label.toLocaleString("en")} without a known label`),
  );
}

// One button a label; a click shows its clips.
function drawLabels(holder, labels, chosen, choose) {
  const sorted = Object.entries(labels).sort(([one, a], [other, b]) => a.share - b.share || b.of - a.of || one.localeCompare(other));
  while (holder.children.length > sorted.length) holder.lastChild.remove();
  sorted.forEach(([label, told], place) => {
    let row = holder.children[place];
    if (!row) {
      row = document.createElement("button");
      row.type = "button";
      for (const part of ["name", "value", "track"]) {
        const span = document.createElement("span");
        span.className = `data-label-${part}`;
        row.append(span);
      }
      row.addEventListener("click", () => choose(row.dataset.label));
      holder.append(row);
    }
    row.dataset.label = label;
    row.title = `95% interval ${decimals(100 * told.low, 1)} to ${decimals(100 * told.high, 1)}%; ${told.named} clips are named so`;
    row.children[0].textContent = label;
    row.children[1].textContent = `${percent(told.share)}, ${told.count} of ${told.of}`;
    row.children[2].style.setProperty("--share", told.share);
    row.children[2].style.setProperty("--low", told.low);
    row.children[2].style.setProperty("--high", told.high);
    row.setAttribute("aria-pressed", String(chosen === label));
  });
}

const svgNode = (tag, attributes, words = "") => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = words;
  return node;
};

// Bars of the share right over the probability of the best label; the diagonal is perfect.
function drawCalibration(svg, bins) {
  const [left, right, top, bottom] = [42, 312, 8, 122];
  const [x, y] = [(value) => left + (right - left) * value, (value) => bottom - (bottom - top) * value];
  const parts = [0, 0.5, 1].flatMap((tick) => [
    svgNode("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "data-grid" }),
    svgNode("text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, `${100 * tick}%`),
    svgNode("text", { x: x(tick), y: bottom + 17, "text-anchor": tick === 1 ? "end" : "middle" }, `${100 * tick}%`),
  ]);
  for (const bin of bins.filter((one) => one.clips)) {
    const bar = svgNode("rect", { x: x(bin.from) + 1.5, width: x(bin.to) - x(bin.from) - 3, y: y(bin.share_right), height: Math.max(1, bottom - y(bin.share_right)), class: "data-bin" });
    bar.append(svgNode("title", {}, `${bin.clips} clips named at ${decimals(100 * bin.mean_probability, 0)}%: ${decimals(100 * bin.share_right, 0)}% right`));
    parts.push(bar);
  }
  parts.push(svgNode("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: "data-even" }));
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", bins.filter((one) => one.clips).map((one) => `at ${decimals(100 * one.mean_probability, 0)}% sure, ${decimals(100 * one.share_right, 0)}% of ${one.clips} are right`).join("; "));
}
