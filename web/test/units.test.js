/** Rules of docs/format.md that hardly any real song comes to. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readBech32 } from "../receiver/bech32.js";
import { ascending } from "../receiver/derivation.js";
import { bind, LARGEST_MEMORY } from "../receiver/keys.js";
import { quantile } from "../receiver/quantiles.js";
import { mend } from "../receiver/reedsolomon.js";
import { Refusal } from "../receiver/refusal.js";
import { count } from "../receiver/substitution.js";

test("half an entry counts as one", () => {
  assert.equal(count(2500, 2), 1);
  assert.equal(count(2499, 2), 0);
  assert.equal(count(9999, 2 ** 20), 1048471);
});

test("equal integers are in the order of their places, and upper halves come first", () => {
  const pairs = [5, 1, 5, 1, 9, 0, 5, 0, 5, 1];
  assert.deepEqual([...ascending(Uint32Array.from(pairs))], [3, 2, 0, 1, 4]);
});

test("quantiles of the normal distribution", () => {
  // From Python's statistics.NormalDist().inv_cdf, in all three of the algorithm's ranges.
  for (const [p, expected] of [
    [0.5, 0],
    [0.6, 0.2533471031357997],
    [0.975, 1.9599639845400536],
    [1e-3, -3.090232306167813],
    [2 ** -53, -8.209536151601387],
  ]) {
    assert.ok(Math.abs(quantile(p) - expected) <= 4e-15 * Math.abs(expected), `${p}`);
  }
});

test("Bech32 with bits left over is refused, each of the four", () => {
  const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  /** @param {number} last the 52nd letter's bits, of which four are left over */
  const text = (last) => {
    const symbols = [...new Array(51).fill(3), last];
    const part = [..."age-secret-key-"].map((letter) => letter.charCodeAt(0));
    const expanded = [...part.map((code) => code >> 5), 0, ...part.map((code) => code & 31)];
    const sum = polymod([...expanded, ...symbols, 0, 0, 0, 0, 0, 0]) ^ 1;
    const checksum = [25, 20, 15, 10, 5, 0].map((shift) => (sum >> shift) & 31);
    return `age-secret-key-1${[...symbols, ...checksum].map((one) => letters[one]).join("")}`;
  };
  assert.equal(readBech32(text(16), "age-secret-key-").length, 32);
  for (const bit of [1, 2, 4, 8]) {
    assert.throws(() => readBech32(text(16 + bit), "age-secret-key-"), Refusal);
  }
});

/** @param {number[]} symbols */
function polymod(symbols) {
  let sum = 1n;
  const generators = [0x3b6a57b2n, 0x26508e6dn, 0x1ea119fan, 0x3d4233ddn, 0x2a1462b3n];
  for (const symbol of symbols) {
    const top = sum >> 25n;
    sum = ((sum & 0x1ffffffn) << 5n) ^ BigInt(symbol);
    generators.forEach((generator, i) => {
      if ((top >> BigInt(i)) & 1n) sum ^= generator;
    });
  }
  return Number(sum);
}

test("sixteen wrong bytes of a word are mended, and seventeen refused", () => {
  const word = () => new Uint8Array(255); // zeros are a word of every such code
  for (const wrong of [1, 2, 16]) {
    const damaged = word();
    for (let i = 0; i < wrong; i++) damaged[(i * 53 + 7) % 255] = 1 + ((i * 37) % 255);
    mend(damaged);
    assert.deepEqual(damaged, word());
  }
  const lost = word();
  for (let i = 0; i < 17; i++) lost[i * 14] = 1 + i;
  assert.throws(() => mend(lost), /too many wrong bytes/);
});

test("a passphrase that takes more memory than WebAssembly has is told of", async () => {
  await assert.rejects(
    bind({ kind: "passphrase", text: "staple" }, new Uint8Array(32), LARGEST_MEMORY),
    (error) => error instanceof Refusal && /no room for the 4096 MiB/.test(error.message),
  );
});
