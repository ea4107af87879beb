// The whole clip, and the window of it that the model sees, as a handle to drag.

const STEP_S = 0.1;
const whole = { start: 0, grabbed: null, isMoved: false };

const span = () => {
  const { times, window: [first, last] } = state.value.whole;
  return { begin: times[0], end: times[times.length - 1], length: last - first };
};

function placeWindow(start) {
  const { begin, end, length } = span();
  whole.start = within(start, begin, Math.max(begin, end - length));
  const handle = find("window");
  const share = (seconds) => (100 * seconds) / (end - begin);
  handle.style.left = `${share(whole.start - begin)}%`;
  handle.style.width = `${Math.min(share(length), 100)}%`;
  handle.setAttribute("aria-valuemin", begin.toFixed(2));
  handle.setAttribute("aria-valuemax", Math.max(begin, end - length).toFixed(2));
  handle.setAttribute("aria-valuenow", whole.start.toFixed(2));
  handle.setAttribute("aria-valuetext", `from ${whole.start.toFixed(2)} s to ${(whole.start + length).toFixed(2)} s`);
  tellWindow();
}

// What is said above the whole clip: of the part of the band that is pointed at, or of the window.
function tellWindow(said) {
  const { begin, end, length } = span();
  find("window-text").textContent = said
    || `Window from ${whole.start.toFixed(2)} s to ${(whole.start + length).toFixed(2)} s of ${(end - begin).toFixed(1)} s: drag it`;
}

function arrangeWhole() {
  const now = state.value.whole;
  show(find("whole"), Boolean(now));
  element.querySelector(".vp").classList.toggle("vp-has-whole", Boolean(now));
  arrangeBand();
  if (!now || whole.grabbed !== null) return;
  const image = find("whole-strip");
  const { track } = now;
  image.replaceChildren(...now.times.map((_, index) => {
    const cell = document.createElement("span");
    const [column, row] = [index % track.columns, Math.floor(index / track.columns)];
    const at = (place, count) => (count > 1 ? (100 * place) / (count - 1) : 0);
    cell.style.backgroundImage = `url(${JSON.stringify(fileUrl(track.file))})`;
    cell.style.backgroundSize = `${100 * track.columns}% ${100 * track.rows}%`;
    cell.style.backgroundPosition = `${at(column, track.columns)}% ${at(row, track.rows)}%`;
    return cell;
  }));
  if (!whole.isMoved) placeWindow(now.window[0]);
}

function commitWindow() {
  if (!whole.isMoved) return;
  whole.isMoved = false;
  say(WINDOW, Number(whole.start.toFixed(3)));
}

function listenToWhole() {
  const handle = find("window");
  const secondsAt = (event) => {
    const box = find("whole-strip").getBoundingClientRect();
    const { begin, end } = span();
    return begin + ((event.clientX - box.left) / box.width) * (end - begin);
  };
  const move = (start) => { whole.isMoved = true; placeWindow(start); };
  handle.addEventListener("pointerdown", (event) => {
    whole.grabbed = secondsAt(event) - whole.start;
    handle.setPointerCapture(event.pointerId);
    play(false);
  });
  handle.addEventListener("pointermove", (event) => {
    if (whole.grabbed !== null) move(secondsAt(event) - whole.grabbed);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    handle.addEventListener(end, () => { whole.grabbed = null; commitWindow(); });
  }
  find("whole-strip").addEventListener("click", (event) => {
    move(secondsAt(event) - span().length / 2);
    commitWindow();
  });
  handle.addEventListener("keydown", (event) => {
    const { begin, end, length } = span();
    const steps = { ArrowLeft: -STEP_S, ArrowRight: STEP_S, PageDown: -length, PageUp: length };
    if (event.key in steps) move(whole.start + steps[event.key]);
    else if (event.key === "Home") move(begin);
    else if (event.key === "End") move(end);
    else return;
    event.preventDefault();
  });
  handle.addEventListener("keyup", commitWindow);
  // The panel of a lens may move it, too.
  window.addEventListener(WINDOW, (event) => { if (state.value.whole) placeWindow(event.detail); });
}
