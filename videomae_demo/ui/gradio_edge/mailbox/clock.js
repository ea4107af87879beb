// Keeps when each part of the page was last touched. It hears a touch before any control does, so
// that what a control asks for is never older than the moment kept here.

const touched = {};
const note = (event) => {
  for (let node = event.target; node instanceof Element; node = node.parentElement) {
    if (!PARTS.includes(node.id)) continue;
    touched[node.id] = performance.now();
    props.value = JSON.stringify(touched);
  }
};
const ACTS = ["pointerdown", "pointerup", "click", "keydown", "input", "change", "drop"];
for (const act of ACTS) window.addEventListener(act, note, true);
