// The same in words: for whoever points at a token, and for whoever listens to the page.

function describeToken(token) {
  const time = lead().times[token[0] * lead().tubelet];
  const place = `${time.toFixed(2)} s, row ${token[1]}, column ${token[2]}`;
  const told = lens().panes.filter((pane) => pane.scores).map((pane) => amountOf(pane, token)).filter(Boolean);
  let text = told.length ? `${place}: ${told.join(", ")}` : place;
  if (maskBytes()) text += maskBytes()[tokenIndex(maskedPane(), token)] ? " (hidden)" : " (visible)";
  return text;
}

// What a pane's scores say of a token, whether they are drawn or not; empty where they have no value.
function amountOf(pane, token) {
  const value = valuesOf(pane.scores)[tokenIndex(pane, token)];
  if (Number.isNaN(value)) return "";
  const { unit } = pane.scores;
  return unit.startsWith("x") ? value.toFixed(1) + unit : `${value.toPrecision(2)} ${unit}`;
}

function tell() {
  const readout = find("readout");
  if (!lens()) return;
  if (state.cursor && state.hover) {
    readout.textContent = describeToken(state.cursor);
  } else if (state.painting && whyIdle()) {
    readout.textContent = whyIdle();
  } else if (lens().chooses && state.value.chosen) {
    const hasValues = lens().panes.some((pane) => pane.scores);
    readout.textContent = `Chosen: ${describeToken(state.value.chosen)}${hasValues ? "" : `. ${lens().hint}`}`;
  } else {
    const hint = state.painting
      ? "Drag over the pictures to hide tokens or show them again."
      : lens().hint;
    const advice = finger.matches && isSmall() ? " Pinch, or press +, to magnify." : "";
    readout.textContent = hint + advice;
  }
}

function announce(text) {
  find("alternative").textContent = text;
}
