/** Networks by WebAssembly's SIMD, as fast as NumPy on a core; where that is missing, plainly. */

import { evaluate as plainly } from "../receiver/siren.js";
import { groups, isTame, offsets, pack } from "./packing.js";
import { alike } from "./proof.js";

/** @typedef {import("../receiver/rendering.js").Evaluate} Evaluate */
/** @typedef {import("../receiver/rendering.js").Piece} Piece */
/** @typedef {import("./packing.js").Shapes} Shapes */

/**
 * The compiled kernel, and its memory: weights, then inputs and outputs of a layer.
 * @typedef {{memory: WebAssembly.Memory, layer: (weights: number, inputs: number,
 *   outputs: number, groups: number, columns: number, sine: boolean) => void}} Kernel
 */

const POINTS = 64;
const PAGE = 65536;

/**
 * The fastest right way to evaluate networks on a processor here.
 * @param {Uint8Array<ArrayBuffer>} binary of layer.ts
 * @returns {Promise<Evaluate>}
 */
export async function openKernel(binary) {
  try {
    const { instance } = await WebAssembly.instantiate(binary);
    const kernel = /** @type {any} */ (instance.exports);
    /** @type {Evaluate} */
    const evaluate = (shapes, pieces) =>
      pieces.map((piece) =>
        isTame(shapes, piece.weights)
          ? network(kernel, shapes, piece)
          : plainly(shapes, [piece])[0],
      );
    return isRight(evaluate) ? evaluate : plainly;
  } catch {
    return plainly; // no WebAssembly, no SIMD in it, or a policy that forbids it
  }
}

/**
 * @param {Kernel} kernel
 * @param {Shapes} shapes
 * @param {Piece} piece
 */
function network(kernel, shapes, piece) {
  const places = place(kernel, shapes, piece.weights);
  const count = piece.xs.length;
  const found = new Float32Array(3 * count);
  for (let first = 0; first < count; first += POINTS) {
    const at = block(kernel, shapes, places, piece, first);
    const output = new Float32Array(kernel.memory.buffer, at, 3 * POINTS);
    for (let point = 0; point < POINTS && first + point < count; point++) {
      for (let i = 0; i < 3; i++) found[3 * (first + point) + i] = output[i * POINTS + point];
    }
  }
  return found;
}

/**
 * Put a tile's weights into the kernel's memory.
 * @param {Kernel} kernel
 * @param {Shapes} shapes
 * @param {Float32Array} weights
 * @returns {number[]} where each layer's begin, and behind them two buffers of a layer's outputs
 */
function place({ memory }, shapes, weights) {
  // The first page is the compiler's own.
  const places = offsets(shapes).map((offset) => PAGE + 16 * offset);
  const end = places[shapes.length];
  const row = 16 * POINTS * Math.max(...shapes.map(([rows]) => groups(rows)));
  const missing = Math.ceil((end + 2 * row - memory.buffer.byteLength) / PAGE);
  if (missing > 0) memory.grow(missing);
  pack(shapes, weights, new Float32Array(memory.buffer, PAGE, (end - PAGE) / 4).fill(0));
  return [...places, end + row];
}

/**
 * All layers at up to 64 points, from the first one on.
 * @param {Kernel} kernel
 * @param {Shapes} shapes
 * @param {number[]} places
 * @param {Piece} piece
 * @param {number} first
 * @returns {number} where the outputs lie
 */
function block(kernel, shapes, places, { xs, ys }, first) {
  let [from, to] = places.slice(shapes.length);
  const inputs = new Float32Array(kernel.memory.buffer, from, 2 * POINTS).fill(0);
  inputs.set(xs.subarray(first, first + POINTS));
  inputs.set(ys.subarray(first, first + POINTS), POINTS);
  shapes.forEach(([rows, columns], layer) => {
    const sine = layer + 1 < shapes.length;
    kernel.layer(places[layer], from, to, groups(rows), columns, sine);
    [from, to] = [to, from];
  });
  return from;
}

/**
 * Whether the kernel does as plain JavaScript at some points of a made-up network.
 * @param {Evaluate} evaluate
 */
function isRight(evaluate) {
  /** @type {Shapes} */
  const shapes = [
    [5, 2],
    [6, 5],
    [3, 6],
  ];
  const weights = Float32Array.from({ length: 72 }, (_, i) => 2 * Math.sin(7 * i + 1));
  const [xs, ys] = [3, 5].map((pace) =>
    Float32Array.from({ length: POINTS }, (_, i) => Math.sin(pace * i)),
  );
  const pieces = [{ weights, xs, ys }];
  return alike(evaluate(shapes, pieces), plainly(shapes, pieces));
}
