// Keeps what was said last, and tells Python that there is something.

window.addEventListener(NAME, (event) => {
  props.value = JSON.stringify(event.detail);
  trigger("input", {});
});
