// Puts the parts together: asks how the training is, shows it, and says what is to be done.

const find = (name) => element.querySelector(".train-" + name);
const root = element.querySelector(".train");
const form = find("settings");
const OFTEN_MS = 400; // while it trains
const SELDOM_MS = 1500;
const SAYS = { preparing: "Making clips.", playing: "Training.", paused: "Paused.", done: "Ended." };
const CHANGED = "The settings are changed: Start begins a new training with them, in the place of this one. Set them back, and this one goes on.";
const DONE = "Ended: all steps are done. Open what was learnt in Explore, save it, or change a setting and start anew.";
const FREE = "Whoever started this training has left: Play goes on with it, or choose other settings and start your own.";

let facts = null;
let state = null; // what the server told last
let known = { run: 0, losses: [], measured: [], subject: null, at: "" };
let asking = null; // when the next question is due
let followed = false; // whether the fields follow the server's training

const moving = new Moving({ clip: find("clip"), visible: find("visible"), picture: find("picture") });
moving.isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;

element.querySelector(".bar-title").textContent = TITLE;
document.title = `Train - ${TITLE}`;
for (const link of element.querySelectorAll(".bar-page")) link.href = pageUrl(link.getAttribute("href"));

const trouble = (sentence) => { find("trouble").textContent = sentence; };
const isOther = () => state?.owner === "other";
const isNew = () => !state?.run || !isSame(chosenIn(form), state);
const isOn = () => state?.state === "playing" || state?.state === "preparing";

const has = () => `&run=${known.run}&losses=${known.losses.length}&measured=${known.measured.length}&subject=${known.subject ? 1 : 0}&at=${known.at}`;

async function ask(doing, body) {
  const told = await read(await fetch(routeTo(doing, has()), doing === "state" ? {} : { method: "POST", body }));
  if (told.state) await take(told);
  return told;
}

// Asks again and again; whoever owns the training is known to be there by it.
async function follow() {
  clearTimeout(asking);
  try {
    await ask("state");
    if (root.dataset.lost) trouble("");
    delete root.dataset.lost;
  } catch (error) {
    root.dataset.lost = "1";
    trouble(error instanceof Refused ? error.message : "The page does not answer; it is asked again and again.");
  }
  clearTimeout(asking);
  asking = setTimeout(follow, isOn() ? OFTEN_MS : SELDOM_MS);
}

async function act(doing, body) {
  trouble("");
  try {
    const told = await ask(doing, body);
    clearTimeout(asking);
    asking = setTimeout(follow, OFTEN_MS);
    return told;
  } catch (error) {
    trouble(error instanceof Refused ? error.message : "The page does not answer; try again.");
    return null;
  }
}

async function take(told) {
  const before = state?.state;
  state = told;
  if (told.run !== known.run) known = { run: told.run, losses: [], measured: [], subject: null, at: "" };
  if (told.run) {
    known.losses.length = told.first_loss;
    known.losses.push(...told.losses);
    known.measured.length = told.first_measured;
    known.measured.push(...told.measured);
  }
  if (told.run && (isOther() || !followed)) {
    setField(form, "mode", told.mode);
    for (const [name, value] of Object.entries(told.settings)) setField(form, name, value);
  }
  followed = true;
  arrange();
  if (before !== undefined && before !== told.state) find("said").textContent = SAYS[told.state] || "";
  if (told.subject) await introduce(told.subject);
  if (told.at !== undefined && known.subject) await showNow(told);
  drawCurves();
}

// What is shown of the clip for as long as this training lasts.
async function introduce(subject) {
  known.subject = subject;
  known.at = "";
  moving.layout = subject;
  find("label").textContent = `A held-out clip: ${subject.label}.`;
  find("model").textContent = subject.model;
  await Promise.all([moving.show("clip", subject.clip), moving.show("visible", subject.visible), moving.show("picture", "")]);
}

async function showNow(told) {
  known.at = told.at;
  find("verdict").textContent = told.verdict;
  find("at").textContent = `, step ${told.at}`;
  if (told.picture) await moving.show("picture", told.picture);
  find("labels").hidden = !told.labels;
  if (told.labels) drawBars(find("labels"), told.labels);
  root.dataset.at = told.at;
}

function sentence() {
  if (isOther()) return state.taken;
  if (find("finetune select").value === "here" && root.dataset.chosen === "finetune" && state.nothing_here) return state.nothing_here;
  if (state.run && isNew()) return CHANGED;
  if (state.state === "preparing") return `Making the first clips: ${Math.round(100 * state.made)}%.`;
  if (state.state === "done") return state.why || DONE;
  if (state.run && state.owner === "nobody") return FREE;
  return state.why || "";
}

function arrange() {
  const chosen = chosenIn(form);
  root.dataset.chosen = chosen.mode;
  if (!state || facts?.off) return;
  root.dataset.mode = state.mode || chosen.mode;
  root.dataset.state = state.state;
  const [other, fresh, on, done] = [isOther(), isNew(), isOn(), state.state === "done"];
  for (const field of form.elements) field.disabled = other;
  const main = find("main");
  main.textContent = fresh ? "Start" : on ? "Pause" : "Play";
  main.disabled = other || (done && !fresh);
  find("one").disabled = other || on || (done && !fresh);
  find("open").disabled = find("save").disabled = other || !known.measured.length;
  find("pace").textContent = state.pace || "";
  find("why").textContent = sentence();
  find("started").textContent = state.started || "";
  if (!state.run) {
    find("verdict").textContent = "";
    find("label").textContent = "";
  }
}

const inDecibel = (value) => `${Number(value.toPrecision(4))}`;
const perCent = (value) => `${decimals(100 * value, 0)}%`;

function drawCurves() {
  const fine = state?.mode === "finetune";
  const { losses, measured, subject } = known;
  const steps = state?.steps || chosenIn(form).settings.steps;
  const own = (column) => ({ kind: "own", points: measured.map((row) => [row[0], row[column]]) });
  const each = { kind: "each", points: losses.map((loss, at) => [at + 1, loss]) };
  const rival = (value) => (subject ? { name: subject.rival, value } : null);
  const last = measured[measured.length - 1];
  nameCurves(fine, last, losses[losses.length - 1]);
  drawChart(find("loss"), { lines: [each, own(1)], steps, log: true, rival: rival(subject?.rival_loss ?? null), tell: (value) => `${Number(value.toPrecision(2))}` });
  drawChart(find("score"), { lines: [own(2)], steps, rival: rival(subject?.rival_score ?? null), ...(fine ? { least: 0, most: 1, tell: perCent } : { tell: inDecibel }) });
}

// A line's mark and its name, which stay together.
function keyOf(kind, words) {
  const [holder, mark] = [document.createElement("span"), document.createElement("span")];
  holder.className = "train-named";
  mark.className = `train-key train-key-${kind}`;
  holder.append(mark, words);
  return holder;
}

function nameCurves(fine, last, loss) {
  const told = (value) => (value === undefined ? "" : ` ${Number(value.toPrecision(3))}`);
  const name = fine ? "Loss (cross-entropy)" : "Loss (squared error)";
  find("loss-name").replaceChildren(`${name}: `, keyOf("each", `training${told(loss)}`), " ", keyOf("own", `held-out${told(last?.[1])}`));
  find("score-name").textContent = fine ? `Accuracy on held-out clips${last ? ` ${perCent(last[2])}` : ""}` : `PSNR on held-out clips, dB${last ? ` ${last[2].toFixed(1)}` : ""}`;
  find("loss").setAttribute("aria-label", `${name}: training${told(loss)}, held-out${told(last?.[1])}`);
  find("score").setAttribute("aria-label", find("score-name").textContent);
}

// Play, and before that begin, if there is no training with these settings.
async function go(doing) {
  writeAddress(form);
  if (isNew() && !(await act("begin", JSON.stringify(chosenIn(form))))) return;
  await act(doing);
}

find("main").addEventListener("click", () => (!isNew() && isOn() ? act("pause") : go("play")));
find("one").addEventListener("click", () => go("step"));
find("open").addEventListener("click", async () => {
  const told = await act("open");
  if (told) window.location.assign(`${pageUrl(".")}?${new URLSearchParams({ weights: told.weights, lens: state.mode === "finetune" ? "recognise" : "reconstruct" })}`);
});
find("save").addEventListener("click", async () => {
  trouble("");
  try {
    const response = await fetch(routeTo("zip"));
    if (!response.ok) await read(response);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${ZIP_NAME}.zip`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    trouble(error.message);
  }
});
find("still").addEventListener("click", () => {
  moving.isStill = !moving.isStill;
  tellStill();
  moving.draw();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", () => {
  writeAddress(form);
  arrange();
  if (isOn() && isNew() && state.owner === "you") act("pause");
});
window.addEventListener("pagehide", () => { if (state?.owner === "you") navigator.sendBeacon(routeTo("leave")); });
new ResizeObserver(() => drawCurves()).observe(find("loss"));

function tellStill() {
  find("still").setAttribute("aria-pressed", String(moving.isStill));
}

async function open() {
  for (const [name, value] of Object.entries(USUAL)) setField(form, name, value);
  followed = readAddress(form); // an address that says something is not overruled
  tellStill();
  arrange();
  drawCurves();
  try {
    facts = await read(await fetch(routeTo("facts")));
  } catch (error) {
    trouble(error.message);
    return;
  }
  if (facts.off) {
    for (const field of form.elements) field.disabled = true;
    find("why").textContent = facts.off;
    return;
  }
  find("device").textContent = `on ${facts.device}`;
  find("model").textContent = facts.model;
  setInterval(() => moving.next(), 1000 * facts.interval_s);
  await follow();
}

open();
