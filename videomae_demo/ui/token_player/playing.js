// Time: playing, and going from frame to frame.

function go(frame) {
  const count = frames();
  if (!count) return;
  state.frame = ((frame % count) + count) % count;
  if (state.cursor) state.cursor = [sliceOf(state.frame), state.cursor[1], state.cursor[2]];
  draw();
}

function play(on) {
  state.playing = on && frames() > 1;
  const button = find("play");
  button.setAttribute("aria-pressed", String(state.playing));
  button.setAttribute("aria-label", state.playing ? "Pause" : "Play");
  if (state.playing) {
    state.lastTick = performance.now();
    requestAnimationFrame(tick);
  }
}

function tick(now) {
  if (!state.playing || !element.isConnected) return;
  if (!lens()) { // a new clip comes, and what this lens shows of it is not there yet
    state.lastTick = now;
    requestAnimationFrame(tick);
    return;
  }
  const { times, repeated } = lead();
  const fresh = times.length - repeated;
  const usual = fresh > 1 ? (times[fresh - 1] - times[0]) / (fresh - 1) : 0.125;
  const step = times[state.frame + 1] - times[state.frame];
  const wait = (1000 * (step > 0 ? step : usual)) / Number(find("speed").value);
  if (now - state.lastTick >= wait) {
    state.lastTick = now;
    go(state.frame + 1);
  }
  requestAnimationFrame(tick);
}
