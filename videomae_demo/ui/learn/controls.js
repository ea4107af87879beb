// The one thing to do in each step: its buttons, sliders and choices.

const RATIO_ENDS = { min: 0.05, max: 0.95, step: 0.05 };
const STAGES = [["0", "All tokens"], ["1", "Into the encoder"], ["2", "Into the decoder"], ["3", "Out of it"]];

// What each step offers beside its picture.
const OFFERS = {
  guess: [],
  tokens: [],
  place: ["choices"],
  tubes: ["ratio", "another"],
  encoder: ["ratio"],
  "mask-tokens": ["stages"],
  decoder: ["slide"],
  loss: ["another"],
  target: ["another"],
  ratio: ["ratio", "sweep"],
  "fine-tune": ["choices"],
  backwards: ["choices"],
};

function button(label, act, className = "") {
  const node = document.createElement("button");
  node.type = "button";
  node.className = className;
  node.textContent = label;
  node.addEventListener("click", act);
  return node;
}

function slider(label, ends, value, write, act) {
  const holder = document.createElement("label");
  const said = document.createElement("output");
  const input = document.createElement("input");
  holder.className = "learn-slider";
  Object.assign(input, { type: "range", ...ends });
  input.value = value;
  const tell = () => {
    said.textContent = write(Number(input.value));
    input.setAttribute("aria-valuetext", said.textContent);
  };
  tell();
  input.addEventListener("input", tell);
  input.addEventListener("change", () => act(Number(input.value)));
  holder.append(label, input, said);
  return holder;
}

function choices(list, chosen, act) {
  const group = document.createElement("div");
  group.className = "learn-choices";
  group.setAttribute("role", "group");
  for (const [name, title] of list) {
    const node = button(title, () => {
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === node));
      act(name);
    });
    node.setAttribute("aria-pressed", String(name === chosen));
    group.append(node);
  }
  return group;
}

// Make a step's controls. `told` is what the server said of it, `acts` what they do.
function makeControls(step, told, settings, acts) {
  const made = {
    ratio: () => slider("Hidden", RATIO_ENDS, settings.ratio ?? told.usual, (value) => `${Math.round(100 * value)}%`, (value) => acts.set({ ratio: String(value) })),
    another: () => button("Another mask", () => acts.set({ seed: String(Number(settings.seed || 0) + 1) })),
    sweep: () => button("Try all shares", acts.sweep, "learn-sweep"),
    stages: () => choices(STAGES, settings.stage || "0", acts.stage),
    choices: () => choices(told.choices, acts.chosen(), acts.choose),
    slide: () => {
      const names = told.choices.map(([name]) => name);
      const write = (at) => told.choices[at][1];
      return slider("Decoder", { min: 0, max: names.length - 1, step: 1 }, names.indexOf(acts.chosen()), write, (at) => acts.choose(names[at]));
    },
  };
  return OFFERS[step.name].map((name) => made[name]());
}
