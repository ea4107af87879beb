// The same in words: for whoever points at a token, and for whoever listens to the page.

function describeToken(token) {
  const time = lens().times[token[0] * lens().tubelet];
  const place = `${time.toFixed(2)} s, row ${token[1]}, column ${token[2]}`;
  const scores = activeScores() || scoresOf(lens().readout);
  const mask = lens().masked ? maskBytes() : null;
  const index = tokenIndex(token);
  let text = place;
  if (scores) {
    const value = scores.values[index];
    if (!Number.isNaN(value)) {
      const amount = scores.unit.startsWith("x") ? value.toFixed(1) : value.toPrecision(2) + " ";
      text += `: ${amount}${scores.unit}`;
    }
  }
  if (mask) text += mask[index] ? " (hidden)" : " (visible)";
  return text;
}

function tell() {
  const readout = find("readout");
  if (!lens()) return;
  if (state.cursor && state.hover) {
    readout.textContent = describeToken(state.cursor);
  } else if (state.painting && whyIdle()) {
    readout.textContent = whyIdle();
  } else if (lens().chooses && state.value.chosen) {
    const hasValues = activeScores() || lens().readout;
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
