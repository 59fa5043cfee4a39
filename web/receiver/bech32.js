/** Bech32 (BIP 173), as age writes its keys. */

import { require } from "./refusal.js";

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const CHECKSUM = 6;

/**
 * The 32 bytes of a text.
 * @param {string} text in lower case
 * @param {string} part that it begins with, for people
 */
export function readBech32(text, part) {
  require(text.startsWith(`${part}1`), "the text is no key of this kind");
  const symbols = [...text.slice(part.length + 1)].map((letter) => ALPHABET.indexOf(letter));
  require(!symbols.includes(-1), "the text has a character that no key has");
  require(symbols.length === 52 + CHECKSUM, "the text is too short or too long for a key");
  const letters = [...part].map((letter) => letter.charCodeAt(0));
  const expanded = [...letters.map((code) => code >> 5), 0, ...letters.map((code) => code & 31)];
  require(polymod([...expanded, ...symbols]) === 1, "the text is mistyped: its checksum differs");
  let bits = symbols.slice(0, -CHECKSUM).reduce((sum, symbol) => (sum << 5n) | BigInt(symbol), 0n);
  require((bits & 15n) === 0n, "the text has bits left over");
  bits >>= 4n;
  return Uint8Array.from({ length: 32 }, (_, i) => Number((bits >> BigInt(8 * (31 - i))) & 255n));
}

/** @param {number[]} symbols */
function polymod(symbols) {
  let sum = 1;
  for (const symbol of symbols) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ symbol;
    GENERATORS.forEach((generator, i) => {
      if ((top >> i) & 1) sum ^= generator;
    });
  }
  return sum;
}
