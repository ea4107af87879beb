// What the drawn pictures of the page Learn share: elements, canvases as large as their place, motion.

const drawn = {
  calm: window.matchMedia("(prefers-reduced-motion: reduce)"),

  make(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    return node;
  },

  button(className, text, doing, label) {
    const node = drawn.make("button", className, text);
    node.type = "button";
    if (label) node.setAttribute("aria-label", label);
    node.addEventListener("click", doing);
    return node;
  },

  // A colour of the page's theme. It is read at each redraw, so that dark and light both work.
  colour: (node, name) => getComputedStyle(node).getPropertyValue(name).trim(),

  // Call `redraw` whenever the canvas gets another size; its own pixels follow the screen's.
  follow(canvas, redraw) {
    const fit = () => {
      const { width, height } = canvas.getBoundingClientRect();
      const dense = Math.min(2, window.devicePixelRatio || 1);
      const [across, down] = [Math.round(width * dense), Math.round(height * dense)];
      if (!across || !down) return;
      if (canvas.width !== across) canvas.width = across;
      if (canvas.height !== down) canvas.height = down;
      redraw();
    };
    const observer = new ResizeObserver(fit);
    observer.observe(canvas);
    return observer;
  },

  // Run `step(0..1)` for a while, or its end at once where motion is unwelcome. Returns a stop.
  animate(duration_ms, step) {
    if (drawn.calm.matches) {
      step(1);
      return () => {};
    }
    let asked = 0;
    let start = null;
    const tick = (now) => {
      start ??= now;
      const part = Math.min(1, (now - start) / duration_ms);
      if (part < 1) asked = requestAnimationFrame(tick);
      step(part);
    };
    asked = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(asked);
  },

  ease: (part) => (part < 0.5 ? 2 * part * part : 1 - 2 * (1 - part) * (1 - part)),

  // Where a frame lies on the sprite.
  frameAt: (clip, frame) => [(frame % clip.columns) * clip.width, Math.floor(frame / clip.columns) * clip.height],

  // Pixels {data, width, height} or a picture as a canvas; CSS enlarges it without smoothing.
  pixels(given) {
    const canvas = drawn.make("canvas", "learn-pixels");
    [canvas.width, canvas.height] = [given.naturalWidth || given.width, given.naturalHeight || given.height];
    const context = canvas.getContext("2d");
    if (given.data) context.putImageData(new ImageData(new Uint8ClampedArray(given.data), given.width, given.height), 0, 0);
    else context.drawImage(given, 0, 0);
    return canvas;
  },
};
