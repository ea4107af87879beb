"use strict";
// Sorts the tables, filters the clips, and shows those of a cell of the matrix. Asks nobody.
(() => {
  const STEP = 100; // so many rows are shown at first, and more at each wish
  const find = (selector) => document.querySelector(selector);
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  };
  const compare = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  const missing = (v) => v === "" || Number.isNaN(v);

  function sort(table, column, direction) {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) =>
      missing(a) || missing(b) ? missing(a) - missing(b) : direction * compare(a, b));
    body.append(...keyed.map(([, row]) => row)); // what is not known stays last
  }

  for (const table of document.querySelectorAll("table.sorted")) {
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const head = button.closest("th");
      const first = head.dataset.first || "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      sort(table, head.cellIndex, order === "ascending" ? 1 : -1);
      if (table.id === "rows") show();
    });
  }

  const table = find("#rows");
  if (!table) return;
  const [words, wanted, named, wrong] = ["#words", "#true", "#named", "#wrongs"].map(find);
  const more = find("#more"), status = find("#shown"), cells = document.querySelectorAll("[data-cell]");
  let most = STEP;

  function show() {
    const text = words.value.trim().toLowerCase();
    let fit = 0;
    for (const row of table.tBodies[0].rows) {
      const fits =
        (!wanted.value || row.dataset.true === wanted.value) &&
        (!named.value || row.dataset.named === named.value) &&
        (!wrong.checked || row.classList.contains("wrong")) &&
        (!text || row.textContent.toLowerCase().includes(text));
      fit += fits;
      row.hidden = !fits || fit > most;
    }
    const shown = Math.min(fit, most), all = table.tBodies[0].rows.length;
    status.textContent = `${shown} of ${fit} clips are shown` +
      (fit < all ? `; ${all - fit} do not fit the filters.` : ".");
    more.hidden = shown === fit;
    for (const cell of cells) {
      const chosen = cell.dataset.cell === `${wanted.value} ${named.value}`;
      cell.setAttribute("aria-pressed", String(chosen));
    }
  }

  function filter() {
    most = STEP;
    show();
  }

  for (const field of [words, wanted, named, wrong]) field.addEventListener("input", filter);
  more.addEventListener("click", () => {
    most += STEP;
    show();
  });
  find("#clear").addEventListener("click", () => {
    words.value = wanted.value = named.value = "";
    wrong.checked = false;
    filter();
  });
  for (const cell of cells) {
    cell.addEventListener("click", () => {
      const isChosen = cell.getAttribute("aria-pressed") === "true";
      [wanted.value, named.value] = isChosen ? ["", ""] : cell.dataset.cell.split(" ");
      words.value = "";
      wrong.checked = false;
      filter();
      if (isChosen) return;
      const heading = find("#clips");
      heading.scrollIntoView();
      heading.focus({ preventScroll: true });
    });
  }
  show();
})();
