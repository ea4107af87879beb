// The picture with the rollout over it, in the token player's colours and on a scale that stays.

const PICTURE_PX = 384;
const OPACITY = 0.6;
const tableOf = () => COLOUR_TABLES[COLOURS[0]];
const isSigned = () => false;

// The scores of one slice of time, or their mean over all of them: (height * width).
function sliceOfScores(scores, [time, height, width], which) {
  const size = height * width;
  if (which === "newest") return scores.subarray((time - 1) * size, time * size);
  const mean = new Float32Array(size);
  for (let i = 0; i < scores.length; i += 1) mean[i % size] += scores[i] / time;
  return mean;
}

function drawPicture(canvas, video, facts, mirrored, scores, which) {
  const factor = PICTURE_PX / Math.max(facts.width, facts.height);
  const [width, height] = [Math.round(factor * facts.width), Math.round(factor * facts.height)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  drawMiddle(canvas, video, facts, mirrored);
  if (!scores || !which) return;
  const [, rows, columns] = facts.grid;
  const field = spreadSlice(sliceOfScores(scores, facts.grid, which), rows, columns, height, width, true);
  const picture = context.getImageData(0, 0, width, height);
  blend(picture.data, field, { lower: 0, upper: facts.scale_end, diverging: false }, tableOf(), OPACITY);
  context.putImageData(picture, 0, 0);
}

const legendFor = (facts) => legendOf({
  title: "attention rollout, x uniform", unit: "x uniform", lower: 0, upper: facts.scale_end,
  ticks: [0, facts.scale_end / 4, facts.scale_end], above: true, colours: COLOURS,
});
