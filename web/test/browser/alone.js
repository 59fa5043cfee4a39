/** What a test's page runs: the GPU alone, without a kernel that it has to beat. */

import { findGpu } from "../../kernel/gpu.js";
import { isTame } from "../../kernel/packing.js";
import { fromBase64 } from "../../receiver/bytes.js";
import { readCarrier } from "../../receiver/carrier.js";
import { render } from "../../receiver/reveal.js";
import { evaluate as plainly } from "../../receiver/siren.js";

const gpu = findGpu();

/** @type {import("../../receiver/rendering.js").Evaluate} */
function evaluate(shapes, pieces) {
  const found = pieces.every(({ weights }) => isTame(shapes, weights))
    ? gpu(shapes, pieces)
    : plainly(shapes, pieces);
  if (!found) throw new Error("there is no GPU");
  return found;
}

/** @param {string} song in base64 */
async function cover(song) {
  const carrier = readCarrier(fromBase64(song));
  return [...(await render(carrier, carrier, evaluate))];
}

/**
 * @param {[number, number][]} shapes
 * @param {{weights: number[], xs: number[], ys: number[]}[]} pieces
 */
function outputs(shapes, pieces) {
  const given = pieces.map(({ weights, xs, ys }) => ({
    weights: Float32Array.from(weights),
    xs: Float32Array.from(xs),
    ys: Float32Array.from(ys),
  }));
  return gpu(shapes, given)?.map((one) => [...one]) ?? null;
}

Object.assign(globalThis, { cover, outputs });
