// The clip as a block in space and time: it can be turned, pulled apart, and a token taken out.

const blockParts = {
  DEPTH: 1, // how deep the whole clip is, in widths of a frame
  SLICE_GAP: 0.16, // between slices of time, pulled apart as far as can be
  TOKEN_GAP: 0.6, // between the tokens of a slice, in patches
  FADE: 0.5, // how far the slices behind the front one step back then
  SLOW_MS: 30, // between redraws: where they take longer, less is drawn while the block moves
  FINE_PX: 512, // how wide a slice is painted before its tokens are moved apart
  YAW: 62, // a turn further than these would hide the front
  PITCH: 52,
  AT_FIRST: { yaw: 34, pitch: 22 },

  // The pixels of the sides, cut out of the frames. Time runs down in rows and to the right in columns:
  // `rows` holds for each row of pixels that bounds a token (its top, its bottom) the frames in order.
  cut(clip) {
    const [, high, wide] = clip.grid;
    const paint = (width, height) => {
      const canvas = drawn.make("canvas");
      [canvas.width, canvas.height] = [width, height];
      return canvas;
    };
    const sides = {
      top: paint(clip.width, high * clip.count), bottom: paint(clip.width, high * clip.count),
      left: paint(wide * clip.count, clip.height), right: paint(wide * clip.count, clip.height),
    };
    const row = (token) => Math.round((token * clip.height) / high);
    const column = (token) => Math.round((token * clip.width) / wide);
    const brush = Object.fromEntries(Object.entries(sides).map(([name, canvas]) => [name, canvas.getContext("2d")]));
    for (let frame = 0; frame < clip.count; frame += 1) {
      const [x, y] = drawn.frameAt(clip, frame);
      const strip = (name, at, first) => {
        const across = name === "top" || name === "bottom";
        const [width, height] = across ? [clip.width, 1] : [1, clip.height];
        const [left, up] = across ? [0, at * clip.count + frame] : [at * clip.count + frame, 0];
        brush[name].drawImage(clip.image, x + (across ? 0 : first), y + (across ? first : 0), width, height, left, up, width, height);
      };
      for (let at = 0; at < high; at += 1) {
        strip("top", at, row(at));
        strip("bottom", at, row(at + 1) - 1);
      }
      for (let at = 0; at < wide; at += 1) {
        strip("left", at, column(at));
        strip("right", at, column(at + 1) - 1);
      }
    }
    sides.shaded = { top: sides.top, bottom: blockParts.shade(sides.bottom), left: blockParts.shade(sides.left), right: blockParts.shade(sides.right) };
    return sides;
  },

  // The sides in shadow: small tokens that stand apart are told from one another by it. The whole block has none.
  shade(canvas) {
    const dark = drawn.make("canvas");
    [dark.width, dark.height] = [canvas.width, canvas.height];
    const brush = dark.getContext("2d");
    brush.drawImage(canvas, 0, 0);
    brush.fillStyle = "rgb(0 0 0 / 38%)";
    brush.fillRect(0, 0, dark.width, dark.height);
    return dark;
  },

  // The measures of the block: widths are in pixels of a frame, as all three axes are.
  measure(clip, apart) {
    const [slices, high, wide] = clip.grid;
    const [patchX, patchY] = [clip.width / wide, clip.height / high];
    const fine = Math.max(1, Math.round(blockParts.FINE_PX / clip.width));
    const sliceGap = Math.min(1, apart * 2) * blockParts.SLICE_GAP * clip.width;
    // A whole number of the fine pixels, so that the painted slices fit what is computed here.
    const tokenGap = Math.round(Math.max(0, apart * 2 - 1) * blockParts.TOKEN_GAP * patchX * fine) / fine;
    const thick = (blockParts.DEPTH * clip.width) / slices;
    return {
      slices, high, wide, patchX, patchY, fine, tokenGap, thick, sliceGap,
      width: clip.width + (wide - 1) * tokenGap,
      height: clip.height + (high - 1) * tokenGap,
      depth: slices * thick + (slices - 1) * sliceGap,
      x: (column) => column * (patchX + tokenGap),
      y: (row) => row * (patchY + tokenGap),
      z: (slice) => slice * (thick + sliceGap), // of its back: the newest slice is in front
    };
  },

  // Orthographic: where x, y and z go on the canvas, as three pairs and an origin.
  look(measures, turned, width, height, margin) {
    const yaw = (turned.yaw * Math.PI) / 180;
    const pitch = (turned.pitch * Math.PI) / 180;
    const unit = {
      x: [Math.cos(yaw), Math.sin(yaw) * Math.sin(pitch)],
      y: [0, Math.cos(pitch)],
      z: [-Math.sin(yaw), Math.cos(yaw) * Math.sin(pitch)],
    };
    const size = [measures.width, measures.height, measures.depth];
    const extent = (axis) => ["x", "y", "z"].reduce((sum, name, at) => sum + Math.abs(unit[name][axis]) * size[at], 0);
    const room = [width - margin.left - margin.right, height - margin.top - margin.bottom];
    const scale = Math.min(room[0] / extent(0), room[1] / extent(1));
    const axes = Object.fromEntries(Object.entries(unit).map(([name, pair]) => [name, pair.map((part) => part * scale)]));
    const middle = [margin.left + room[0] / 2, margin.top + room[1] / 2];
    const origin = [0, 1].map((at) => middle[at] - (axes.x[at] * size[0] + axes.y[at] * size[1] + axes.z[at] * size[2]) / 2);
    const place = (x, y, z) => [0, 1].map((at) => origin[at] + axes.x[at] * x + axes.y[at] * y + axes.z[at] * z);
    return { axes, place, scale, fromRight: turned.yaw >= 0, fromAbove: turned.pitch >= 0 };
  },

  // The newest frame of a slice with its tokens moved apart. Two passes: columns, then rows.
  spread(clip, measures, slice, canvases) {
    const { fine, tokenGap, patchX, patchY, wide, high } = measures;
    const [x, y] = drawn.frameAt(clip, (slice + 1) * clip.tubelet - 1);
    const [across, whole] = canvases;
    [across.width, across.height] = [Math.round(measures.width * fine), clip.height];
    [whole.width, whole.height] = [across.width, Math.round(measures.height * fine)];
    const first = across.getContext("2d");
    const second = whole.getContext("2d");
    first.imageSmoothingEnabled = false;
    second.imageSmoothingEnabled = false;
    for (let column = 0; column < wide; column += 1) {
      first.drawImage(clip.image, x + column * patchX, y, patchX, clip.height, column * (patchX + tokenGap) * fine, 0, patchX * fine, clip.height);
    }
    for (let row = 0; row < high; row += 1) {
      second.drawImage(across, 0, row * patchY, across.width, patchY, 0, row * (patchY + tokenGap) * fine, across.width, patchY * fine);
    }
    return whole;
  },

  // The sides of all columns with the tokens moved apart.
  spreadDown(measures, sheet, canvas) {
    const { fine, tokenGap, patchY, high } = measures;
    [canvas.width, canvas.height] = [sheet.width, Math.round(measures.height * fine)];
    const brush = canvas.getContext("2d");
    brush.imageSmoothingEnabled = false;
    for (let row = 0; row < high; row += 1) {
      brush.drawImage(sheet, 0, row * patchY, sheet.width, patchY, 0, row * (patchY + tokenGap) * fine, sheet.width, patchY * fine);
    }
    return canvas;
  },
};
