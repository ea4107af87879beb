// Keeps what was said last, and when, and tells Python that there is something.

window.addEventListener(NAME, (event) => {
  props.value = JSON.stringify({ at: performance.now(), said: event.detail });
  trigger("input", {});
});
