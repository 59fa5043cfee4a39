/** A tile's network in plain JavaScript (docs/format.md, section 2): right everywhere, not fast. */

/**
 * @type {import("./rendering.js").Evaluate}
 */
export function evaluate(shapes, pieces) {
  return pieces.map((piece) => network(shapes, piece));
}

/**
 * @param {[number, number][]} shapes
 * @param {import("./rendering.js").Piece} piece
 */
function network(shapes, { weights, xs, ys }) {
  const found = new Float32Array(3 * xs.length);
  const widest = Math.max(...shapes.map(([outputs]) => outputs));
  let inputs = new Float32Array(widest);
  let outputs = new Float32Array(widest);
  for (let point = 0; point < xs.length; point++) {
    inputs[0] = xs[point];
    inputs[1] = ys[point];
    let at = 0;
    for (let layer = 0; layer < shapes.length; layer++) {
      const [rows, columns] = shapes[layer];
      const biases = at + rows * columns;
      const last = layer + 1 === shapes.length;
      for (let row = 0; row < rows; row++) {
        let sum = weights[biases + row];
        const from = at + row * columns;
        for (let column = 0; column < columns; column++) {
          sum += weights[from + column] * inputs[column];
        }
        outputs[row] = last ? sum : Math.sin(sum);
      }
      at = biases + rows;
      [inputs, outputs] = [outputs, inputs];
    }
    found.set(inputs.subarray(0, 3), 3 * point);
  }
  return found;
}
