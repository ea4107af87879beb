// Asks what stands beside gradio, see route.py: a page says first which VISITOR it is.

const newVisitor = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const routeTo = (doing, more = "") => `${rootUrl()}${ROUTE}?do=${doing}&visitor=${VISITOR}${more}`;

class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function read(response) {
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, told.detail || `The page does not answer (${response.status}).`);
  return told;
}
