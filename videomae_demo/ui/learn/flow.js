// What enters the encoder and what joins before the decoder: each token of the clip, from stage to stage.

const enteringParts = {
  MOVE_MS: 900,
  LINE_PX: 22, // of a line of words on the canvas
  HIDDEN: "rgb(150 152 158)",
  MASK: "rgb(122 92 196)",

  // Boxes of equal tiles in a given room: how many across, and how large.
  fill(count, x, y, width, height, most) {
    let across = 1;
    let tile = 0;
    for (let tried = 1; tried <= count; tried += 1) {
      const size = Math.min(width / tried, height / Math.ceil(count / tried), most);
      if (size > tile + 1e-6) [across, tile] = [tried, size];
    }
    return { across, tile, at: (index) => [x + (index % across) * tile, y + Math.floor(index / across) * tile] };
  },

  // The slices of time as small pictures of tiles: as many across as makes the tiles largest.
  groups(grid, x, y, width, height, label) {
    const [slices, high, wide] = grid;
    const gap = 12;
    let best = { tile: 0 };
    for (let across = 1; across <= slices; across += 1) {
      const down = Math.ceil(slices / across);
      const tile = Math.min((width - gap * (across - 1)) / (across * wide), (height - (gap / 2 + label) * down) / (down * high));
      if (tile > best.tile) best = { tile, across, down };
    }
    const { tile, across, down } = best;
    const [stepX, stepY] = [tile * wide + gap, tile * high + gap / 2 + label];
    const left = x + (width - stepX * across + gap) / 2;
    const top = y + (height - stepY * down) / 2;
    const corner = (slice) => [left + (slice % across) * stepX, top + Math.floor(slice / across) * stepY + label];
    const at = (token) => {
      const [cx, cy] = corner(Math.floor(token / (high * wide)));
      return [cx + (token % wide) * tile, cy + (Math.floor(token / wide) % high) * tile];
    };
    return { tile, at, corner, side: tile * wide, label };
  },

  // Where each token is at a stage, what it looks like there, and the boxes and words around.
  layout(stage, clip, told, width, height) {
    const parts = enteringParts;
    const narrow = width < 540;
    const total = clip.grid[0] * clip.grid[1] * clip.grid[2];
    const tokens = { x: new Float32Array(total), y: new Float32Array(total), size: new Float32Array(total), look: new Array(total) };
    const put = (token, place, tile, look) => {
      [tokens.x[token], tokens.y[token]] = place;
      tokens.size[token] = tile * (tile > 9 ? 0.92 : 0.88);
      tokens.look[token] = look;
    };
    const seen = [];
    const hidden = [];
    for (let token = 0; token < total; token += 1) (told.mask[token] ? hidden : seen).push(token);
    const line = parts.LINE_PX;
    const boxWidth = narrow ? width - 40 : 168;
    const boxHeight = narrow ? 62 : 128;
    const slicesIn = (x, y, across, down, seenLook, hiddenLook) => {
      const groups = parts.groups(clip.grid, x, y, across, down, stage === 0 ? line : 0);
      for (let token = 0; token < total; token += 1) put(token, groups.at(token), groups.tile, told.mask[token] ? hiddenLook : seenLook);
      return groups;
    };
    const box = (name, lines, x, y) => ({ name, lines, x, y, width: boxWidth, height: boxHeight, alpha: 1 });
    const none = (name, x, y) => ({ ...box(name, [], x, y), alpha: 0 });
    const [edge, middle] = [width + 20, height / 2 - boxHeight / 2 - line];
    if (stage === 0) {
      const groups = slicesIn(0, line + 4, width, height - line - 4, "picture", "picture");
      const words = [{ text: `All ${told.total} tokens, slice by slice`, x: 0, y: line / 2 + 2, bold: true }];
      for (let slice = 0; slice < clip.grid[0]; slice += 1) {
        const [x, y] = groups.corner(slice);
        const time = clip.times && clip.times[slice * clip.tubelet];
        words.push({ text: time === undefined ? String(slice + 1) : `${time.toFixed(2)} s`, x, y: y - line / 2 });
      }
      const away = narrow ? [[20, height + 20], [20, height + 20]] : [[edge, middle], [edge + 200, middle]];
      return { tokens, words, arrows: [], boxes: [none("encoder", ...away[0]), none("decoder", ...away[1])] };
    }
    if (stage === 1) {
      const upper = narrow ? height * 0.36 : height * 0.5;
      const room = narrow ? width : width - boxWidth - 56;
      const most = 34;
      const queue = parts.fill(seen.length, 0, line + 6, room, upper - line - 10, most);
      const lines = Math.ceil(seen.length / queue.across);
      // In a row to the box: at the right of the room, so that the first ones stand at the door.
      const right = narrow ? 0 : room - queue.across * queue.tile;
      const centred = narrow ? 0 : Math.max(0, (upper - line - 10 - lines * queue.tile) / 2);
      seen.forEach((token, index) => put(token, [queue.at(index)[0] + right, queue.at(index)[1] + centred], queue.tile, "picture"));
      const door = narrow ? [20, upper + 22] : [width - boxWidth, line + 6 + (upper - line - 10 - boxHeight) / 2];
      const below = narrow ? door[1] + boxHeight + 22 : upper + 22;
      const outside = parts.fill(hidden.length, 0, below + line, width, height - below - line, most);
      hidden.forEach((token, index) => put(token, outside.at(index), outside.tile, "hidden"));
      const arrow = narrow ? [[width / 2, upper], [width / 2, upper + 18]] : [[room + 12, door[1] + boxHeight / 2], [width - boxWidth - 12, door[1] + boxHeight / 2]];
      const words = [
        { text: `${seen.length} visible tokens go in`, x: 0, y: line / 2, bold: true },
        { text: `${hidden.length} hidden tokens stay outside`, x: 0, y: below + line / 2 - 4, bold: true },
      ];
      const next = narrow ? [20, height + 20] : [edge, middle];
      return { tokens, words, arrows: [arrow], boxes: [box("encoder", [`${told.visible} of ${told.total}`, "tokens"], ...door), none("decoder", ...next)] };
    }
    if (stage === 2) {
      const legend = (narrow ? 4 : 2) * line + 8;
      const first = narrow ? 0 : -boxWidth - 30;
      const room = narrow ? { x: 0, y: 0, across: width, down: height - legend - boxHeight - 24 } : { x: 0, y: 0, across: width - boxWidth - 56, down: height - legend };
      slicesIn(room.x, room.y, room.across, room.down, "code", "mask");
      const door = narrow ? [20, height - boxHeight - 2] : [width - boxWidth, Math.max(0, (room.down - boxHeight) / 2)];
      const arrow = narrow ? [[width / 2, door[1] - 20], [width / 2, door[1] - 3]] : [[room.across + 12, door[1] + boxHeight / 2], [door[0] - 12, door[1] + boxHeight / 2]];
      const y = room.down + line / 2 + 6;
      const words = narrow
        ? [
          { swatch: "code", text: `${told.visible} codes from the encoder:`, x: 0, y },
          { text: "vectors, not pictures", x: 24, y: y + line },
          { swatch: "mask", text: `${told.hidden} mask tokens:`, x: 0, y: y + 2 * line },
          { text: "one learnt vector, at each hidden place", x: 24, y: y + 3 * line },
        ]
        : [
          { swatch: "code", text: `${told.visible} codes from the encoder: vectors, not pictures`, x: 0, y },
          { swatch: "mask", text: `${told.hidden} mask tokens: one learnt vector, the same at each hidden place`, x: 0, y: y + line },
        ];
      const before = narrow ? [20, -boxHeight - 20] : [first, door[1]];
      return { tokens, words, arrows: [arrow], boxes: [none("encoder", ...before), box("decoder", [`${told.visible} + ${told.hidden}`, `= ${told.total} tokens`], ...door)] };
    }
    const legend = 2 * line + 8;
    const room = narrow ? { x: 0, y: boxHeight + 26, across: width, down: height - legend - boxHeight - 26 } : { x: boxWidth + 56, y: 0, across: width - boxWidth - 56, down: height - legend };
    slicesIn(room.x, room.y, room.across, room.down, "pale", told.predicted ? "predicted" : "blank");
    const door = narrow ? [20, 2] : [0, Math.max(0, (room.down - boxHeight) / 2)];
    const arrow = narrow ? [[width / 2, boxHeight + 5], [width / 2, boxHeight + 22]] : [[boxWidth + 12, door[1] + boxHeight / 2], [boxWidth + 44, door[1] + boxHeight / 2]];
    const y = room.y + room.down + line / 2 + 6;
    const words = [
      { swatch: told.predicted ? "predicted" : "blank", text: narrow ? `pixels for ${told.hidden} hidden places` : `The decoder gives pixels for the ${told.hidden} hidden places.`, x: room.x, y },
      { swatch: "pale", text: narrow ? `${told.visible} visible ones were known: faint` : `The ${told.visible} visible ones were known; they are faint here.`, x: room.x, y: y + line },
    ];
    return { tokens, words, arrows: [arrow], boxes: [none("encoder", narrow ? 20 : -boxWidth - 230, narrow ? -200 : door[1]), box("decoder", [`${told.total} tokens`], ...door)] };
  },
};
