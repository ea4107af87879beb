// Labels and their probabilities as bars, which stay where they are while they grow.

function drawBars(list, labels) {
  while (list.children.length < labels.length) {
    const row = document.createElement("li");
    for (const [tag, name] of [["span", "name"], ["span", "value"], ["div", "track"]]) {
      const part = document.createElement(tag);
      part.className = `live-${name}`;
      row.append(part);
    }
    const fill = document.createElement("div");
    fill.className = "live-fill";
    row.lastChild.append(fill);
    list.append(row);
  }
  labels.forEach(({ label, probability, text }, place) => {
    const [name, value, track] = list.children[place].children;
    name.textContent = label;
    value.textContent = text;
    track.firstChild.style.width = `${100 * probability}%`;
  });
}
