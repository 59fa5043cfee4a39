/** Networks by WebAssembly's SIMD, as fast as NumPy on a core; where that is missing, plainly. */

import { evaluate as plainly } from "../receiver/siren.js";

/** @typedef {import("../receiver/rendering.js").Evaluate} Evaluate */
/** @typedef {[number, number][]} Shapes */

const POINTS = 64;
const PAGE = 65536;
/** Above it the kernel's sine loses digits. */
const LARGEST_ARGUMENT = 10000;
/** What a coordinate's size is at most, with the overlap of tiles. */
const LARGEST_COORDINATE = 1.1;
/** Points by which the kernel proves itself on this machine, and how far it may be off. */
const TRIAL = 64;
const TOLERANCE = 1e-4;

/**
 * The fastest right way to evaluate networks here.
 * @param {Uint8Array<ArrayBuffer>} binary of layer.ts
 * @returns {Promise<Evaluate>}
 */
export async function openKernel(binary) {
  try {
    const { instance } = await WebAssembly.instantiate(binary);
    const kernel = new Kernel(/** @type {any} */ (instance.exports));
    return kernel.provesItself() ? kernel.evaluate : plainly;
  } catch {
    return plainly; // no WebAssembly, no SIMD in it, or a policy that forbids it
  }
}

/** The compiled kernel and its memory: weights, then inputs and outputs of a layer. */
class Kernel {
  /**
   * @param {{memory: WebAssembly.Memory, layer: (weights: number, inputs: number,
   *   outputs: number, groups: number, columns: number, sine: boolean) => void}} exports
   */
  constructor({ memory, layer }) {
    this.memory = memory;
    this.layer = layer;
  }

  /** @type {Evaluate} */
  evaluate = (shapes, weights, xs, ys) => {
    if (largestArgument(shapes, weights) > LARGEST_ARGUMENT) {
      return plainly(shapes, weights, xs, ys);
    }
    const places = this.place(shapes, weights);
    const found = new Float32Array(3 * xs.length);
    for (let first = 0; first < xs.length; first += POINTS) {
      this.block(shapes, places, xs.subarray(first, first + POINTS), ys.subarray(first));
      const output = new Float32Array(this.memory.buffer, places.buffers[0], 3 * POINTS);
      for (let point = 0; point < POINTS && first + point < xs.length; point++) {
        for (let i = 0; i < 3; i++) found[3 * (first + point) + i] = output[i * POINTS + point];
      }
    }
    return found;
  };

  /**
   * Put a tile's weights into the kernel's memory.
   * @param {Shapes} shapes
   * @param {Float32Array} weights
   */
  place(shapes, weights) {
    const packed = pack(shapes, weights);
    const widest = Math.max(...shapes.map(([rows]) => padded(rows)));
    const start = PAGE; // the first page is the compiler's own
    const row = 4 * POINTS * widest;
    const end = start + packed.bytes + 2 * row;
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.memory.grow(missing);
    const memory = new Float32Array(this.memory.buffer);
    memory.set(packed.numbers, start / 4);
    const layers = packed.layers.map((offset) => start + offset);
    return { layers, buffers: [start + packed.bytes, start + packed.bytes + row] };
  }

  /**
   * All layers at up to 64 points; the outputs come to lie in the first buffer.
   * @param {Shapes} shapes
   * @param {{layers: number[], buffers: number[]}} places
   * @param {Float32Array} xs
   * @param {Float32Array} ys
   */
  block(shapes, { layers, buffers }, xs, ys) {
    let [from, to] = shapes.length % 2 ? [buffers[1], buffers[0]] : buffers;
    const inputs = new Float32Array(this.memory.buffer, from, 2 * POINTS).fill(0);
    inputs.set(xs);
    inputs.set(ys.subarray(0, xs.length), POINTS);
    shapes.forEach(([rows, columns], layer) => {
      const sine = layer + 1 < shapes.length;
      this.layer(layers[layer], from, to, padded(rows) / 4, columns, sine);
      [from, to] = [to, from];
    });
  }

  /** Whether the kernel and plain JavaScript agree at some points of a made-up network. */
  provesItself() {
    /** @type {Shapes} */
    const shapes = [
      [5, 2],
      [6, 5],
      [3, 6],
    ];
    const size = shapes.reduce((sum, [rows, columns]) => sum + rows * (columns + 1), 0);
    const weights = Float32Array.from({ length: size }, (_, i) => 2 * Math.sin(7 * i + 1));
    const [xs, ys] = [3, 5].map((pace) =>
      Float32Array.from({ length: TRIAL }, (_, i) => Math.sin(pace * i)),
    );
    const [mine, theirs] = [this.evaluate, plainly].map((way) => way(shapes, weights, xs, ys));
    return mine.every((number, i) => Math.abs(number - theirs[i]) < TOLERANCE);
  }
}

/** @param {number} rows */
function padded(rows) {
  return 4 * Math.ceil(rows / 4);
}

/**
 * Weights as the kernel wants them: in groups of four outputs, four biases, then input by input.
 * @param {Shapes} shapes
 * @param {Float32Array} weights
 */
function pack(shapes, weights) {
  const sizes = shapes.map(([rows, columns]) => padded(rows) * (columns + 1));
  const numbers = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
  /** @type {number[]} */
  const layers = [];
  let [at, to] = [0, 0];
  shapes.forEach(([rows, columns], layer) => {
    layers.push(4 * to);
    for (let row = 0; row < rows; row++) {
      const group = to + (row >> 2) * 4 * (columns + 1) + (row & 3);
      numbers[group] = weights[at + rows * columns + row];
      for (let column = 0; column < columns; column++) {
        numbers[group + 4 * (column + 1)] = weights[at + row * columns + column];
      }
    }
    at += rows * (columns + 1);
    to += sizes[layer];
  });
  return { numbers, layers, bytes: 4 * numbers.length };
}

/**
 * What no sine's argument exceeds.
 * @param {Shapes} shapes
 * @param {Float32Array} weights
 */
function largestArgument(shapes, weights) {
  let [largest, at] = [0, 0];
  shapes.forEach(([rows, columns], layer) => {
    const biases = at + rows * columns;
    const size = layer === 0 ? LARGEST_COORDINATE : 1;
    for (let row = 0; row < rows && layer + 1 < shapes.length; row++) {
      let sum = Math.abs(weights[biases + row]);
      const from = at + row * columns;
      for (let i = from; i < from + columns; i++) sum += size * Math.abs(weights[i]);
      largest = Math.max(largest, sum);
    }
    at = biases + rows;
  });
  return largest;
}
