/** The mask of carriers with magnitude selection: positions that all keys share (section 8). */

import { decode, equal } from "./bytes.js";
import { cryptography } from "./derivation.js";
import { require } from "./refusal.js";
import { count } from "./substitution.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./carrier.js").Carrier} Carrier */

const MAGIC = "SRNGMSK1";
const LEAST_FILE = 30;
const LARGEST_FILE = 64 * 2 ** 20;

/**
 * Whether a file says that it is a mask.
 * @param {Uint8Array} data
 */
export function isMask(data) {
  return decode(data.subarray(0, MAGIC.length)) === MAGIC;
}

/** A mask that was read, and what it is of. */
export class Mask {
  /**
   * @param {{carrier: Bytes, features: number, layers: number, units: number, tiles: number}} head
   * @param {Uint32Array[][]} positions of each tile's layers
   */
  constructor(head, positions) {
    this.head = head;
    this.found = positions;
  }

  /** @param {number} tile of the carrier */
  positions(tile) {
    return this.found[tile];
  }

  /**
   * Refuse a mask of another carrier.
   * @param {Carrier} carrier
   * @param {number} units of the slot
   */
  requireOf(carrier, units) {
    const { head } = this;
    const own =
      equal(head.carrier, carrier.nonce.subarray(0, 8)) &&
      head.features === carrier.shapes[0][0] &&
      head.layers === carrier.shapes.length - 1 &&
      head.tiles === carrier.tiles &&
      head.units === units;
    require(own, "the mask is of another song");
  }
}

/**
 * @param {Bytes} data
 * @returns {Promise<Mask>}
 */
export async function readMask(data) {
  const sized = data.length >= LEAST_FILE && data.length <= LARGEST_FILE;
  require(sized && isMask(data), "this file is no mask");
  const sum = new Uint8Array(await cryptography().digest("SHA-256", data.subarray(12)));
  require(equal(sum.subarray(0, 4), data.subarray(8, 12)), "the mask is damaged");
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const features = view.getUint16(20, true);
  const layers = view.getUint8(22);
  const units = view.getUint16(23, true);
  const k = view.getUint8(25);
  const tiles = view.getUint32(26, true);
  const inRange =
    features >= 1 &&
    features <= 1024 &&
    layers >= 2 &&
    layers <= 64 &&
    units >= 1 &&
    units <= 9999 &&
    k <= 15 &&
    tiles >= 1;
  require(inRange, "the mask's head is out of range");
  const sizes = Array.from({ length: layers + 1 }, (_, layer) =>
    layer === 0 ? 2 * features : layer < layers ? features * features : 3 * features,
  );
  const codes = new GapCodes(data.subarray(LEAST_FILE), k);
  const positions = readPositions(codes, sizes, units, tiles);
  return new Mask({ carrier: data.slice(12, 20), features, layers, units, tiles }, positions);
}

/**
 * @param {GapCodes} codes
 * @param {number[]} sizes of each layer's matrix
 * @param {number} units
 * @param {number} tiles
 */
function readPositions(codes, sizes, units, tiles) {
  const counts = sizes.map((size) => count(units, size));
  const all = tiles * counts.reduce((sum, one) => sum + one, 0);
  require(all <= 8 * codes.bytes.length, "the mask ends early");
  let [start, last] = [0, -1];
  const found = Array.from({ length: tiles }, () =>
    sizes.map((size, layer) => {
      const own = Uint32Array.from({ length: counts[layer] }, () => {
        last += codes.next() + 1;
        require(last >= start && last < start + size, "the mask has a position beyond its matrix");
        return last - start;
      });
      start += size;
      return own;
    }),
  );
  require(codes.ended(), "the mask has bytes left over");
  return found;
}

/** Gaps in Golomb-Rice codes. */
class GapCodes {
  /**
   * @param {Uint8Array} bytes
   * @param {number} k bits of the remainder
   */
  constructor(bytes, k) {
    this.bytes = bytes;
    this.k = k;
    this.at = 0;
  }

  bit() {
    require(this.at < 8 * this.bytes.length, "the mask ends early");
    const bit = (this.bytes[this.at >> 3] >> (7 - (this.at & 7))) & 1;
    this.at++;
    return bit;
  }

  next() {
    let gap = 0;
    while (this.bit()) gap++;
    for (let i = 0; i < this.k; i++) gap = 2 * gap + this.bit();
    return gap;
  }

  ended() {
    return Math.ceil(this.at / 8) === this.bytes.length;
  }
}
