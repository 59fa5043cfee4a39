/** The carrier's codes: buckets by rANS, signs and low bits as they are (docs/format.md, 1.3). */

import { equal } from "./bytes.js";
import { require } from "./refusal.js";

const RANKS = 4096;
const LEAST_STATE = 65536;
const BUCKETS = 56;
const LANES = 4096;

/**
 * How many bytes the codes take at least.
 * @param {number} numbers
 */
export function leastBytes(numbers) {
  return Math.ceil(numbers / 16);
}

/**
 * Decode all codes, and refuse what a writer does not write.
 * @param {Uint8Array} data
 * @param {number[]} sizes how many numbers each tensor has, in all tiles
 * @returns {Int16Array<ArrayBuffer>[]} one for each tensor
 */
export function decodeCodes(data, sizes) {
  const parts = split(data, sizes);
  const bits = new Bits(parts.raw);
  const decoder = new Decoder(parts.states, parts.words);
  const codes = sizes.map((size, tensor) => {
    const found = decoder.tensor(size, parts.tables[tensor], bits);
    require(equal(parts.tables[tensor], tableOf(found.counts)), "a table is not that of its codes");
    return found.codes;
  });
  require(decoder.ended(), "the codes do not end where they should");
  require(bits.ended(), "the codes have bits left over");
  return codes;
}

/**
 * The parts of the codes, their lengths checked.
 * @param {Uint8Array} data
 * @param {number[]} sizes
 */
function split(data, sizes) {
  const numbers = sizes.reduce((sum, size) => sum + size, 0);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  /** @param {number} size */
  const take = (size) => {
    require(at + size <= data.length, "the codes end early");
    at += size;
    return at - size;
  };
  const wordCount = view.getUint32(take(4), true);
  const rawCount = view.getUint32(take(4), true);
  const lanes = Math.min(LANES, Math.ceil(numbers / 4096));
  const states = Uint32Array.from({ length: lanes }, () => view.getUint32(take(4), true));
  require(states.every((state) => state >= LEAST_STATE), "a state of the codes is too small");
  const first = take(2 * wordCount);
  const words = Uint16Array.from({ length: wordCount }, (_, i) =>
    view.getUint16(first + 2 * i, true),
  );
  const tables = sizes.map(() => {
    const length = data[take(1)];
    const table = data.subarray(take(length), at);
    require(length >= 1 && length <= BUCKETS && table[length - 1] > 0, "a table is damaged");
    return table;
  });
  const raw = data.subarray(take(rawCount), at);
  const whole = Math.max(at, leastBytes(numbers));
  require(data.length === whole, "the codes have another length than they say");
  require(data.subarray(at).every((byte) => byte === 0), "the codes have other padding");
  return { states, words, tables, raw };
}

/** The lanes' states, and the words that fill them up. */
class Decoder {
  /**
   * @param {Uint32Array} states
   * @param {Uint16Array} words
   */
  constructor(states, words) {
    this.states = states;
    this.words = words;
    this.taken = 0;
  }

  /**
   * @param {number} size
   * @param {Uint8Array} table
   * @param {Bits} bits
   */
  tensor(size, table, bits) {
    const { frequency, first, bucketOf } = ranks(table);
    const { states, words } = this;
    const codes = new Int16Array(size);
    const counts = new Array(table.length).fill(0);
    let taken = this.taken;
    for (let number = 0, lane = 0; number < size; number++) {
      const state = states[lane];
      const rank = state & (RANKS - 1);
      const bucket = bucketOf[rank];
      let next = frequency[bucket] * (state >>> 12) + rank - first[bucket];
      if (next < LEAST_STATE) {
        require(taken < words.length, "the codes end early");
        next = next * LEAST_STATE + words[taken++];
      }
      states[lane] = next;
      counts[bucket]++;
      if (bucket > 0) codes[number] = bits.code(bucket);
      lane = lane + 1 === states.length ? 0 : lane + 1;
    }
    this.taken = taken;
    return { codes, counts };
  }

  ended() {
    return this.taken === this.words.length && this.states.every((x) => x === LEAST_STATE);
  }
}

/** Bits from the highest of each byte to the lowest. */
class Bits {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  /** @param {number} count at most 17 */
  take(count) {
    const { at, bytes } = this;
    require(at + count <= 8 * bytes.length, "the codes end early");
    const byte = at >>> 3;
    const three = (bytes[byte] << 16) | (bytes[byte + 1] << 8) | bytes[byte + 2];
    this.at = at + count;
    return (three >> (24 - (at & 7) - count)) & ((1 << count) - 1);
  }

  /**
   * The code of a bucket above 0: its sign and its low bits come from here.
   * @param {number} bucket
   */
  code(bucket) {
    const low = bucket < 8 ? 0 : (bucket >> 2) - 1;
    const drawn = this.take(1 + low);
    const highest = bucket < 8 ? bucket : 4 + (bucket & 3);
    const magnitude = (highest << low) | (drawn & ((1 << low) - 1));
    return drawn >> low ? -magnitude : magnitude;
  }

  ended() {
    const left = 8 * this.bytes.length - this.at;
    return left < 8 && this.take(left) === 0;
  }
}

/** @param {number} byte of a table */
function share(byte) {
  return byte ? (16 + (byte % 16)) * 2 ** (byte >> 4) : 0;
}

/**
 * Ranks are divided among buckets in proportion to their shares.
 * @param {Uint8Array} table
 */
export function frequencies(table) {
  const shares = Array.from(table, share);
  const sum = shares.reduce((total, one) => total + one, 0);
  const found = shares.map((one) => one && Math.max(1, Math.floor((RANKS * one) / sum)));
  const missing = RANKS - found.reduce((total, one) => total + one, 0);
  found[found.indexOf(Math.max(...found))] += missing;
  return found;
}

/** @param {Uint8Array} table */
function ranks(table) {
  const frequency = frequencies(table);
  const bucketOf = new Uint8Array(RANKS);
  let end = 0;
  const first = frequency.map((count, bucket) => {
    bucketOf.fill(bucket, end, end + count);
    end += count;
    return end - count;
  });
  return { frequency, first, bucketOf };
}

/**
 * The table that a writer makes of how often each bucket occurs; whole numbers beyond 64 bits.
 * @param {number[]} counts of all buckets up to the highest in the table
 */
export function tableOf(counts) {
  const most = BigInt(Math.max(...counts)) ** 2n;
  const largest = BigInt(share(255));
  return Uint8Array.from(counts, (count) => {
    if (count === 0) return 0;
    const wanted = (BigInt(count) * largest) ** 2n;
    let [low, high] = [1, 255]; // the first byte whose share times the next is beyond what is wanted
    while (low < high) {
      const middle = (low + high) >> 1;
      const product = BigInt(share(middle)) * BigInt(share(middle + 1));
      if (product * most <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}
