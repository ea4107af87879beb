// The fields of what is to be judged.

const OWN = "own";

class Choosing {
  constructor(form) {
    this.form = form;
    this.fields = form.elements;
  }

  offer(facts) {
    this.fields.weights.replaceChildren(...facts.weights.map(({ name, title }) => new Option(title, name)));
    this.fields.weights.value = facts.usual;
    this.recent = facts.recent;
    const named = facts.recent.map((one, at) => new Option(`${baseName(one.source)}: ${[one.weights, one.views, one.sampling].filter(Boolean).join(", ")}`, String(at)));
    this.fields.recent.replaceChildren(new Option("choose ...", ""), ...named);
    this.form.querySelector(".data-recent").hidden = !named.length;
  }

  // Show settings, as the server or an address tells them; what they do not say stays.
  show(told) {
    const fields = this.fields;
    for (const name of ["source", "sampling", "folder"]) if (told[name] !== undefined) fields[name].value = told[name];
    if (told.weights && [...fields.weights.options].some((option) => option.value === told.weights)) fields.weights.value = told.weights;
    if (told.views) {
      const isUsual = [...fields.views.options].some((option) => option.value === told.views);
      fields.views.value = isUsual ? told.views : OWN;
      if (!isUsual) fields.own.value = told.views;
    }
    if (told.changes !== undefined) fields.changes.checked = told.changes === true || told.changes === "1";
    this.arrange();
  }

  arrange() {
    this.form.querySelector(".data-own").hidden = this.fields.views.value !== OWN;
  }

  read() {
    const { source, weights, views, own, sampling, changes, folder } = this.fields;
    return {
      source: source.value.trim(),
      weights: weights.value,
      views: (views.value === OWN ? own.value : views.value).trim(),
      sampling: sampling.value.trim(),
      changes: changes.checked,
      folder: folder.value.trim(),
    };
  }

  // As the page's address has them.
  told() {
    const settings = this.read();
    return { ...settings, changes: settings.changes ? "1" : "0" };
  }

  disable(isOff) {
    for (const field of this.fields) if (field.tagName !== "BUTTON") field.disabled = isOff;
  }
}

const baseName = (path) => path.split(/[\\/]/).filter(Boolean).pop() || path;

const isSame = (one, other) => Boolean(one && other) && FIELDS.every((name) => one[name] === other[name]);
