/** Words of Reed-Solomon with 32 bytes of parity: up to 16 wrong bytes are mended (section 6.1). */

import { require } from "./refusal.js";

export const PARITY = 32;
const POLYNOMIAL = 0x11d;
const POWERS = new Uint8Array(510);
const LOGARITHMS = new Uint8Array(256);
for (let i = 0, power = 1; i < 255; i++) {
  POWERS[i] = POWERS[i + 255] = power;
  LOGARITHMS[power] = i;
  power = power < 128 ? 2 * power : (2 * power) ^ POLYNOMIAL;
}

/**
 * @param {number} a
 * @param {number} b
 */
function times(a, b) {
  return a && b ? POWERS[LOGARITHMS[a] + LOGARITHMS[b]] : 0;
}

/**
 * @param {number} a
 * @param {number} b not 0
 */
function over(a, b) {
  return a ? POWERS[LOGARITHMS[a] + 255 - LOGARITHMS[b]] : 0;
}

/**
 * The value of a polynomial, its lowest power first.
 * @param {number[]} polynomial
 * @param {number} x
 */
function valueAt(polynomial, x) {
  return polynomial.reduceRight((sum, one) => times(sum, x) ^ one, 0);
}

/**
 * Mend a word in place.
 * @param {Uint8Array} word 33 to 255 bytes, of which the last 32 are parity
 */
export function mend(word) {
  const syndromes = syndromesOf(word);
  if (syndromes.every((one) => one === 0)) return;
  const locator = locatorOf(syndromes);
  const errors = locator.length - 1;
  const places = [];
  for (let place = 0; place < word.length; place++) {
    if (valueAt(locator, POWERS[255 - place]) === 0) places.push(place);
  }
  require(errors <= PARITY / 2 &&
    places.length === errors, "the hidden file has too many wrong bytes: the song was altered");
  const evaluator = productOf(syndromes, locator);
  for (const place of places) {
    const inverse = POWERS[255 - place];
    const slope = locator.reduce(
      (sum, one, i) => (i % 2 ? sum ^ times(one, POWERS[((255 - place) * (i - 1)) % 255]) : sum),
      0,
    );
    // The first root is 1, so a factor of the place's own power stays (Forney).
    const size = times(POWERS[place], over(valueAt(evaluator, inverse), slope));
    word[word.length - 1 - place] ^= size;
  }
  require(syndromesOf(word).every(
    (one) => one === 0,
  ), "the hidden file has too many wrong bytes: the song was altered");
}

/**
 * The word's values at the generator's roots.
 * @param {Uint8Array} word
 */
function syndromesOf(word) {
  return Array.from({ length: PARITY }, (_, root) =>
    word.reduce((sum, byte) => times(sum, POWERS[root]) ^ byte, 0),
  );
}

/**
 * The polynomial whose roots say where bytes are wrong (Berlekamp and Massey).
 * @param {number[]} syndromes
 */
function locatorOf(syndromes) {
  let [locator, before] = [[1], [1]];
  let [length, gap, last] = [0, 1, 1];
  syndromes.forEach((_, n) => {
    let difference = 0;
    for (let i = 0; i < locator.length && i <= n; i++) {
      difference ^= times(locator[i], syndromes[n - i]);
    }
    if (difference === 0) {
      gap++;
      return;
    }
    const scale = over(difference, last);
    const next = Array.from(
      { length: Math.max(locator.length, before.length + gap) },
      (_, i) => (locator[i] ?? 0) ^ times(scale, before[i - gap] ?? 0),
    );
    if (2 * length <= n) {
      [length, before, last, gap] = [n + 1 - length, locator, difference, 1];
    } else {
      gap++;
    }
    locator = next;
  });
  return locator.slice(0, locator.findLastIndex((one) => one !== 0) + 1);
}

/**
 * The product's lowest powers, as many as there are syndromes.
 * @param {number[]} syndromes
 * @param {number[]} locator
 */
function productOf(syndromes, locator) {
  return syndromes.map((_, power) =>
    locator.reduce((sum, one, i) => (i <= power ? sum ^ times(one, syndromes[power - i]) : sum), 0),
  );
}
