// The confusion matrix: a table of counts. Arrow keys move in it; one cell at a time has the tab stop.

// Black or white, whichever can be read on a part's background (WCAG's relative luminance).
function readable(part) {
  const told = getComputedStyle(part).backgroundColor;
  const scale = told.startsWith("rgb") ? 255 : 1;
  const linear = told.match(/[\d.]+(e-?\d+)?/g).slice(0, 3).map((value) => Number(value) / scale).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 ? "#000" : "#fff";
}

class Matrix {
  constructor(holder) {
    this.holder = holder;
    this.labels = [];
    this.onChoose = () => {};
    holder.addEventListener("keydown", (event) => this.move(event));
  }

  show({ labels, counts, of }, chosen) {
    if (JSON.stringify(labels) !== JSON.stringify(this.labels)) this.build(labels);
    const most = counts.map((row) => Math.max(1, row.reduce((sum, count) => sum + count, 0)));
    this.cells.forEach((row, at) => row.forEach((cell, column) => {
      const [count, share] = [counts[at][column], counts[at][column] / most[at]];
      cell.textContent = count ? count.toLocaleString("en") : "";
      cell.setAttribute("aria-label", `${labels[at]} named ${labels[column]}: ${count}`);
      cell.parentElement.style.setProperty("--share", count ? (0.12 + 0.88 * share).toFixed(3) : "0");
      cell.style.color = count ? readable(cell.parentElement) : "";
      cell.setAttribute("aria-pressed", String(chosen.true === labels[at] && chosen.named === labels[column]));
    }));
    this.note.textContent = of > labels.length ? `The ${labels.length} of ${of} labels that are confused most often.` : "";
  }

  build(labels) {
    this.labels = labels;
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    head.append(this.corner(), ...labels.map((label) => this.name(label, "col")));
    const body = table.createTBody();
    this.cells = labels.map((label, at) => {
      const row = body.insertRow();
      row.append(this.name(label, "row"));
      return labels.map((named, column) => {
        const [cell, button] = [row.insertCell(), document.createElement("button")];
        button.type = "button";
        button.tabIndex = at || column ? -1 : 0;
        cell.dataset.right = String(at === column);
        button.addEventListener("click", () => this.onChoose(label, named));
        cell.append(button);
        return button;
      });
    });
    this.note = document.createElement("p");
    this.note.className = "data-hint";
    this.holder.replaceChildren(table, this.note);
  }

  corner() {
    const cell = document.createElement("td");
    cell.textContent = "true \\ named";
    return cell;
  }

  name(label, scope) {
    const [cell, words] = [document.createElement("th"), document.createElement("span")];
    cell.scope = scope;
    cell.title = words.textContent = label;
    cell.append(words);
    return cell;
  }

  move(event) {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const at = this.cells?.findIndex((row) => row.includes(event.target));
    if (!step || at === undefined || at < 0) return;
    const column = this.cells[at].indexOf(event.target);
    const next = this.cells[at + step[0]]?.[column + step[1]];
    event.preventDefault();
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
