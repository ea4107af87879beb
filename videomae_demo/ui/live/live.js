// Puts the parts together: starts and stops the camera, asks, shows, and freezes a moment.

const find = (name) => element.querySelector(".live-" + name);
const show = (node, visible) => { node.hidden = !visible; };
const [video, canvas] = [find("video"), find("canvas")];
const MIRRORED = "Mirrored: the picture is turned round as in a mirror, and so are the frames that the model gets. What it calls left is left on this screen.";
const PLAIN = "Not mirrored: the picture is as others see you, and so are the frames that the model gets. What it calls left is left on this screen.";
const HIDDEN = "The camera was switched off because the page was out of sight.";
const TOO_MANY = 3; // failures in a row, after which it stops
const SAID_AFTER_MS = 1000; // a label that stays for so long is read aloud
const SLOW = 1.3; // frames further apart than this times the interval are told of

let facts = null;
let ring = null;
let run = null; // the run that is on: what was started last; null while nothing is

element.querySelector(".bar-title").textContent = TITLE;
document.title = `Live - ${TITLE}`;
find("privacy").textContent = PRIVACY;
for (const link of element.querySelectorAll(".bar-page")) link.href = pageUrl(link.getAttribute("href"));

function tellMirror() {
  find("mirrored").textContent = find("mirror").checked ? MIRRORED : PLAIN;
}

function trouble(sentence) {
  find("trouble").textContent = sentence;
}

async function learn() {
  facts = await askFacts();
  find("model").textContent = `${facts.title}, on ${facts.device}`;
  find("count").textContent = facts.frames;
  find("note").textContent = facts.note;
  find("stage").style.aspectRatio = `${facts.width} / ${facts.height}`;
  find("legend").replaceChildren(legendFor(facts));
}

function arrange() {
  const on = run !== null;
  show(find("start"), !on);
  show(find("file"), !on);
  show(find("stop"), on);
  show(find("freeze"), on);
  show(find("empty"), !on);
  show(find("legend"), on && Boolean(find("overlay").value));
  show(find("pictures"), on && find("rebuild").checked);
  find("freeze").disabled = !(on && ring.isFull);
}

// Whoever starts twice in a row has the second one alone: each run knows whether it is still on.
async function start(open, isCamera) {
  stop();
  trouble("");
  find("start").disabled = find("file").disabled = true;
  const mine = { scores: null, headline: "", since: 0, failures: 0, speed: new Speed(), asking: new AbortController() };
  try {
    await learn();
    find("mirror").checked = isCamera;
    tellMirror();
    await open();
  } catch (error) {
    closeSource(video);
    trouble(error.message);
    return;
  } finally {
    find("start").disabled = find("file").disabled = false;
  }
  ring = new Ring(facts);
  run = mine;
  arrange();
  find("stop").focus();
  takeFrames(mine);
  drawOn(mine);
  askOn(mine);
}

function stop(why = "") {
  if (run === null) return;
  run.asking.abort();
  run = null;
  closeSource(video);
  leave();
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  find("bars").replaceChildren();
  for (const part of ["headline", "said", "speed", "told"]) find(part).textContent = "";
  for (const part of ["visible", "rebuilt"]) find(part).removeAttribute("src");
  trouble(why);
  arrange();
}

// A frame each interval, by the clock: one that comes late does not make the next ones late.
function takeFrames(mine) {
  const interval = 1000 * facts.interval_s;
  let next = performance.now();
  const tick = () => {
    if (run !== mine) return;
    const now = performance.now();
    if (video.readyState >= video.HAVE_CURRENT_DATA) {
      ring.take(video, find("mirror").checked, now);
      if (ring.taken === facts.frames) arrange();
      mine.newFrame?.();
    }
    while (next <= now) next += interval;
    setTimeout(tick, next - now);
  };
  tick();
}

function drawOn(mine) {
  if (run !== mine) return;
  if (video.readyState >= video.HAVE_CURRENT_DATA) {
    drawPicture(canvas, video, facts, find("mirror").checked, mine.scores, find("overlay").value);
  }
  // As often as the camera has a new picture, where the browser tells.
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(() => drawOn(mine));
  else requestAnimationFrame(() => drawOn(mine));
}

// The next question waits for the answer, and for a frame that the last question did not have.
async function askOn(mine) {
  let asked = 0;
  while (run === mine) {
    if (!ring.isFull || ring.taken === asked) {
      const left = ring.isFull ? 0 : ring.facts.frames - ring.taken;
      if (left) find("speed").textContent = `Gathering frames: ${(left * facts.interval_s).toFixed(1)} s to go`;
      await new Promise((resolve) => { mine.newFrame = resolve; });
      continue;
    }
    asked = ring.taken;
    const [began, mirrored] = [performance.now(), find("mirror").checked];
    try {
      const told = await askLook(ring, find("rebuild").checked, mine.asking.signal);
      if (run !== mine) return;
      mine.failures = 0;
      mine.speed.note(performance.now(), (performance.now() - began) / 1000, told.model_s);
      if (mirrored === find("mirror").checked) answer(mine, told); // else it is of a picture turned round
    } catch (error) {
      if (run !== mine) return;
      mine.failures += 1;
      const isOver = !(error instanceof Refused) ? mine.failures >= TOO_MANY : error.status !== 409;
      if (isOver) {
        stop(error instanceof Refused ? error.message : "The page does not answer any more; start again later.");
        return;
      }
    }
  }
}

function answer(mine, told) {
  mine.scores = new Float32Array(decodeBytes(told.scores).buffer);
  drawBars(find("bars"), told.labels);
  find("headline").textContent = told.headline;
  const spacing = ring.spacing();
  const late = spacing > SLOW * facts.interval_s ? ` The browser is slow: frames are ${spacing.toFixed(2)} s apart, not ${facts.interval_s.toFixed(2)} s.` : "";
  find("speed").textContent = mine.speed.told() + late;
  show(find("pictures"), Boolean(told.imagined) && find("rebuild").checked);
  if (told.imagined) {
    find("visible").src = told.imagined.visible;
    find("rebuilt").src = told.imagined.rebuilt;
    find("told").textContent = told.imagined.told;
  }
  element.querySelector(".live").dataset.answered = Number(element.querySelector(".live").dataset.answered || 0) + 1;
  readAloud(mine, told.labels[0].label);
}

// Labels change several times a second: one is read aloud when it has stayed for a while.
function readAloud(mine, label) {
  const now = performance.now();
  if (label !== mine.headline) [mine.headline, mine.since] = [label, now];
  else if (now - mine.since >= SAID_AFTER_MS && find("said").textContent !== label) find("said").textContent = label;
}

async function freeze() {
  const mine = run;
  video.pause();
  run = null; // the moment stays as it is
  mine.asking.abort();
  find("freeze").disabled = true;
  find("speed").textContent = "Frozen: the moment is being written ...";
  try {
    const { path } = await askKeep(ring);
    sessionStorage.setItem(FROZEN, path);
    closeSource(video);
    leave();
    window.location.assign(pageUrl("."));
  } catch (error) {
    run = mine;
    stop(error.message);
  }
}

find("start").addEventListener("click", () => start(() => openCamera(video), true));
find("file").addEventListener("click", () => find("input").click());
find("input").addEventListener("change", () => {
  const [file] = find("input").files;
  find("input").value = "";
  if (file) start(() => openFile(video, file), false);
});
find("stop").addEventListener("click", () => { stop(); find("start").focus(); });
find("freeze").addEventListener("click", freeze);
find("mirror").addEventListener("change", () => {
  tellMirror();
  ring?.mirror();
  if (run) run.scores = null;
});
find("overlay").addEventListener("change", arrange);
find("rebuild").addEventListener("change", arrange);
document.addEventListener("visibilitychange", () => { if (document.hidden) stop(HIDDEN); });
window.addEventListener("pagehide", () => stop());
tellMirror();
learn().catch((error) => trouble(error.message));
