/** Weights as WebAssembly and the GPU take them, and what both can evaluate well. */

/** @typedef {import("../receiver/rendering.js").Piece} Piece */
/** @typedef {[number, number][]} Shapes (outputs, inputs) of each layer */

/** Above it the sine of 32 bits that both have loses digits. */
const LARGEST_ARGUMENT = 10000;
/** What a coordinate's size is at most, with the overlap of tiles. */
const LARGEST_COORDINATE = 1.1;

/**
 * Groups of four outputs, the last one filled up.
 * @param {number} rows
 */
export function groups(rows) {
  return Math.ceil(rows / 4);
}

/**
 * Where each layer's packed weights begin, in groups of four numbers, and where the last ends.
 * @param {Shapes} shapes
 */
export function offsets(shapes) {
  const found = [0];
  for (const [rows, columns] of shapes) {
    found.push(found[found.length - 1] + groups(rows) * (columns + 1));
  }
  return found;
}

/**
 * Put weights in groups of four outputs: four biases, then input by input.
 * @param {Shapes} shapes
 * @param {Float32Array} weights
 * @param {Float32Array} packed all zeros
 */
export function pack(shapes, weights, packed) {
  const begins = offsets(shapes);
  let at = 0;
  shapes.forEach(([rows, columns], layer) => {
    for (let row = 0; row < rows; row++) {
      const group = 4 * (begins[layer] + (row >> 2) * (columns + 1)) + (row & 3);
      packed[group] = weights[at + rows * columns + row];
      for (let column = 0; column < columns; column++) {
        packed[group + 4 * (column + 1)] = weights[at + row * columns + column];
      }
    }
    at += rows * (columns + 1);
  });
}

/**
 * Whether no sine has an argument that is too large.
 * @param {Shapes} shapes
 * @param {Float32Array} weights
 */
export function isTame(shapes, weights) {
  let at = 0;
  return shapes.slice(0, -1).every(([rows, columns], layer) => {
    const size = layer === 0 ? LARGEST_COORDINATE : 1;
    let [largest, bias] = [0, at + rows * columns];
    for (let row = 0; row < rows; row++) {
      let sum = Math.abs(weights[bias++]);
      for (let i = 0; i < columns; i++) sum += size * Math.abs(weights[at++]);
      largest = Math.max(largest, sum);
    }
    at = bias;
    return largest <= LARGEST_ARGUMENT;
  });
}

/** @param {Piece[]} pieces */
export function pointsOf(pieces) {
  return pieces.reduce((sum, { xs }) => sum + xs.length, 0);
}
