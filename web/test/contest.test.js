/** When the GPU is used in place of the kernel, and when not. No GPU takes part. */

import assert from "node:assert/strict";
import { beforeEach, mock, suite, test } from "node:test";
import { compete } from "../kernel/contest.js";
import { alike } from "../kernel/proof.js";
import { evaluate as plainly } from "../receiver/siren.js";

/** @typedef {import("../kernel/gpu.js").Attempt} Attempt */
/** @typedef {import("../receiver/rendering.js").Piece} Piece */

/** @type {[number, number][]} */
const SHAPES = [
  [2, 2],
  [3, 2],
];
const BLOCK = 96 * 96;
const SLOW = 10;

/**
 * Pieces of a block.
 * @param {number[]} counts of points
 * @param {number} [largest] weight
 * @returns {Piece[]}
 */
function pieces(counts, largest = 1) {
  return counts.map((count, piece) => ({
    weights: Float32Array.from({ length: 15 }, (_, i) => Math.sin(i + piece)).fill(largest, 0, 1),
    xs: Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
    ys: Float32Array.from({ length: count }, (_, i) => Math.cos(i)),
  }));
}

suite("the contest", () => {
  let now = 0;
  /** @type {{who: string, points: number}[]} */
  let asked = [];

  beforeEach(() => {
    [now, asked] = [0, []];
    mock.restoreAll();
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout"] });
    mock.method(performance, "now", () => now);
  });

  /**
   * @param {string} who
   * @param {number} time that it takes
   */
  function way(who, time) {
    /** @type {import("../receiver/rendering.js").Evaluate} */
    return (shapes, given) => {
      now += time;
      asked.push({ who, points: given.reduce((sum, { xs }) => sum + xs.length, 0) });
      return plainly(shapes, given);
    };
  }

  /**
   * Who answers for a block after a contest.
   * @param {Attempt} gpu
   */
  function winner(gpu) {
    const evaluate = compete(way("kernel", SLOW), gpu);
    evaluate(SHAPES, pieces([BLOCK]));
    mock.timers.tick(1000);
    asked = [];
    evaluate(SHAPES, pieces([BLOCK]));
    return asked.map(({ who }) => who).join();
  }

  test("the faster one is used, and the kernel where they are equal", () => {
    assert.equal(winner(way("gpu", SLOW - 1)), "gpu");
    assert.equal(winner(way("gpu", SLOW)), "kernel");
    assert.equal(winner(way("gpu", SLOW + 1)), "kernel");
  });

  test("nothing waits for it: the GPU is first asked when no block has come for a while", () => {
    const evaluate = compete(way("kernel", SLOW), way("gpu", 1));
    for (let i = 0; i < 3; i++) {
      evaluate(SHAPES, pieces([BLOCK]));
      mock.timers.tick(200);
    }
    assert.deepEqual(asked, Array(3).fill({ who: "kernel", points: BLOCK }));
    mock.timers.tick(200);
    assert.deepEqual(
      asked.slice(3).map(({ who }) => who),
      ["gpu", "kernel", "gpu"],
    );
  });

  test("who has lost is not asked again", () => {
    const evaluate = compete(way("kernel", SLOW), way("gpu", SLOW));
    for (let i = 0; i < 3; i++) {
      evaluate(SHAPES, pieces([BLOCK]));
      mock.timers.tick(1000);
    }
    assert.equal(asked.filter(({ who }) => who === "gpu").length, 2);
  });

  test("it proves itself at 64 points, and is timed on a block of the usual size", () => {
    const evaluate = compete(way("kernel", SLOW), way("gpu", 1));
    evaluate(SHAPES, pieces([50000, 50000]));
    mock.timers.tick(1000);
    const points = asked.map((one) => one.points);
    assert.deepEqual(points, [100000, 64, 4096, 4096]);
  });

  /**
   * A GPU whose outputs are off, by so much at some of them.
   * @param {(count: number, i: number) => number} error of the ith of so many points
   * @returns {Attempt}
   */
  function off(error) {
    return (shapes, given) =>
      way("gpu", 1)(shapes, given).map((outputs) =>
        outputs.map((one, i) => one + error(outputs.length, i)),
      );
  }

  test("one that is off at the 64 points is not used", () => {
    assert.equal(winner(off((count, i) => (count === 192 && i === 100 ? 0.001 : 0))), "kernel");
    assert.equal(winner(off((count) => (count === 192 ? Number.NaN : 0))), "kernel");
  });

  test("one that is off in the block is not used, not even by a little everywhere", () => {
    assert.equal(winner(off((count, i) => (count > 192 && i === 5000 ? 0.001 : 0))), "kernel");
    assert.equal(winner(off((count) => (count > 192 ? 1e-6 : 0))), "kernel");
    assert.equal(winner(off(() => 2e-7)), "gpu");
  });

  test("one that there is not, or that is lost in the contest, is not used", () => {
    assert.equal(
      winner(() => null),
      "kernel",
    );
    const gpu = way("gpu", 1);
    assert.equal(
      winner((shapes, given) => (given[0].xs.length > 64 ? null : gpu(shapes, given))),
      "kernel",
    );
  });

  test("one that is lost later leaves its block, and all others, to the kernel", () => {
    let lost = 0;
    const gpu = way("gpu", 1);
    const evaluate = compete(way("kernel", SLOW), (shapes, given) => {
      const found = gpu(shapes, given);
      return lost > 0 ? null : found;
    });
    const block = pieces([BLOCK]);
    evaluate(SHAPES, block);
    mock.timers.tick(1000);
    lost = 1;
    asked = [];
    assert.deepEqual(evaluate(SHAPES, block), plainly(SHAPES, block));
    lost = 0;
    evaluate(SHAPES, block);
    mock.timers.tick(1000);
    evaluate(SHAPES, block);
    const who = asked.map((one) => one.who);
    assert.deepEqual(who, ["gpu", "kernel", "kernel", "kernel"]);
  });

  test("small blocks, and arguments beyond its sine, are the kernel's", () => {
    const evaluate = compete(way("kernel", SLOW), way("gpu", 1));
    evaluate(SHAPES, pieces([BLOCK]));
    mock.timers.tick(1000);
    asked = [];
    evaluate(SHAPES, pieces([2000, 2095]));
    evaluate(SHAPES, [...pieces([BLOCK]), ...pieces([1], 9500)]);
    evaluate(SHAPES, pieces([2000, 2096]));
    const who = asked.map((one) => one.who);
    assert.deepEqual(who, ["kernel", "kernel", "gpu"]);
  });

  test("without a GPU nothing is measured", () => {
    const evaluate = compete(way("kernel", SLOW), null);
    evaluate(SHAPES, pieces([BLOCK]));
    mock.timers.tick(1000);
    assert.equal(asked.length, 1);
  });
});

test("outputs are alike if one sample in 10,000 will be a level off", () => {
  const some = [new Float32Array(30), new Float32Array(70)];
  /** @param {number} by */
  const moved = (by, count = 70) => [some[0], some[1].map((_, i) => (i < count ? by : 0))];
  assert.ok(alike(some, some));
  assert.ok(alike(moved(1e-6), some)); // 0.7e-6 on average
  assert.ok(!alike(moved(1.2e-6), some)); // 0.84e-6; a level is 1/127.5
  assert.ok(alike(moved(7e-5, 1), some));
  assert.ok(!alike(moved(1e-4, 1), some));
  assert.ok(!alike(moved(Number.NaN, 1), some));
});
