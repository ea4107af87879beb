// Decimals as Python writes them: exact halves go to the even digit, so that a number reads the same
// here and in the sentences and files beside it. The value is not negative.
function decimals(value, digits) {
  const isHalf = (value * 2 ** (digits + 1)) % 2 === 1;
  if (!isHalf) return value.toFixed(digits);
  const below = Math.floor(value * 10 ** digits);
  return ((below + (below % 2)) / 10 ** digits).toFixed(digits);
}
