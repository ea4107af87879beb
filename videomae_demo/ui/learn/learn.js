// Puts the parts together: goes from step to step, asks for what a step needs, and shows it.

const KEPT = ["weights", "example", "ratio", "seed", "token", "choice", "stage", "round"];
const now = { at: 0, turn: 0, settings: {}, open: null, told: null, drawn: null, note: "", score: { right: 0, of: 0 } };

const step = () => STEPS[now.at];
const isLast = () => now.at === STEPS.length - 1;

// ---- the address ------------------------------------------------------------------------------

function readAddress() {
  const query = new URLSearchParams(window.location.search);
  const at = STEPS.findIndex((one) => one.name === query.get("step"));
  now.at = Math.max(at, 0);
  now.settings = Object.fromEntries(KEPT.filter((name) => query.has(name)).map((name) => [name, query.get(name)]));
  if (!now.settings.example) now.settings.clip = sessionStorage.getItem(CLIP) || "";
}

function writeAddress(isNew) {
  const query = new URLSearchParams({ step: step().name });
  for (const name of KEPT) if (now.settings[name]) query.set(name, now.settings[name]);
  const url = `${window.location.pathname}?${query}`;
  if (isNew) history.pushState(null, "", url);
  else history.replaceState(history.state, "", url);
  if (window.parent !== window) window.parent.postMessage({ queryString: query.toString() }, "https://huggingface.co");
}

// ---- showing ----------------------------------------------------------------------------------

const trouble = (text) => { find("trouble").textContent = text; };

// The choice at hand, if the step knows it; else the one with which it opens.
function chosen() {
  const names = Object.keys(now.told?.shown?.lenses || {});
  return names.includes(now.settings.choice) ? now.settings.choice : now.told?.first || names[0] || "only";
}

function list(into, sentences) {
  into.replaceChildren(...sentences.map((sentence) => {
    const item = document.createElement("li");
    item.textContent = sentence;
    return item;
  }));
}

// What is to be known of the examples, the clip and the weights.
function tellRemarks() {
  list(find("remarks"), [now.note, ...(now.open?.notes || [])].filter(Boolean));
}

function tellStep() {
  const { title, text, doing, notes } = step();
  find("count").textContent = `Step ${now.at + 1} of ${STEPS.length}`;
  find("title").textContent = title;
  find("text").textContent = text;
  find("doing").textContent = doing;
  list(find("notes").querySelector("ul"), notes);
  find("back").disabled = now.at === 0;
  find("next").textContent = isLast() ? "Train one yourself" : "Next";
  [...find("dots").children].forEach((dot, at) => {
    dot.firstChild.toggleAttribute("aria-current", at === now.at);
    if (at === now.at) dot.firstChild.setAttribute("aria-current", "step");
  });
  document.title = `${title} - ${TITLE}`;
  element.querySelector(".learn").dataset.step = step().name;
}

function clearDrawn() {
  now.drawn?.destroy();
  now.drawn = null;
  find("drawn").replaceChildren();
}

// Wait for pictures; whether the page was turned, or something else was asked for, meanwhile.
async function pictures(panes) {
  const turn = now.turn;
  const clips = await Promise.all(panes.map(clipOf));
  return turn === now.turn ? clips : null;
}

// Draw what the browser draws itself; the player shows all else.
async function drawStep(told) {
  const draw = { guess: drawGuessing, tokens: drawTokens, encoder: drawEntrance, "mask-tokens": drawEntrance }[step().name];
  show(find("player"), !draw);
  show(find("drawn"), Boolean(draw));
  clearDrawn();
  if (draw) await draw(told);
  else {
    showPlayer(told.shown);
    openView(chosen());
  }
}

const onlyPanes = (told) => told.shown.lenses.only.panes;

async function drawTokens() {
  const clips = await pictures(now.open.shown.lenses.clip.panes);
  if (!clips) return;
  now.drawn = drawBlock(find("drawn"), clips[0]);
}

async function drawGuessing(told) {
  const clips = await pictures(onlyPanes(told));
  if (!clips) return;
  const [seen, predicted] = clips;
  now.drawn = drawGuess(find("drawn"), seen, {
    place: told.place,
    frame: told.place[0] * seen.tubelet,
    mask: bytesFrom(told.mask),
    candidates: told.candidates.map((place, at) => ({ canvasPixels: patchOf(seen, place), kind: at === told.truth ? "truth" : "other" })),
    model: patchOf(predicted, told.place),
    psnr: { model: told.model, chosen: told.psnr },
    score: now.score,
    onGuess: (at) => {
      now.score.of += 1;
      if (at === told.truth) now.score.right += 1;
    },
    onAnother: () => set({ round: String(Number(now.settings.round || 0) + 1) }),
  });
}

function entering(told, stage) {
  return {
    mask: bytesFrom(told.mask), visible: told.visible, hidden: told.total - told.visible, total: told.total,
    visible_ms: told.visible_ms, all_ms: told.all_ms, decoder_ms: told.decoder_ms,
    stage,
  };
}

const stage = () => (step().name === "encoder" ? 1 : Number(now.settings.stage || 0));

async function drawEntrance(told) {
  const clips = await pictures(onlyPanes(told));
  if (!clips) return;
  const [seen, predicted] = clips;
  now.predicted = predicted;
  now.drawn = drawEntering(find("drawn"), seen, { ...entering(told, stage()), predicted: predicted.image });
}

function showPanels(told) {
  const panels = told.panels || {};
  showPanel(panels[chosen()] || panels.only || []);
  show(find("chart"), step().name === "ratio");
  showChart(told.chart || []);
}

function showControls() {
  find("acts").replaceChildren(...makeControls(step(), { ...now.told, usual: now.open.usual }, now.settings, ACTS));
}

// ---- asking -----------------------------------------------------------------------------------

// Which settings a step's answer depends on; the rest is the browser's own affair.
function wanted() {
  const names = ["ratio", "seed", ...(step().name === "place" ? ["token"] : []), ...(step().name === "guess" ? ["round"] : [])];
  return Object.fromEntries(names.filter((name) => now.settings[name]).map((name) => [name, now.settings[name]]));
}

async function work() {
  now.turn += 1;
  const { turn } = now;
  trouble("");
  const late = setTimeout(() => show(find("waiting"), true), 300);
  find("stage").setAttribute("aria-busy", "true");
  try {
    if (!now.open) {
      const open = await ask("open", now.settings);
      if (turn !== now.turn) return;
      now.open = open;
    }
    tellRemarks();
    const told = await ask("work", now.settings, { step: step().name, ...wanted() });
    if (turn !== now.turn) return;
    now.told = told;
    await drawStep(told);
    if (turn !== now.turn) return;
    showControls();
    showPanels(told);
    tellTry(told.address || {});
    element.querySelector(".learn").dataset.shown = step().name;
  } catch (error) {
    if (turn === now.turn && error.name !== "AbortError") trouble(error.message);
  } finally {
    clearTimeout(late);
    if (turn === now.turn) {
      show(find("waiting"), false);
      find("stage").removeAttribute("aria-busy");
    }
  }
}

function tellTry(address) {
  const query = new URLSearchParams();
  if (now.settings.example) query.set("example", now.settings.example);
  if (now.settings.weights) query.set("weights", now.settings.weights);
  for (const [name, value] of Object.entries(address)) query.set(name, value);
  if (step().name === "tokens" && now.settings.token) query.set("token", now.settings.token);
  find("try").href = `${pageUrl(".")}?${query}`;
  find("handout").href = routeTo("handout", now.settings, wanted());
}

async function sweep() {
  const { turn } = now;
  trouble("");
  find("acts").querySelector(".learn-sweep").disabled = true;
  try {
    await askLines("sweep", now.settings, wanted(), (told) => {
      if (turn === now.turn) showPanels(told);
    });
  } catch (error) {
    if (turn === now.turn && error.name !== "AbortError") trouble(error.message);
  }
  const again = find("acts").querySelector(".learn-sweep");
  if (again) again.disabled = false;
}

// Change settings of the step, and work it out anew.
function set(changes) {
  Object.assign(now.settings, changes);
  writeAddress(false);
  work();
}

const ACTS = {
  set,
  sweep,
  chosen,
  choose: (name) => {
    now.settings.choice = name;
    writeAddress(false);
    openView(name);
    showPanels(now.told);
  },
  stage: (at) => {
    now.settings.stage = at;
    writeAddress(false);
    now.drawn?.update({ ...entering(now.told, Number(at)), predicted: now.predicted.image });
  },
};

function go(at, { focus = true } = {}) {
  if (at < 0 || at >= STEPS.length || at === now.at) return;
  now.at = at;
  delete now.settings.choice;
  delete now.settings.stage;
  writeAddress(true);
  tellStep();
  find("acts").replaceChildren();
  showPanels({});
  if (focus) find("title").focus({ preventScroll: true });
  work();
}

// ---- listening --------------------------------------------------------------------------------

find("back").addEventListener("click", () => go(now.at - 1));
find("next").addEventListener("click", () => {
  if (isLast()) window.location.assign(pageUrl("train"));
  else go(now.at + 1);
});
document.addEventListener("keydown", (event) => {
  const turn = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }[event.key];
  const busy = event.target instanceof Element && event.target.closest("input, select, textarea, summary, [role='toolbar'], .vp-stage, .learn-drawn");
  if (!turn || busy || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  go(now.at + turn);
});
window.addEventListener("videomae-choose", (event) => {
  if (step().name !== "place" || !event.detail) return;
  set({ token: event.detail.join(",") });
});
window.addEventListener("videomae-share", (event) => set({ ratio: String(event.detail) }));
window.addEventListener("popstate", () => { readAddress(); tellStep(); work(); });
find("clip").addEventListener("change", () => {
  const name = find("clip").value;
  now.settings = { weights: now.settings.weights, ...(name ? { example: name } : { clip: sessionStorage.getItem(CLIP) }) };
  now.open = null;
  writeAddress(false);
  work();
});
find("weights").addEventListener("change", () => {
  now.settings = { ...now.settings, weights: find("weights").value };
  for (const name of ["ratio", "seed", "token", "choice"]) delete now.settings[name];
  now.open = null;
  writeAddress(false);
  begin();
});
find("try").addEventListener("click", () => {
  if (!now.settings.example && now.settings.clip) sessionStorage.setItem(FROZEN, now.settings.clip);
});

function fillChoices(facts) {
  const own = sessionStorage.getItem(CLIP);
  const options = facts.examples.map(({ name, title }) => new Option(title, name));
  if (own) options.unshift(new Option("your own clip", ""));
  find("clip").replaceChildren(...options);
  if (now.settings.clip) find("clip").value = "";
  else {
    const known = facts.examples.some(({ name }) => name === now.settings.example);
    if (!known && facts.examples.length) now.settings.example = facts.examples[0].name;
    find("clip").value = now.settings.example || "";
  }
  find("weights").replaceChildren(...facts.offers.map(([name, title]) => new Option(title, name)));
  find("weights").value = facts.weights;
  show(element.querySelector(".learn-weights-pick"), facts.offers.length > 1);
}

async function begin() {
  try {
    const facts = await ask("facts", now.settings);
    now.note = facts.note;
    fillChoices(facts);
  } catch (error) {
    trouble(error.message);
    return;
  }
  writeAddress(false);
  tellStep();
  work();
}

element.querySelector(".bar-title").textContent = TITLE;
for (const link of element.querySelectorAll(".bar-page")) link.href = pageUrl(link.getAttribute("href"));
find("dots").replaceChildren(...STEPS.map(({ title }, at) => {
  const item = document.createElement("li");
  const dot = button(String(at + 1), () => go(at));
  dot.setAttribute("aria-label", `Step ${at + 1}: ${title}`);
  dot.title = title;
  item.append(dot);
  return item;
}));
readAddress();
tellStep();
begin();
