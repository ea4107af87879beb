// Asks what is seen in the last frames: one question at a time, always of the newest ones, so that
// no answers pile up; how often follows from how long an answer takes.

const JPEG_QUALITY = 0.95;
const SHOWN_ANSWERS = 12; // over so many the speed is told
const VISITOR = newVisitor();

const askFacts = async () => read(await fetch(routeTo("facts")));

async function askLook(ring, reconstruct, signal) {
  const body = await asBlob(ring.sprite(), "image/jpeg", JPEG_QUALITY);
  return read(await fetch(routeTo("look", reconstruct ? "&reconstruct=1" : ""), { method: "POST", body, signal }));
}

async function askKeep(ring) {
  const body = await asBlob(ring.sprite({ large: true }), "image/png");
  return read(await fetch(routeTo("keep"), { method: "POST", body }));
}

const leave = () => navigator.sendBeacon(routeTo("leave"));

// How fast answers come: of the last ones, when they came, how long they took, and the model's part.
class Speed {
  constructor() { this.came = []; }

  note(now, took_s, model_s) {
    this.came = [...this.came, { now, took_s, model_s }].slice(-SHOWN_ANSWERS);
  }

  told() {
    const { came } = this;
    if (came.length < 2) return "";
    const rate = (1000 * (came.length - 1)) / (came[came.length - 1].now - came[0].now);
    const mean = (name) => Math.round((1000 * came.reduce((sum, one) => sum + one[name], 0)) / came.length);
    return `${rate.toFixed(1)} answers a second, ${mean("took_s")} ms each (${mean("model_s")} ms the model's)`;
  }
}
