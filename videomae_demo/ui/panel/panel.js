// A panel: a list of blocks, each drawn with textContent, so that no text can become markup.

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

const perCent = (share) => {
  const value = 100 * share;
  if (value >= 99.95 && value < 100) return "> 99.9%";
  if (value > 0 && value < 0.1) return "< 0.1%";
  // From 99% up one decimal again, so that nothing below 100% reads as 100%.
  const whole = value === 100 || (value >= 10 && value < 99);
  return `${decimals(value, whole ? 0 : 1)}%`;
};

// Two names that are chosen are told to a mailbox.
function letTwoBeChosen(list, mailbox) {
  const choices = [...list.querySelectorAll(".panel-choice")];
  for (const choice of choices) {
    choice.type = "button";
    choice.setAttribute("aria-pressed", "false");
    choice.addEventListener("click", () => {
      choice.setAttribute("aria-pressed", String(choice.getAttribute("aria-pressed") === "false"));
      const chosen = choices.filter((one) => one.getAttribute("aria-pressed") === "true");
      if (chosen.length < 2) return;
      say(mailbox, chosen.map((one) => one.textContent));
      for (const one of choices) one.setAttribute("aria-pressed", "false");
    });
  }
}

const LONG_S = 2; // what takes longer says how long

// Say how long it may still take, for as long as the line is shown.
function countDown(said, text, end) {
  const left = Math.ceil((end - performance.now()) / 1000);
  said.textContent = left > 0 ? `${text} about ${left} s left` : `${text} a little longer`;
  if (left > 0) setTimeout(() => { if (said.isConnected) countDown(said, text, end); }, 1000);
}

const DRAW = {
  curves: drawCurves,
  gallery: drawGallery,
  columns: drawColumns,
  changes: drawChanges,
  pairs: drawPairs,
  shares: drawShares,
  windows: drawWindows,
  box: (block) => {
    const holder = make("div", "panel-box");
    holder.style.setProperty("--rows", block.rows);
    holder.append(...block.blocks.map((inner) => DRAW[inner.kind](inner)));
    return holder;
  },
  lead: (block) => make("p", "panel-lead", block.text),
  sentence: (block) => make("p", "", block.text),
  small: (block) => make("p", "panel-small", block.text),
  note: (block) => make("p", "panel-note", block.text),
  progress: (block) => {
    const holder = make("div", "panel-progress");
    const bar = make("progress");
    bar.max = block.total;
    bar.value = block.done;
    bar.setAttribute("aria-label", block.text);
    const said = make("span", "", block.text);
    holder.append(said, bar);
    if (block.takes >= LONG_S) countDown(said, block.text, performance.now() + 1000 * block.takes);
    return holder;
  },
  bars: (block) => {
    const list = make("ol", "panel-bars");
    for (const row of block.rows) {
      const item = make("li", row.marked ? "panel-marked" : "");
      const track = make("div", "panel-track");
      const fill = make("div", "panel-fill");
      fill.style.width = `${100 * row.share}%`;
      track.append(fill);
      const name = block.tells ? make("button", "panel-name panel-choice", row.name) : make("span", "panel-name", row.name);
      item.append(name, make("span", "panel-value", perCent(row.share)), track);
      list.append(item);
    }
    if (block.tells) letTwoBeChosen(list, block.tells);
    return list;
  },
  measures: (block) => {
    const list = make("ul", "panel-bars");
    const known = block.rows.map((row) => row.value).filter((value) => value !== null);
    const top = Math.max(...known, 1);
    for (const row of block.rows) {
      const item = make("li", row.marked ? "panel-marked" : "");
      const track = make("div", "panel-track");
      const fill = make("div", "panel-fill");
      fill.style.width = row.value === null ? "100%" : `${Math.max(0, (100 * row.value) / top)}%`;
      track.append(fill);
      const value = row.value === null ? "exact" : `${row.value.toFixed(1)} ${block.unit}`;
      item.append(make("span", "panel-name", row.name), make("span", "panel-value", value), track);
      list.append(item);
    }
    return list;
  },
  act: (block) => {
    const button = make("button", "panel-act panel-main-act", block.text);
    button.type = "button";
    button.dataset.keep = block.tells;
    if (block.cost) button.append(make("span", "panel-act-cost", block.cost));
    button.addEventListener("click", () => say(block.tells, null));
    return button;
  },
  facts: (block) => {
    const list = make("dl", "panel-facts");
    for (const [name, value] of block.rows) list.append(make("dt", "", name), make("dd", "", value));
    return list;
  },
  crop: (block) => {
    const [height, width] = block.source;
    const [left, top, boxWidth, boxHeight] = block.box;
    const outer = make("div", "panel-source");
    outer.style.aspectRatio = `${width} / ${height}`;
    const inner = make("div", "panel-crop");
    inner.style.left = `${(100 * left) / width}%`;
    inner.style.top = `${(100 * top) / height}%`;
    inner.style.width = `${(100 * boxWidth) / width}%`;
    inner.style.height = `${(100 * boxHeight) / height}%`;
    inner.style.backgroundImage = `url(${JSON.stringify(fileUrl(block.sprite.file))})`;
    inner.style.backgroundSize = `${100 * block.sprite.columns}% ${100 * block.sprite.rows}%`;
    outer.setAttribute("role", "img");
    const share = Math.round((100 * boxWidth * boxHeight) / (width * height));
    outer.setAttribute("aria-label", `The model sees ${share}% of the frame, in its middle.`);
    outer.append(inner);
    return outer;
  },
};

function render() {
  const blocks = openValue();
  const nodes = blocks.map((block) => DRAW[block.kind](block));
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.querySelector(".panel").replaceChildren(...nodes);
  keepPlace(focused);
  keepShare(focused);
  keepChoice(focused);
  if (!blocks.some((block) => block.kind === "curves")) giveBack();
}

watch("value", render);
render();
