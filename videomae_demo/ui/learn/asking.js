// Asks the server to work a step out on the clip at hand. An older question is given up.

const asked = { controller: null };

class Refused extends Error {}

// Which clip and weights are at hand, as a query; what is not said is the page's own choice.
function atHand(settings) {
  const query = {};
  if (settings.weights) query.weights = settings.weights;
  if (settings.example) query.example = settings.example;
  else if (settings.clip) query.clip = settings.clip;
  return query;
}

function routeTo(doing, settings, more = {}) {
  return `${rootUrl()}${ROUTE}?${new URLSearchParams({ do: doing, ...atHand(settings), ...more })}`;
}

async function read(response) {
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(told.detail || `The page does not answer (${response.status}).`);
  return told;
}

// Ask one thing at a time: whoever turns pages fast waits for the last one alone.
async function ask(doing, settings, more) {
  asked.controller?.abort();
  asked.controller = new AbortController();
  return read(await fetch(routeTo(doing, settings, more), { signal: asked.controller.signal }));
}

// Ask for lines of JSON, and hand each over as it comes.
async function askLines(doing, settings, more, take) {
  asked.controller?.abort();
  asked.controller = new AbortController();
  const response = await fetch(routeTo(doing, settings, more), { signal: asked.controller.signal });
  if (!response.ok) await read(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.filter(Boolean)) {
      const told = JSON.parse(line);
      if (told.detail) throw new Refused(told.detail);
      take(told);
    }
  }
}
