// The settings that are chosen, in their fields and in the page's address.

const FIELDS = { pretrain: ["mask", "ratio", "rate", "seed", "steps"], finetune: ["start", "rate", "seed", "steps"] };
const NUMBERS = new Set(["ratio", "rate", "seed", "steps"]);
const USUAL = { mode: "pretrain", ...DEFAULTS };

// Choose what an address or another page says, also if it is none of the usual choices.
function setField(form, name, value) {
  const field = form.elements[name];
  const words = String(value);
  if (field instanceof HTMLSelectElement && ![...field.options].some((option) => option.value === words)) {
    if (!NUMBERS.has(name) || !Number.isFinite(Number(words))) return;
    field.add(new Option(name === "ratio" ? `${Math.round(1000 * Number(words)) / 10}%` : words, words));
  }
  field.value = words;
}

function chosenIn(form) {
  const mode = form.elements.mode.value;
  const settings = {};
  for (const name of FIELDS[mode]) {
    const { value } = form.elements[name];
    settings[name] = NUMBERS.has(name) ? Number(value) : value;
  }
  return { mode, settings };
}

function readAddress(form) {
  const query = new URLSearchParams(location.search);
  const names = [...query.keys()].filter((name) => name in USUAL);
  for (const name of names) setField(form, name, query.get(name));
  return names.length > 0;
}

function writeAddress(form) {
  const { mode, settings } = chosenIn(form);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ mode, ...settings })) {
    if (value !== USUAL[name]) query.set(name, value);
  }
  const url = new URL(location.href);
  if (url.search.replace(/^\?/, "") === query.toString()) return;
  url.search = query.toString();
  history.replaceState(history.state, "", url);
}

const isSame = (one, other) => one.mode === other.mode && FIELDS[one.mode].every((name) => one.settings[name] === other.settings[name]);
