/** From a key to integers (docs/format.md, section 4), by the browser's own cryptography. */

import { concat, encode } from "./bytes.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

const BLOCK = 16;

/** The browser's cryptography, which pages have over https, from localhost and from files. */
export function cryptography() {
  const found = globalThis.crypto?.subtle;
  if (!found) {
    throw new Refusal(
      "this browser has no cryptography on a page that came over plain http",
      "open the page over https, or save it and open it as a file",
    );
  }
  return found;
}

/**
 * HKDF-SHA256 with the nonce as its salt.
 * @param {Bytes} secret
 * @param {Bytes} nonce 32 bytes, of a key pair 64
 * @param {string} purpose
 * @returns {Promise<Bytes>} 32 bytes
 */
export async function derive(secret, nonce, purpose) {
  const subtle = cryptography();
  const key = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const info = encode(`sirensong/2/${purpose}`);
  const bits = await subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: nonce, info },
    key,
    256,
  );
  return new Uint8Array(bits);
}

/** The streams of a secret for one purpose: one for each tile. */
export class Streams {
  /** @param {CryptoKey} key of AES-256-CTR */
  constructor(key) {
    this.key = key;
  }

  /**
   * @param {Bytes} secret
   * @param {Bytes} nonce
   * @param {string} purpose
   */
  static async of(secret, nonce, purpose) {
    const derived = await derive(secret, nonce, purpose);
    const usages = /** @type {KeyUsage[]} */ (["encrypt"]);
    return new Streams(await cryptography().importKey("raw", derived, "AES-CTR", false, usages));
  }

  /**
   * The first bytes of a tile's stream.
   * @param {number} tile
   * @param {number} size in bytes
   */
  async bytes(tile, size) {
    const counter = new Uint8Array(BLOCK);
    new DataView(counter.buffer).setBigUint64(0, BigInt(tile));
    const algorithm = { name: "AES-CTR", counter, length: 128 };
    return cryptography().encrypt(algorithm, this.key, new Uint8Array(size));
  }

  /**
   * The first `u32` integers of a tile's stream.
   * @param {number} tile
   * @param {number} count
   */
  async integers(tile, count) {
    return new Uint32Array(await this.bytes(tile, 4 * count));
  }
}

/**
 * Indices in the order of their `u64` integers, ties by index.
 * @param {Uint32Array} halves lower and upper half of each
 * @returns {Uint32Array}
 */
export function ascending(halves) {
  const order = new Uint32Array(halves.length / 2).map((_, index) => index);
  return order.sort(
    (a, b) => halves[2 * a + 1] - halves[2 * b + 1] || halves[2 * a] - halves[2 * b] || a - b,
  );
}

/** One key of AES-256, used block by block and in chains from zero. */
export class BlockCipher {
  /** @param {CryptoKey} key of AES-256-CBC */
  constructor(key) {
    this.key = key;
  }

  /** @param {Bytes} bytes 32 of them */
  static async of(bytes) {
    const usages = /** @type {KeyUsage[]} */ (["encrypt", "decrypt"]);
    return new BlockCipher(await cryptography().importKey("raw", bytes, "AES-CBC", false, usages));
  }

  /**
   * AES-CBC from a chain of zeros, without padding.
   * @param {Bytes} blocks whole ones
   * @returns {Promise<Bytes>}
   */
  async chain(blocks) {
    const padded = await cryptography().encrypt(zeros(), this.key, blocks);
    return new Uint8Array(padded, 0, blocks.length);
  }

  /**
   * Decipher each block on its own. Browsers have no such mode, but CBC is that and a sum with the
   * block before; it wants padding at the end, which is made to fit.
   * @param {Bytes} blocks whole ones, at least one
   * @returns {Promise<Bytes>}
   */
  async decipher(blocks) {
    const last = blocks.subarray(blocks.length - BLOCK);
    const padding = await this.chain(last.map((byte) => byte ^ BLOCK));
    const chained = await cryptography().decrypt(zeros(), this.key, concat(blocks, padding));
    const plain = new Uint8Array(chained);
    for (let i = BLOCK; i < plain.length; i++) plain[i] ^= blocks[i - BLOCK];
    return plain;
  }
}

function zeros() {
  return { name: "AES-CBC", iv: new Uint8Array(BLOCK) };
}
