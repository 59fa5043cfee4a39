/** What tests share: the project's golden files, and bytes as people write them. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { PNG } from "pngjs";

const GOLDEN = new URL("../../tests/golden/", import.meta.url);

/** @param {string} name below tests/golden */
export function golden(name) {
  return Uint8Array.from(readFileSync(new URL(name, GOLDEN)));
}

/** @param {string} folder below tests/golden */
export function listed(folder) {
  return readdirSync(new URL(folder, GOLDEN)).sort();
}

/** @param {string} name of a PNG below tests/golden */
export function picture(name) {
  const { width, height, data } = PNG.sync.read(readFileSync(new URL(name, GOLDEN)));
  return { width, height, pixels: Uint8Array.from(data) };
}

/** @param {string} text in hexadecimal, with white space */
export function fromHex(text) {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
}

/** @param {ArrayLike<number>} bytes */
export function toHex(bytes) {
  return Buffer.from(Uint8Array.from(bytes)).toString("hex");
}

/**
 * Pictures differ by one level at most, and in few values: last bits of sums and sines differ.
 * @param {{found: ArrayLike<number>, expected: ArrayLike<number>}[]} pairs
 * @param {number} [share] of values that may differ
 */
export function assertAlike(pairs, share = 1e-4) {
  let [values, differing] = [0, 0];
  for (const { found, expected } of pairs) {
    assert.equal(found.length, expected.length);
    for (let i = 0; i < found.length; i++) {
      const difference = Math.abs(found[i] - expected[i]);
      assert.ok(difference <= 1, `value ${i} is ${found[i]}, expected ${expected[i]}`);
      differing += difference;
    }
    values += found.length;
  }
  assert.ok(differing <= Math.max(3, share * values), `${differing} of ${values} values differ`);
}

/** @param {number} length */
export function counting(length, from = 0) {
  return Uint8Array.from({ length }, (_, i) => i + from);
}

/**
 * Made-up weights.
 * @param {[number, number][]} shapes
 * @param {number} scale
 */
export function network(shapes, scale) {
  const size = shapes.reduce((sum, [rows, columns]) => sum + rows * (columns + 1), 0);
  return Float32Array.from({ length: size }, (_, i) => scale * Math.sin(i * i + 1));
}

/**
 * Made-up coordinates: of the columns, and of the rows.
 * @param {number} count
 */
export function points(count) {
  return [2, 3].map((pace) => Float32Array.from({ length: count }, (_, i) => Math.cos(pace * i)));
}
