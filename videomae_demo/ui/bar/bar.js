// The bar: names what is at work, opens the sheets, and keeps the view's address in the browser's.

const find = (name) => element.querySelector(".bar-" + name);
const OPENERS = { weights: find("weights"), clip: find("change") };
const LINKED = "Link copied: whoever opens it sees this view.";
const ON_THIS_MACHINE = "Link copied: it opens on this machine, for as long as the data set is open on this page.";
const PRIVATE = "A clip of your own can't be linked: it stays on this machine only for a while. Choose an example, and its view can.";

find("title").textContent = TITLE;
for (const link of element.querySelectorAll(".bar-page")) link.href = pageUrl(link.getAttribute("href"));

// Whether something was done in the open sheet. A sheet that is only looked at stays open.
let touched = false;

function sheetOf(name) {
  return document.getElementById(SHEETS[name]);
}

function open(name, on) {
  touched = false;
  for (const [other, opener] of Object.entries(OPENERS)) {
    const isOpen = on && other === name;
    sheetOf(other)?.classList.toggle("sheet-open", isOpen);
    opener.setAttribute("aria-expanded", String(isOpen));
  }
  if (on) focusIn(sheetOf(name));
}

// The first part of a sheet gets the focus; a list would drop down over all else, so the sheet does.
function focusIn(sheet) {
  const parts = [...(sheet?.querySelectorAll("button, input, select, textarea, [tabindex='0']") ?? [])];
  const first = parts.find((part) => part.offsetParent);
  if (!first) return;
  const isList = first.matches('[role="listbox"], [role="combobox"]');
  if (isList) sheet.tabIndex = -1;
  (isList ? sheet : first).focus({ preventScroll: true });
}

const opened = () => Object.keys(OPENERS).find((name) => OPENERS[name].getAttribute("aria-expanded") === "true");

function close({ andReturn = false } = {}) {
  const name = opened();
  if (!name) return;
  open(name, false);
  if (andReturn) OPENERS[name].focus();
}

for (const [name, opener] of Object.entries(OPENERS)) {
  opener.addEventListener("click", () => open(name, opened() !== name));
}
for (const kind of ["click", "change", "drop"]) {
  document.addEventListener(kind, (event) => {
    const name = opened();
    if (name && event.target instanceof Element && sheetOf(name)?.contains(event.target)) touched = true;
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened() && !event.defaultPrevented) close({ andReturn: true });
});
document.addEventListener("pointerdown", (event) => {
  // What was said has been read by whoever does something else.
  if (event.target instanceof Node && !find("said").contains(event.target)) tell("");
  const name = opened();
  if (!name || !(event.target instanceof Element)) return;
  const isInside = sheetOf(name)?.contains(event.target) || OPENERS[name].contains(event.target);
  // Lists of choices and toasts lie outside of what opened them.
  if (!isInside && event.target.closest("#columns, .bar")) close();
});
// Some buttons show what they do outside of their sheet.
document.addEventListener("click", ({ target }) => {
  if (target instanceof Element && target.closest(".closes-sheet")) close({ andReturn: true });
});
window.addEventListener("videomae-pick", () => {
  const name = opened();
  close({ andReturn: Boolean(name) && sheetOf(name).contains(document.activeElement) });
});

// Arrow keys move between tabs, as everywhere on the web; Enter opens one.
document.addEventListener("keydown", (event) => {
  const tab = event.target instanceof Element && event.target.closest('[role="tab"]');
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!tab || !step) return;
  const tabs = [...tab.parentElement.querySelectorAll('[role="tab"]')];
  tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length].focus();
  event.preventDefault();
});

function tell(text) {
  find("said").textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { find("said").textContent = ""; }, 6000);
}

find("share").addEventListener("click", async () => {
  const { address } = openValue();
  if (!address) {
    tell(PRIVATE);
    return;
  }
  const link = new URL(location.href);
  link.search = new URLSearchParams(address).toString();
  try {
    await navigator.clipboard.writeText(link.href);
    tell(address.set ? ON_THIS_MACHINE : LINKED);
  } catch {
    tell(`Copy this link: ${link.href}`);
  }
});

find("full").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.getElementById(STAGE)?.requestFullscreen?.();
});

function writeAddress(address) {
  const query = new URLSearchParams(address || {}).toString();
  const url = new URL(location.href);
  if (url.search.replace(/^\?/, "") === query) return;
  url.search = query;
  history.replaceState(history.state, "", url);
  // A Space shows the page in a frame, and has an address of its own.
  if (window.parent !== window) window.parent.postMessage({ queryString: query }, "https://huggingface.co");
}

// What a click costs stands on its button. Gradio makes a tab's button anew at times.
function writeCosts(costs) {
  for (const button of document.querySelectorAll("[data-cost]")) {
    if (!costs[button.id]) delete button.dataset.cost;
  }
  for (const [id, cost] of Object.entries(costs)) {
    const button = document.getElementById(id);
    if (button) button.dataset.cost = cost;
  }
}

// Learn teaches on the clip at hand: an example by its name, a clip of one's own by this tab.
function writeLearn({ address, own }) {
  const { example, weights } = address || {};
  const query = new URLSearchParams({ ...(example && { example }), ...(weights && { weights }) }).toString();
  element.querySelector('.bar-page[data-page="learn"]').href = pageUrl("learn") + (query && `?${query}`);
  if (own) sessionStorage.setItem(OWN, own);
  else sessionStorage.removeItem(OWN);
}

// A clip of a data set leads back to its table, as that was when the clip was opened.
function writeBack({ address }) {
  const { set, weights } = address || {};
  const [back, page] = [find("back"), element.querySelector('.bar-page[data-page="dataset"]')];
  if (!page) return;
  const query = sessionStorage.getItem(TABLE) || (weights ? `?${new URLSearchParams({ weights })}` : "");
  page.href = back.href = pageUrl("dataset") + query;
  back.hidden = !set;
}

function render() {
  const value = openValue();
  if (!value.weights) return;
  find("name").textContent = value.weights;
  find("device").textContent = value.device;
  if (touched && value.clip !== find("clip").textContent) close(); // what was asked for is here
  find("clip").textContent = value.clip;
  find("facts").textContent = value.facts;
  const picture = find("picture");
  const track = value.picture;
  picture.style.backgroundImage = track ? `url(${JSON.stringify(fileUrl(track.file))})` : "";
  if (track) picture.style.backgroundSize = `${100 * track.columns}% ${100 * track.rows}%`;
  writeCosts(value.costs);
  document.title = value.title ? `${value.title} - ${TITLE}` : TITLE;
  if (value.clip) {
    writeAddress(value.address);
    writeLearn(value);
    writeBack(value);
  }
}

watch("value", render);
render();
