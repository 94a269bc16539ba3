// The samples of the page once more: do they still give the scores that kitnet's compiled plan gave?

// The largest difference of a score, and whether it is as small as rounding; NaN is not.
function differenceOf(scores, recorded, close) {
  let difference = 0, largest = 0;
  for (let i = 0; i < recorded.length; i++) {
    difference = Math.max(difference, Math.abs(scores[i] - recorded[i]));
    largest = Math.max(largest, Math.abs(recorded[i]));
  }
  return { difference, passed: difference <= close * largest };
}
