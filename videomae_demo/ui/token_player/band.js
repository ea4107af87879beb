// The band below the whole clip: which label each part of it has, as a scan found (value.Band). It
// grows while windows come.

const SCAN_HINT = "A scan names what the clip shows when, from its beginning to its end.";
const band = { told: null, drawn: null, at: 0 };

function arrangeBand() {
  const scans = Boolean(state.value.whole?.scans);
  element.querySelector(".vp").classList.toggle("vp-scans", scans);
  for (const part of ["band", "band-names"]) show(find(part), scans);
  const { told } = band;
  show(find("scan"), scans && !told?.running && (!told || Boolean(told.left)));
  find("scan").textContent = told ? "Go on scanning" : "Scan the clip";
  if (told?.left) find("scan").dataset.cost = told.left;
  if (!scans) return;
  const { begin, end } = span();
  const shown = [told, begin, end];
  if (band.drawn?.every((one, at) => one === shown[at])) return;
  band.drawn = shown;
  drawBand(begin, end);
  nameBand();
}

function drawBand(begin, end) {
  const holder = find("band");
  const focused = [...holder.children].indexOf(document.activeElement);
  const parts = (band.told?.parts || []).map((one) => {
    const part = document.createElement("button");
    const share = (seconds) => 100 * within((seconds - begin) / (end - begin), 0, 1);
    part.type = "button";
    part.className = "vp-part" + (one.colour ? "" : " vp-other");
    part.style.left = `${share(one.begin)}%`;
    part.style.width = `${share(one.end) - share(one.begin)}%`;
    if (one.colour) part.style.setProperty("--part", one.colour);
    part.textContent = one.letter ? `${one.letter} ${one.label}` : one.label;
    part.setAttribute("aria-label", one.said);
    return part;
  });
  band.at = within(band.at, 0, Math.max(0, parts.length - 1));
  parts.forEach((part, at) => { part.tabIndex = at === band.at ? 0 : -1; });
  holder.replaceChildren(...parts);
  if (focused >= 0) parts[band.at]?.focus({ preventScroll: true });
}

function nameBand() {
  const names = find("band-names");
  if (!band.told) {
    names.textContent = SCAN_HINT;
    return;
  }
  const used = band.told.labels.filter((one) => band.told.parts.some((part) => part.label === one.name));
  names.replaceChildren(...used.map(({ name, letter, colour }) => {
    const node = document.createElement("span");
    node.className = "vp-band-name";
    node.style.setProperty("--part", colour);
    node.textContent = `${letter} ${name}`;
    return node;
  }));
}

function listenToBand() {
  const holder = find("band");
  const placeOf = (event) => [...holder.children].indexOf(event.target.closest?.(".vp-part"));
  const tellOf = (event) => tellWindow(band.told?.parts[placeOf(event)]?.said);
  holder.addEventListener("pointerover", tellOf);
  holder.addEventListener("pointerleave", () => tellWindow());
  holder.addEventListener("focusin", (event) => {
    band.at = placeOf(event);
    [...holder.children].forEach((part, at) => { part.tabIndex = at === band.at ? 0 : -1; });
    tellOf(event);
  });
  holder.addEventListener("focusout", () => tellWindow());
  holder.addEventListener("keydown", (event) => {
    const last = holder.children.length - 1;
    const to = { ArrowLeft: band.at - 1, ArrowRight: band.at + 1, Home: 0, End: last }[event.key];
    if (to === undefined || !holder.children[to]) return;
    event.preventDefault();
    holder.children[to].focus();
  });
  holder.addEventListener("click", (event) => {
    const part = band.told?.parts[placeOf(event)];
    if (!part) return;
    play(false);
    whole.isMoved = true;
    placeWindow(event.detail ? windowAt(event.clientX) : part.start); // a key points nowhere
    commitWindow();
  });
  find("scan").addEventListener("click", () => say(SCAN, null));
  window.addEventListener(BAND, (event) => {
    band.told = event.detail;
    if (state.value.whole) arrangeBand();
  });
}

// Where the window begins that was scanned, and whose middle is nearest to a place on the screen.
function windowAt(x) {
  const box = find("band").getBoundingClientRect();
  const { begin, end } = span();
  const middle = begin + ((x - box.left) / box.width) * (end - begin);
  const { hop, done, length } = band.told;
  return hop ? hop * within(Math.round((middle - length / 2) / hop), 0, done - 1) : 0;
}
