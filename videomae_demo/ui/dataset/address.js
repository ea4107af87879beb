// What is chosen, in the page's address: the data set, and how its table is sorted and filtered.

const FIELDS = ["source", "weights", "views", "sampling", "changes", "folder"];
const FILTERS = ["sort", "find", "only", "true", "named", "page"];
const WORST_FIRST = "probability";
const USUAL = { views: "1x1", changes: "1", sort: WORST_FIRST, page: "1" };

function readAddress() {
  const given = new URLSearchParams(location.search);
  const read = (names) => Object.fromEntries(names.filter((name) => given.has(name)).map((name) => [name, given.get(name)]));
  return { fields: read(FIELDS), filters: read(FILTERS) };
}

function writeAddress(fields, filters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...fields, ...filters })) {
    if (value && value !== USUAL[name]) query.set(name, value);
  }
  const url = new URL(location.href);
  if (url.search.replace(/^\?/, "") === query.toString()) return;
  url.search = query.toString();
  history.replaceState(history.state, "", url);
}

// Where a row is opened: in Explore, at its window, with its true label wherever a label is asked.
function openingOf(row, state) {
  const query = new URLSearchParams({ set: state.set, clip: row.name, weights: state.settings.weights, ...state.frames });
  if (row.start_s !== null) query.set("start", Number(row.start_s.toFixed(4)));
  if (row.true) for (const name of LABEL_NAMES) query.set(name, row.true);
  return `${pageUrl(".")}?${query}`;
}

// What the way back needs beside the address; see bar.js.
const PLACE = `${TABLE}-place`;

function rememberPlace(name) {
  sessionStorage.setItem(TABLE, location.search);
  sessionStorage.setItem(PLACE, JSON.stringify({ query: location.search, top: window.scrollY, name }));
}

// The place of the row that was opened last, once, if the address is that of its table.
function takePlace() {
  const kept = JSON.parse(sessionStorage.getItem(PLACE) || "null");
  sessionStorage.removeItem(PLACE);
  return kept && kept.query === location.search ? kept : null;
}
