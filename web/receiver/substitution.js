/** What a key does to a tile's weights (docs/format.md, section 5). */

import { ascending, Streams } from "./derivation.js";
import { quantile } from "./quantiles.js";
import { KEYED, MAGNITUDE } from "./slots.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./carrier.js").Carrier} Carrier */
/** @typedef {import("./mask.js").Mask} Mask */

const KEYED_LAYERS = 4;
/** More than the largest matrix has. */
const POSITIONS = 2 ** 20;

/**
 * How many of a matrix's entries a key replaces: S x n, rounded, in integers.
 * @param {number} units
 * @param {number} entries
 */
export function count(units, entries) {
  return Math.floor((units * entries + 5000) / 10000);
}

/** The function that a key makes of a carrier's. */
export class SecretFunction {
  /**
   * @param {Carrier} carrier
   * @param {{selection: number, units: number}} slot
   * @param {{positions: Streams | null, values: Streams, order: ArrayLike<number>,
   *   mask: Mask | null}} drawn
   */
  constructor(carrier, slot, drawn) {
    this.carrier = carrier;
    this.rows = carrier.rows;
    this.columns = carrier.columns;
    this.shapes = carrier.shapes;
    this.slot = slot;
    this.drawn = drawn;
    this.sizes = carrier.shapes.map(([outputs, inputs]) => outputs * inputs);
    const [from, to] = slot.selection === KEYED ? keyedLayers(this.sizes.length) : [0, Infinity];
    /** How many entries of each layer's matrix are replaced. */
    this.counts = this.sizes.map((size, layer) =>
      from <= layer && layer < to ? count(slot.units, size) : 0,
    );
    /** How many entries the layers have from which some may be chosen. */
    this.entries = sum(this.sizes.slice(from, to));
    this.from = from;
  }

  /**
   * @param {Carrier} carrier
   * @param {Bytes} secret the key's 32 bytes
   * @param {{selection: number, units: number}} slot
   * @param {{mask?: Mask | null, shuffled?: boolean}} [options] `shuffled` unless no slot was opened
   */
  static async of(carrier, secret, slot, { mask = null, shuffled = true } = {}) {
    const { nonce, tiles } = carrier;
    const chooser = slot.selection === KEYED ? secret : nonce;
    const positions =
      slot.selection === MAGNITUDE ? null : await Streams.of(chooser, nonce, "positions");
    const values = await Streams.of(secret, nonce, "values");
    const order = shuffled
      ? ascending(await (await Streams.of(secret, nonce, "tiles")).integers(0, 2 * tiles))
      : Array.from({ length: tiles }, (_, tile) => tile);
    return new SecretFunction(carrier, slot, { positions, values, order, mask });
  }

  /**
   * The weights of the network that shows one tile of the secret picture.
   * @param {number} tile of the secret picture
   */
  async weights(tile) {
    const own = this.drawn.order[tile];
    const [weights, positions, integers] = await Promise.all([
      this.carrier.weights(own),
      this.positions(own),
      this.drawn.values.integers(own, 2 * sum(this.counts)),
    ]);
    const gain = this.slot.selection === KEYED ? 2 : 1;
    let [start, drawn] = [0, 0];
    this.shapes.forEach(([outputs, inputs], layer) => {
      const scale = gain * Math.sqrt(2 / (inputs + outputs));
      for (const position of positions[layer]) {
        const k = integers[2 * drawn + 1] * 2 ** 20 + (integers[2 * drawn] >>> 12);
        weights[start + position] = quantile((k + 0.5) / 2 ** 52) * scale;
        drawn++;
      }
      start += outputs * inputs + outputs;
    });
    return weights;
  }

  /**
   * Positions in each layer's matrix, ascending.
   * @param {number} tile of the carrier
   * @returns {Promise<Uint32Array[]>}
   */
  async positions(tile) {
    const { positions, mask } = this.drawn;
    if (mask) return mask.positions(tile);
    if (!positions) throw new TypeError("a carrier of magnitude selection needs its mask");
    const integers = await positions.integers(tile, this.entries);
    let at = 0;
    return this.sizes.map((size, layer) => {
      if (layer < this.from) return new Uint32Array(0);
      at += size;
      return smallest(integers.subarray(at - size, at), this.counts[layer]);
    });
  }
}

/**
 * The first four hidden matrices, as far as there are so many.
 * @param {number} layers
 */
function keyedLayers(layers) {
  return [1, Math.min(1 + KEYED_LAYERS, layers - 1)];
}

/**
 * Where the smallest integers are, ties by position; in ascending order.
 * @param {Uint32Array} integers at most 2^20 of them
 * @param {number} kept
 */
function smallest(integers, kept) {
  // Integer and position in one number of 52 bits: typed arrays sort numbers fast.
  const ranked = new Float64Array(integers.length);
  for (let i = 0; i < ranked.length; i++) ranked[i] = integers[i] * POSITIONS + i;
  ranked.sort();
  const found = new Uint32Array(kept);
  for (let i = 0; i < kept; i++) found[i] = ranked[i] % POSITIONS;
  return found.sort();
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, one) => total + one, 0);
}
