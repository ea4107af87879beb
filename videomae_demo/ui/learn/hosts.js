// Hosts the token player and the panel of Explore: each gets its values from here, not from gradio.

const find = (name) => element.querySelector(".learn-" + name);
const show = (node, visible) => { node.hidden = !visible; };

// Start one of the two in a scope of its own; the function that is returned shows a value.
function host(start, holder, first) {
  const props = { value: JSON.stringify(first) };
  const heard = [];
  start(holder, props, (name, listener) => heard.push(listener));
  return (value) => {
    props.value = JSON.stringify(value);
    for (const listener of heard) listener();
  };
}

const showPlayer = host(startPlayer, find("player"), {});
const showPanel = host(startPanel, find("panel"), []);
const showChart = host(startPanel, find("chart"), []);

// Open one of the player's views: the page has no other player that would listen.
const openView = (name) => say("videomae-lens", name);

// A loaded picture.
function loadPicture(file) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("A picture of this step is gone; open the step again."));
    image.src = fileUrl(file);
  });
}

// The clip of a pane, as the drawn pictures want it.
async function clipOf(pane) {
  const [track] = pane.tracks;
  const { columns, width, height } = track;
  const image = await loadPicture(track.file);
  return { image, columns, width, height, count: pane.times.length, grid: pane.grid, tubelet: pane.tubelet, times: pane.times };
}

function bytesFrom(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// The pixels of one patch in one frame of a clip.
function patchOf(clip, [time, row, column]) {
  const [, rows, columns] = clip.grid;
  const [width, height] = [clip.width / columns, clip.height / rows];
  const frame = time * clip.tubelet;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const [left, top] = drawn.frameAt(clip, frame);
  context.drawImage(clip.image, left + column * width, top + row * height, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
