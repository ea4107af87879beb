// The table: a page of rows, which the server sorts and filters.

const perCent = (value) => (value === null ? "" : value > 0 && value < 0.001 ? "< 0.1%" : `${decimals(100 * value, 1)}%`);
const plain = (digits) => (value) => (value === null ? "" : decimals(value, digits));
const signed = (value) => (value === null ? "" : `${value < 0 ? "\u2212" : "+"}${decimals(100 * Math.abs(value), 1)}%`);
const withSign = (value) => (value === null ? "" : `${value < 0 ? "\u2212" : ""}${decimals(Math.abs(value), 2)}`);

// In the order of the table: { name, title, about, tell }. A first click sorts what is worst first.
const COLUMNS = [
  { name: "name", title: "Clip", about: "The clip; its name opens it in Explore" },
  { name: "label", title: "True", about: "What the data set says" },
  { name: "named", title: "Named", about: "The best label and its probability" },
  { name: "probability", title: "p(true)", about: "Probability of the true label", tell: perCent },
  { name: "rank", title: "Rank", about: "Of the true label; 1 is the best", tell: plain(0), descends: true },
  { name: "margin", title: "Margin", about: "Logit of the true label less that of the best other one; without a true label, of the best less the second", tell: withSign },
  { name: "entropy", title: "Hardness", about: "How undecided the recogniser is: 0 is sure of one label, 1 holds all for equal", tell: plain(2), descends: true },
  { name: "mistakenness", title: "Mistaken", about: "How likely the data set's label is wrong, 0 to 1: high where the recogniser is sure of another label", tell: plain(2), descends: true },
  { name: "motion", title: "Motion", about: "Mean difference of a pixel between neighbouring frames, of the whole scale", tell: perCent },
  { name: "lost_backwards", title: "Backwards", about: "How much of its probability the best label loses when the clip is played backwards", tell: signed, descends: true },
  { name: "lost_frozen", title: "Frozen", about: "How much of its probability the best label loses when the middle frame stands still", tell: signed, descends: true },
  { name: "error", title: "Error", about: "Why a clip could not be read" },
];

class ClipTable {
  constructor(holder, opening) {
    this.body = holder.querySelector("tbody");
    this.head = holder.querySelector("thead tr");
    this.opening = opening; // from a row to its address
    this.onSort = () => {};
    this.onOpen = () => {};
    for (const column of COLUMNS) this.head.append(this.heading(column));
  }

  heading({ name, title, about, descends }) {
    const [cell, button] = [document.createElement("th"), document.createElement("button")];
    cell.scope = "col";
    cell.className = `data-${name}`;
    button.type = "button";
    button.textContent = title;
    button.title = about;
    button.dataset.sort = name;
    button.addEventListener("click", () => this.onSort(name, Boolean(descends)));
    cell.append(button);
    return cell;
  }

  // Mark how the rows are sorted: "-rank" has the highest rank first.
  sortedBy(sort) {
    const [name, order] = [sort.replace(/^-/, ""), sort.startsWith("-") ? "descending" : "ascending"];
    for (const cell of this.head.children) {
      if (cell.firstChild.dataset.sort === name) cell.setAttribute("aria-sort", order);
      else cell.removeAttribute("aria-sort");
    }
  }

  show(rows) {
    this.body.replaceChildren(...rows.map((row) => this.row(row)));
  }

  row(row) {
    const line = document.createElement("tr");
    line.dataset.kind = row.kind;
    line.dataset.name = row.name;
    for (const { name, tell } of COLUMNS) {
      const cell = document.createElement(name === "name" ? "th" : "td");
      cell.className = `data-${name}`;
      if (name === "name") this.fillName(cell, row);
      else if (name === "named") this.fillNamed(cell, row);
      else cell.textContent = tell ? tell(row[name]) : row[name];
      if (name === "error" || name === "label") cell.title = row[name];
      line.append(cell);
    }
    return line;
  }

  fillName(cell, row) {
    cell.scope = "row";
    cell.title = row.name;
    if (row.kind === "failed") {
      cell.textContent = row.name;
      return;
    }
    const link = document.createElement("a");
    link.textContent = row.name;
    link.href = this.opening(row);
    link.addEventListener("click", () => this.onOpen(row.name));
    cell.append(link);
  }

  fillNamed(cell, row) {
    if (row.kind === "failed") return;
    const mark = { right: "\u2713 ", wrong: "\u2717 " }[row.kind] || "";
    const share = document.createElement("span");
    share.className = "data-share";
    share.textContent = perCent(row.confidence);
    cell.title = row.named;
    cell.append(`${mark}${row.named} `, share);
  }

  // The link of a row, if it is on this page.
  linkOf(name) {
    const line = [...this.body.children].find((one) => one.dataset.name === name);
    return line?.querySelector("a") || null;
  }
}
