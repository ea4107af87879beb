// The same in words: for whoever points at a token, and for whoever listens to the page.

function describeToken(token) {
  const time = lead().times[token[0] * lead().tubelet];
  const place = `${time.toFixed(2)} s, row ${token[1]}, column ${token[2]}`;
  const told = amountsOf(token);
  let text = told.length ? `${place}: ${told.join(", ")}` : place;
  if (maskBytes()) text += maskBytes()[tokenIndex(maskedPane(), token)] ? " (hidden)" : " (visible)";
  return text;
}

// What all panes say of a token. Of several, each is named; what was said already is not said again.
function amountsOf(token) {
  const scored = lens().panes.filter((pane) => pane.scores);
  const told = scored.map((pane) => [pane.title, amountOf(pane, token)]).filter(([, amount]) => amount);
  const fresh = told.filter(([, amount], at) => told.findIndex((other) => other[1] === amount) === at);
  return fresh.map(([title, amount]) => (fresh.length > 1 && title ? `${title} ${amount}` : amount));
}

// What a pane's scores say of a token, whether they are drawn or not; empty where they have no value.
function amountOf(pane, token) {
  const value = valuesOf(pane.scores)[tokenIndex(pane, token)];
  if (Number.isNaN(value)) return "";
  const { unit, upper } = pane.scores;
  if (isSigned(pane.scores)) return withUnit(signed(value, upper), unit);
  return unit.startsWith("x") ? value.toFixed(1) + unit : `${value.toPrecision(2)} ${unit}`;
}

// A number with its sign, to three digits of the highest one that its scale shows.
function signed(value, highest) {
  const digits = Math.min(Math.max(2 - Math.floor(Math.log10(highest)), 0), 20);
  const text = value.toFixed(digits);
  if (Number(text) === 0) return "0";
  return value > 0 ? `+${text}` : text;
}

const withUnit = (text, unit) => (unit && !unit.startsWith("x") ? `${text} ${unit}` : text + unit);

// What a curve says of a slice of time; with a sign, if its pane or one of its values has one.
function curveAmount({ values, unit }, slice) {
  const { scores } = lead();
  const hasSign = (scores && isSigned(scores)) || Math.min(...values) < 0;
  const highest = Math.max(...values.map(Math.abs)) || 1;
  return withUnit(hasSign ? signed(values[slice], highest) : values[slice].toFixed(2), unit);
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
