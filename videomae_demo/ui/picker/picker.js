// A row of examples. Titles come from file names, so they go in through textContent.

const narrow = window.matchMedia("(max-width: 900px)"); // where style.css puts the player above
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

function showPlayer() {
  const player = document.getElementById("player");
  if (player) player.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
}

function render() {
  const buttons = openValue().map((item) => {
    const button = document.createElement("button");
    button.type = "button";
    const picture = document.createElement("img");
    picture.src = fileUrl(item.file);
    picture.alt = "";
    const title = document.createElement("span");
    title.textContent = item.title;
    button.append(picture, title);
    button.addEventListener("click", () => {
      say(PICK, item.name);
      if (narrow.matches) showPlayer();
    });
    return button;
  });
  element.querySelector(".picker").replaceChildren(...buttons);
}

// This belongs to the whole page, not to the examples; it is here since this script runs once.
// Gradio's sliders tell of a new value when the pointer is released (`release`), never after keys.
// So a key that moved a slider also releases the pointer.
const SLIDER_KEYS = [
  "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown",
];
let moved = null;
document.addEventListener("input", (event) => {
  if (event.target.matches("input[type=range]") && !event.target.closest("#player")) moved = event.target;
});
document.addEventListener("keyup", (event) => {
  if (event.target !== moved || !SLIDER_KEYS.includes(event.key)) return;
  moved = null;
  event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
});

watch("value", render);
render();
