// Puts the parts together: asks how far the run is, shows it, and says what is to be done.

const find = (name) => element.querySelector(".data-" + name);
const OFTEN_MS = 500; // while it is at work
const SELDOM_MS = 2500;
const AT_WORK = new Set(["preparing", "running", "stopping"]);
const SAYS = { preparing: "Reading.", running: "Judging.", stopping: "Stopping.", stopped: "Cancelled.", done: "All clips are judged.", failed: "Ended early." };
const LOOKING = "Looking at the data set, and trying a few clips ...";

const choosing = new Choosing(find("form"));
const table = new ClipTable(find("table"), (row) => openingOf(row, state));
const matrix = new Matrix(find("matrix"));
const tools = Object.fromEntries(["find", "only", "true", "named"].map((name) => [name, element.querySelector(`.data-tools [name="${name}"]`)]));

let facts = null;
let state = null; // what the server told last
let drawn = { run: 0, done: -1, figures: null, matrix: null };
let checked = null; // what was looked at last, with its settings
let isLooking = false;
let asking = null; // when the next question is due
let filters = { sort: WORST_FIRST, find: "", only: "", true: "", named: "", page: "1" };
let shownRows = ""; // which rows the table shows
let place = null; // where the way back from Explore leads

element.querySelector(".bar-title").textContent = TITLE;
document.title = `Data set - ${TITLE}`;
for (const link of element.querySelectorAll(".bar-page")) link.href = pageUrl(link.getAttribute("href"));

const trouble = (sentence) => { find("trouble").textContent = sentence; };
const isAtWork = () => AT_WORK.has(state?.state);
const routeOf = (doing, more = {}) => `${rootUrl()}${ROUTE}?${new URLSearchParams({ do: doing, ...more })}`;
const ask = async (doing, more) => read(await fetch(routeOf(doing, more)));
const tell = async (doing, body) => read(await fetch(routeOf(doing), { method: "POST", body: body && JSON.stringify(body) }));
const why = (error) => (error instanceof Refused ? error.message : "The page does not answer; it is asked again and again.");

// ---- how far it is ---------------------------------------------------------------------------

async function follow() {
  clearTimeout(asking);
  try {
    await take(await ask("state", { run: drawn.run, seen: drawn.done }));
    if (element.dataset.lost) trouble("");
    delete element.dataset.lost;
  } catch (error) {
    element.dataset.lost = "1";
    trouble(why(error));
  }
  clearTimeout(asking);
  asking = setTimeout(follow, isAtWork() ? OFTEN_MS : SELDOM_MS);
}

async function take(told) {
  const before = state;
  state = told;
  if (told.run !== drawn.run) {
    drawn = { run: told.run, done: -1, figures: null, matrix: null };
    if (told.run) choosing.show(told.settings);
    checked = null;
  }
  if (before && before.state !== told.state) find("said").textContent = SAYS[told.state] || "";
  if (told.figures && told.done) {
    [drawn.figures, drawn.matrix] = [told.figures, told.matrix];
    drawFigures(find("figures"), told.figures);
    drawVerdict(told.figures.verdict);
    drawCalibration(find("calibration"), told.figures.calibration);
    find("calibration-words").textContent = "Across: how sure the best label is. Up: how many of those clips are right. On the line both agree.";
    offerLabels(told.named);
  }
  if (told.figures) drawn.done = told.done;
  arrange();
  element.querySelector(".data").dataset.asked = told.run;
  mark();
  const rows = `${told.run} ${told.done}`;
  if (told.done && rows !== shownRows && !isRead()) await showRows(rows);
}

// Rows stay where they are while somebody reads them, and come as soon as nobody does.
const isRead = () => isAtWork() && shownRows !== "" && (find("scroll").matches(":hover") || find("scroll").contains(document.activeElement));

function drawVerdict(sentences) {
  find("verdict").replaceChildren(...sentences.slice(1).map((sentence) => {
    const item = document.createElement("li");
    item.textContent = sentence;
    return item;
  }));
}

function arrange() {
  const [work, run] = [isAtWork(), state?.run];
  choosing.disable(work || !facts);
  const main = find("main");
  const fields = choosing.read();
  const [goesOn, isKnown] = [state?.state === "stopped" || state?.state === "failed", isSame(checked?.settings, fields)];
  const isRun = run && isSame(state.settings, fields);
  main.dataset.does = isKnown || (isRun && goesOn) ? "begin" : "check";
  main.textContent = main.dataset.does === "check" ? "Check" : goesOn && isRun ? "Go on" : nameOfStart();
  main.disabled = work || isLooking || !facts || !fields.source || (isRun && state.state === "done");
  find("cancel").disabled = !(isLooking || (work && state.state !== "stopping"));
  for (const name of ["run", "table", "columns"]) find(name).hidden = !run || (name !== "run" && !state.done);
  if (!run) return;
  element.querySelector(".data").dataset.state = state.state;
  find("progress").max = state.clips;
  find("progress").value = state.done;
  find("pace").textContent = state.pace;
  find("why").textContent = state.why;
  showFiles();
}

// Links stay while they are the same: somebody may be about to click one, or have the focus on it.
function showFiles() {
  const told = JSON.stringify([state.folder, state.files]);
  if (find("files").dataset.told === told) return;
  find("files").dataset.told = told;
  find("files").replaceChildren(`${state.files.length ? "Files in" : "Files go to"} ${state.folder} `, ...state.files.flatMap((name) => {
    const link = document.createElement("a");
    [link.href, link.textContent, link.download] = [routeOf("file", { name }), name, name];
    return [link, " "];
  }));
}

function nameOfStart() {
  if (!checked.judged) return "Run";
  return checked.judged < checked.clips ? "Go on" : "Show";
}

// ---- the table ---------------------------------------------------------------------------------

async function showRows(rows = `${state.run} ${state.done}`) {
  const asked = JSON.stringify(filters);
  const found = await ask("rows", filters);
  if (asked !== JSON.stringify(filters)) return; // another answer is on its way
  shownRows = rows;
  table.sortedBy(filters.sort);
  table.show(found.rows);
  filters.page = String(found.page);
  const [first, last] = [(found.page - 1) * found.size + 1, (found.page - 1) * found.size + found.rows.length];
  find("count").textContent = found.count ? `${first.toLocaleString("en")} to ${last.toLocaleString("en")} of ${found.count.toLocaleString("en")}` : "no clips";
  find("before").disabled = found.page === 1;
  find("after").disabled = last >= found.count;
  find("table").dataset.shown = JSON.stringify(filters);
  goBack();
}

// Back from Explore: the table is where it was left, and the clip that was opened has the focus.
function goBack() {
  if (!place) return;
  const link = table.linkOf(place.name);
  window.scrollTo({ top: place.top });
  link?.focus({ preventScroll: true });
  link?.closest("tr").setAttribute("aria-current", "true");
  place = null;
}

async function filter(changes) {
  filters = { ...filters, page: "1", ...changes };
  for (const [name, field] of Object.entries(tools)) if (document.activeElement !== field || name !== "find") field.value = filters[name];
  save();
  mark();
  if (!state?.done) return;
  try {
    await showRows();
  } catch (error) {
    trouble(why(error));
  }
}

// Mark what is chosen in the figures.
function mark() {
  const chosen = { true: filters.true, named: filters.named };
  if (drawn.figures) {
    matrix.show(drawn.matrix, chosen);
    drawLabels(find("labels"), drawn.figures.labels, chosen.named ? "" : chosen.true, (label) => filter({ true: chosen.true === label && !chosen.named ? "" : label, named: "", only: "" }));
  }
  find("all").disabled = !["find", "only", "true", "named"].some((name) => filters[name]);
}

// The labels that the table can be filtered by; those that are chosen stay.
function offerLabels(named) {
  for (const [name, all] of [["true", Object.keys(drawn.figures.labels)], ["named", named]]) {
    const words = ["", ...new Set([...all, filters[name]].filter(Boolean))].sort();
    if (JSON.stringify([...tools[name].options].map((option) => option.value)) === JSON.stringify(words)) continue;
    tools[name].replaceChildren(...words.map((word) => new Option(word || "any", word)));
    tools[name].value = filters[name];
  }
}

const save = () => writeAddress(choosing.told(), filters);

table.onSort = (name, descends) => {
  const usual = `${descends ? "-" : ""}${name}`;
  const other = `${descends ? "" : "-"}${name}`;
  filter({ sort: filters.sort === usual ? other : usual });
};
table.onOpen = (name) => {
  save();
  rememberPlace(name);
};
matrix.onChoose = (label, named) => {
  const isChosen = filters.true === label && filters.named === named;
  filter(isChosen ? { true: "", named: "" } : { true: label, named, only: "" });
};
for (const [name, field] of Object.entries(tools)) field.addEventListener(name === "find" ? "input" : "change", () => filter({ [name]: field.value }));
find("all").addEventListener("click", () => filter({ find: "", only: "", true: "", named: "" }));
find("before").addEventListener("click", () => filter({ page: String(Number(filters.page) - 1) }));
find("after").addEventListener("click", () => filter({ page: String(Number(filters.page) + 1) }));
find("scroll").addEventListener("pointerleave", () => { if (isAtWork()) follow(); });

// ---- what is judged ----------------------------------------------------------------------------

async function look() {
  const asked = choosing.read();
  trouble("");
  isLooking = true;
  find("told").replaceChildren(LOOKING);
  arrange();
  try {
    const told = await tell("check", asked);
    checked = told;
    if (isSame(asked, choosing.read())) choosing.show(told.settings); // as the machine writes paths
    find("told").replaceChildren(...told.sentences.map((sentence) => {
      const line = document.createElement("p");
      line.textContent = sentence;
      return line;
    }));
  } catch (error) {
    find("told").replaceChildren();
    trouble(error instanceof Refused ? error.message : "The page does not answer; try again.");
  }
  isLooking = false;
  save();
  arrange();
}

async function act(doing, body) {
  trouble("");
  try {
    const told = await tell(doing, body);
    find("told").replaceChildren();
    if (told.run) await take(told);
    await follow();
  } catch (error) {
    trouble(error instanceof Refused ? error.message : "The page does not answer; try again.");
  }
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const main = find("main");
  if (main.disabled) return;
  if (main.dataset.does === "check") {
    look();
    return;
  }
  filters = { ...filters, find: "", only: "", true: "", named: "", page: "1" };
  for (const [name, field] of Object.entries(tools)) field.value = filters[name];
  act("begin", choosing.read()).then(save);
});
find("cancel").addEventListener("click", () => act("cancel"));
find("form").addEventListener("input", () => {
  choosing.arrange();
  if (!isSame(checked?.settings, choosing.read())) find("told").replaceChildren();
  arrange();
});
choosing.fields.recent.addEventListener("change", () => {
  const one = choosing.recent?.[choosing.fields.recent.value];
  if (!one) return;
  choosing.show(one);
  choosing.fields.recent.value = "";
  look();
});

async function open() {
  const given = readAddress();
  filters = { ...filters, ...given.filters };
  try {
    facts = await ask("facts");
  } catch (error) {
    trouble(why(error));
    return;
  }
  choosing.offer(facts);
  choosing.show(given.fields);
  for (const name of ["find", "only"]) tools[name].value = filters[name];
  place = takePlace();
  await follow();
  if (state && !state.run && choosing.read().source) look();
}

open();
