/** The GPU against the processor's kernel: used where it is right, and faster on the open song. */

import { evaluate as plainly } from "../receiver/siren.js";
import { isTame, pointsOf } from "./packing.js";
import { alike } from "./proof.js";

/** @typedef {import("../receiver/rendering.js").Evaluate} Evaluate */
/** @typedef {import("../receiver/rendering.js").Piece} Piece */
/** @typedef {import("./gpu.js").Attempt} Attempt */
/** @typedef {import("./packing.js").Shapes} Shapes */

/** Points of a block that is worth the way to the GPU and back. */
const ENOUGH = 4096;
/** Points at which the GPU proves itself. */
const PROOF = 64;
/** Milliseconds without a block after which there is time for a contest. */
const IDLE = 300;

/**
 * What evaluates the blocks of one song: the kernel, until the GPU has won. They compete once
 * there is nothing else to do, so that nobody waits for the outcome.
 * @param {Evaluate} kernel
 * @param {Attempt | null} gpu
 * @returns {Evaluate}
 */
export function compete(kernel, gpu) {
  let won = false;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  return (shapes, pieces) => {
    const long = pointsOf(pieces) >= ENOUGH;
    if (gpu && long && pieces.every(({ weights }) => isTame(shapes, weights))) {
      if (won) {
        const found = gpu(shapes, pieces);
        if (found) return found;
        gpu = null;
      } else {
        const rival = gpu;
        clearTimeout(timer);
        timer = setTimeout(() => {
          won = wins(rival, kernel, shapes, pieces);
          if (!won) gpu = null;
        }, IDLE);
      }
    }
    return kernel(shapes, pieces);
  };
}

/**
 * Whether the GPU is right, and faster than the kernel.
 * @param {Attempt} gpu
 * @param {Evaluate} kernel
 * @param {Shapes} shapes
 * @param {Piece[]} pieces
 */
function wins(gpu, kernel, shapes, pieces) {
  const few = someOf(pieces, PROOF);
  const proof = gpu(shapes, few); // compiles, too, which is not to be timed
  if (!proof || !alike(proof, plainly(shapes, few))) return false;
  const more = someOf(pieces, ENOUGH);
  const begun = performance.now();
  const expected = kernel(shapes, more);
  const between = performance.now();
  const found = gpu(shapes, more);
  const faster = performance.now() - between < between - begun;
  return found !== null && faster && alike(found, expected);
}

/**
 * So many points in all, or some more, as many of each piece as it has.
 * @param {Piece[]} pieces
 * @param {number} points
 * @returns {Piece[]}
 */
function someOf(pieces, points) {
  const each = Math.ceil(points / pieces.length);
  return pieces.map(({ weights, xs, ys }) => {
    return { weights, xs: xs.subarray(0, each), ys: ys.subarray(0, each) };
  });
}
