/** The compiled kernel against plain JavaScript. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { kernel } from "../build/binaries.js";
import { openKernel } from "../kernel/kernel.js";
import { fromBase64 } from "../receiver/bytes.js";
import { readCarrier } from "../receiver/carrier.js";
import { render } from "../receiver/reveal.js";
import { evaluate as plainly } from "../receiver/siren.js";
import { assertAlike, golden, listed, network, picture, points } from "./helpers.js";

const binary = fromBase64(kernel);
const evaluate = await openKernel(binary);

/** @type {[number, number][][]} */
const SHAPES = [
  [
    [28, 2],
    [28, 28],
    [28, 28],
    [3, 28],
  ],
  [
    [1, 2],
    [1, 1],
    [3, 1],
  ],
  [
    [33, 2],
    [33, 33],
    [3, 33],
  ],
];

for (const shapes of SHAPES) {
  for (const count of [1, 63, 64, 65, 200]) {
    test(`${shapes[0][0]} features at ${count} points`, () => {
      assert.notEqual(evaluate, plainly);
      const weights = network(shapes, 0.4);
      const [xs, ys] = points(count);
      const found = evaluate(shapes, [{ weights, xs, ys }])[0];
      const expected = plainly(shapes, [{ weights, xs, ys }])[0];
      assert.equal(found.length, 3 * count);
      const furthest = Math.max(...found.map((number, i) => Math.abs(number - expected[i])));
      assert.ok(furthest < 2e-5, `${furthest}`);
    });
  }
}

test("sines up to their limit", () => {
  /** @type {[number, number][]} */
  const shapes = [
    [1, 2],
    [1, 1],
    [3, 1],
  ];
  // sin(1 * sin(a x)): the outer matrix passes the inner sine through a small slope.
  const weights = Float32Array.of(9000, 0, 0, 0.001, 0, 1000, 0, 0, 0, 0, 0);
  const [xs, ys] = points(4096);
  const found = evaluate(shapes, [{ weights, xs, ys }])[0];
  xs.forEach((x, i) => {
    const expected = 1000 * Math.sin(0.001 * Math.sin(Math.fround(9000 * x)));
    assert.ok(Math.abs(found[3 * i] - expected) < 5e-6, `${i}: ${found[3 * i]} ${expected}`);
  });
});

test("arguments beyond the kernel's sine are left to plain JavaScript", () => {
  const shapes = /** @type {[number, number][]} */ ([
    [8, 2],
    [8, 8],
    [3, 8],
  ]);
  const weights = network(shapes, 1);
  weights.fill(0, 16, 24); // biases of the first layer
  weights[3] = 9500; // with a coordinate of at most 1.1 it may come to more than 10,000
  const [xs, ys] = points(70);
  assert.deepEqual(
    evaluate(shapes, [{ weights, xs, ys }])[0],
    plainly(shapes, [{ weights, xs, ys }])[0],
  );
});

test("a binary that is none leaves it to plain JavaScript", async () => {
  assert.equal(await openKernel(Uint8Array.of(1, 2, 3)), plainly);
});

test("a kernel that is wrong is not used", async () => {
  const spoiled = binary.slice();
  // 1/pi as a number in the code: another one, and sines are wrong
  const at = Buffer.from(spoiled).indexOf(Buffer.from(Float32Array.of(1 / Math.PI).buffer));
  assert.ok(at > 0);
  spoiled.set(new Uint8Array(Float32Array.of(0.5).buffer), at);
  assert.equal(await openKernel(spoiled), plainly);
});

for (const name of listed("accept").filter((one) => one.endsWith(".safetensors"))) {
  test(`${name} shows its cover`, async () => {
    const carrier = readCarrier(golden(`accept/${name}`));
    const expected = picture(`accept/${name.replace("safetensors", "png")}`).pixels;
    assertAlike([{ found: await render(carrier, carrier, evaluate), expected }]);
  });
}
