/** Whether two ways to evaluate networks are alike: whether they give the same picture. */

/** What two outputs differ by at most. */
const TOLERANCE = 1e-4;
/** Samples that may come out a level off, and levels to a difference of 1 between outputs. */
const SHARE_OFF = 1e-4;
const LEVELS = 127.5;

/**
 * Whether no output is far off, and few samples will be: one does as often as its distance, in
 * levels, says.
 * @param {Float32Array[]} found
 * @param {Float32Array[]} expected
 */
export function alike(found, expected) {
  let [furthest, sum, count] = [0, 0, 0];
  found.forEach((outputs, piece) => {
    for (let i = 0; i < outputs.length; i++) {
      const distance = Math.abs(outputs[i] - expected[piece][i]);
      furthest = Math.max(furthest, distance);
      sum += distance;
    }
    count += outputs.length;
  });
  return furthest < TOLERANCE && LEVELS * sum < SHARE_OFF * count;
}
