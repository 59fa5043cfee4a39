/** The carrier as it is published (docs/format.md, sections 1 and 2.2). The file is hostile. */

import { concat, encode, equal } from "./bytes.js";
import { decodeCodes, leastBytes } from "./coding.js";
import { cryptography, Streams } from "./derivation.js";
import { Refusal, require } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

/**
 * What the header says.
 * @typedef {object} Fields
 * @property {number} columns tiles side by side
 * @property {number} height of the cover, in pixels
 * @property {number} hidden_features width of the networks
 * @property {number} hidden_layers
 * @property {number} omega
 * @property {number} rows tiles one above the other
 * @property {number} version
 * @property {number} width of the cover, in pixels
 */

const LEAST_FILE = 10;
const LARGEST_FILE = 6 * 2 ** 30;
const LARGEST_HEADER = 1024;
const LARGEST_CODES = 2 ** 33;
const LARGEST_START = 2 ** 20 - 1;
const PIXELS_A_TILE = 512 * 512;
export const SLOTS = 64;
export const SLOT = 16;
const NONCE = 32;
const VERSION = 2;

/** @type {[keyof Fields, number, number][]} */
const RANGES = [
  ["columns", 1, 1024],
  ["height", 1, 65535],
  ["hidden_features", 1, 1024],
  ["hidden_layers", 2, 64],
  ["rows", 1, 1024],
  ["version", VERSION, VERSION],
  ["width", 1, 65535],
];

/**
 * @typedef {object} Tensors
 * @property {Float32Array<ArrayBuffer>} steps
 * @property {Int16Array<ArrayBuffer>[]} codes of each tensor of weights, in all tiles
 * @property {Bytes} nonce
 * @property {Bytes} slots
 */

/** A carrier that was read: its fields, and its weights as multiples of their steps. */
export class Carrier {
  /**
   * @param {Fields} fields
   * @param {Tensors} tensors
   */
  constructor(fields, tensors) {
    this.fields = fields;
    this.tensors = tensors;
    this.rows = fields.rows;
    this.columns = fields.columns;
    this.height = fields.height;
    this.width = fields.width;
    this.shapes = shapesOf(fields);
    this.sizes = sizesOf(this.shapes);
    this.steps = tensors.steps;
    this.codes = tensors.codes;
    this.nonce = tensors.nonce;
    this.slots = tensors.slots;
    this.reach = reachOf(fields.omega, tensors.steps);
    /** @type {Promise<Streams> | undefined} */
    this.starts = undefined;
  }

  get tiles() {
    return this.rows * this.columns;
  }

  /**
   * The weights of one tile's network: matrix and biases of each layer in turn.
   * @param {number} tile
   */
  async weights(tile) {
    this.starts ??= Streams.of(this.nonce, this.nonce, "start");
    const features = this.shapes[0][0];
    const drawn = await (await this.starts).integers(tile, 3 * features);
    const { sizes } = this;
    const weights = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
    let at = 0;
    sizes.forEach((size, tensor) => {
      const codes = this.codes[tensor].subarray(tile * size, (tile + 1) * size);
      const step = this.steps[tensor];
      for (let i = 0; i < size; i++) weights[at + i] = codes[i] * step;
      if (tensor < 2) {
        const r = this.reach[tensor];
        for (let i = 0; i < size; i++) {
          const start = Math.floor((drawn[at + i] * (2 * r + 1)) / 2 ** 32) - r;
          weights[at + i] = (start + codes[i]) * step;
        }
      }
      at += size;
    });
    return weights;
  }

  /** SHA-256 over steps and codes (section 7). */
  async digest() {
    const parts = this.codes.map((codes) => new Uint8Array(codes.buffer));
    const whole = concat(new Uint8Array(this.steps.buffer), ...parts);
    return new Uint8Array(await cryptography().digest("SHA-256", whole));
  }
}

/**
 * Read a carrier, and refuse everything that a writer does not write.
 * @param {Bytes} data
 */
export function readCarrier(data) {
  const { fields, codesSize, end } = readHeader(data);
  const shapes = shapesOf(fields);
  const sizes = sizesOf(shapes).map((size) => size * fields.rows * fields.columns);
  const stepsSize = 4 * sizes.length;
  const slotsSize = SLOTS * SLOT;
  const whole = end + stepsSize + codesSize + NONCE + slotsSize;
  require(data.length === whole, `the song has ${data.length} bytes, expected ${whole}`);
  const steps = new Float32Array(data.slice(end, end + stepsSize).buffer);
  require(steps.every(
    (step) => step >= 2 ** -40 && step <= 2 ** 9,
  ), "the song's steps are out of range");
  require(reachOf(fields.omega, steps).every(
    (reach) => reach <= LARGEST_START,
  ), "the song's first layer starts too wide");
  requireSuits(fields, fields.height, fields.width);
  const at = end + stepsSize;
  const numbers = sizes.reduce((sum, size) => sum + size, 0);
  require(codesSize >= leastBytes(numbers), "the song's codes end early");
  const codes = decodeCodes(data.subarray(at, at + codesSize), sizes);
  const nonce = data.slice(at + codesSize, at + codesSize + NONCE);
  return new Carrier(fields, { steps, codes, nonce, slots: data.slice(whole - slotsSize) });
}

/**
 * The grid has pixels for each tile, and not too many.
 * @param {{rows: number, columns: number}} grid
 * @param {number} height
 * @param {number} width
 */
export function requireSuits(grid, height, width) {
  const tiles = grid.rows * grid.columns;
  const suits =
    height >= grid.rows && width >= grid.columns && height * width <= PIXELS_A_TILE * tiles;
  require(suits, `a picture of ${width}x${height} does not suit ${tiles} tiles`);
}

/**
 * What the header says, checked byte for byte.
 * @param {Bytes} data
 */
function readHeader(data) {
  const sized = data.length >= LEAST_FILE && data.length <= LARGEST_FILE;
  require(sized, `a song has at least ${LEAST_FILE} bytes, got ${data.length}`);
  refusePickles(data);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const length = view.getUint32(0, true) + 2 ** 32 * view.getUint32(4, true);
  require(length <= LARGEST_HEADER && 8 + length <= data.length, "this file is no song");
  const header = data.subarray(8, 8 + length);
  const { fields, codesSize } = parse(header);
  require(equal(header, headerOf(fields, codesSize)), "the song's header is not as it is written");
  return { fields, codesSize, end: 8 + length };
}

/** @param {Bytes} data */
function refusePickles(data) {
  const pickle = data[0] === 0x80 && data[1] >= 2 && data[1] <= 5;
  const archive = data[0] === 0x50 && data[1] === 0x4b;
  require(!pickle && !archive, "this file is a pickle or an archive, and is not opened");
}

/**
 * @param {Bytes} header
 * @returns {{fields: Fields, codesSize: number}}
 */
function parse(header) {
  let fields;
  let codesSize;
  try {
    const outer = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(header));
    fields = JSON.parse(outer.__metadata__.sirensong);
    [codesSize] = outer.codes.shape;
  } catch {
    throw new Refusal("this file is no song: its header is damaged");
  }
  require(fields !== null && typeof fields === "object", "the song's header is damaged");
  if (Number.isInteger(fields.version) && fields.version !== VERSION) {
    throw new Refusal(`the song is of format ${fields.version}, expected ${VERSION}`);
  }
  for (const [name, least, most] of RANGES) {
    const inRange = Number.isInteger(fields[name]) && fields[name] >= least && fields[name] <= most;
    require(inRange, `the song's ${name} is out of range`);
  }
  const { omega } = fields;
  require(typeof omega === "number" &&
    omega > 0 &&
    omega <= 10000, "the song's omega is out of range");
  const sized = Number.isInteger(codesSize) && codesSize >= 0 && codesSize <= LARGEST_CODES;
  require(sized, "the song's codes have no length");
  return { fields, codesSize };
}

/**
 * The header that a writer makes of these fields.
 * @param {Fields} fields
 * @param {number} codesSize
 */
function headerOf(fields, codesSize) {
  const metadata =
    `{"columns": ${fields.columns}, "height": ${fields.height}, ` +
    `"hidden_features": ${fields.hidden_features}, "hidden_layers": ${fields.hidden_layers}, ` +
    `"omega": ${shortest(fields.omega)}, "rows": ${fields.rows}, "version": ${VERSION}, ` +
    `"width": ${fields.width}}`;
  const stepsCount = 2 * (fields.hidden_layers + 1);
  /** @type {[string, string, number[], number][]} */
  const tensors = [
    ["steps", "F32", [stepsCount], 4 * stepsCount],
    ["codes", "U8", [codesSize], codesSize],
    ["nonce", "U8", [NONCE], NONCE],
    ["slots", "U8", [SLOTS, SLOT], SLOTS * SLOT],
  ];
  let end = 0;
  const entries = tensors.map(([name, dtype, shape, size]) => {
    end += size;
    return `"${name}":{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${end - size},${end}]}`;
  });
  const quoted = metadata.replaceAll('"', '\\"');
  const text = `{"__metadata__":{"sirensong":"${quoted}"},${entries}}`;
  return encode(text.padEnd(8 * Math.ceil(text.length / 8)));
}

/**
 * The shortest decimal that reads back as the same number, with a point, as the page has it.
 * @param {number} number above 0, at most 10,000
 */
export function shortest(number) {
  if (number < 1e-4) {
    const [digits, exponent] = number.toExponential().split("e-");
    return `${digits}e-${exponent.padStart(2, "0")}`;
  }
  const text = String(number);
  return text.includes(".") ? text : `${text}.0`;
}

/**
 * (outputs, inputs) of each layer.
 * @param {Fields} fields
 * @returns {[number, number][]}
 */
function shapesOf(fields) {
  const { hidden_features: features, hidden_layers: layers } = fields;
  return Array.from({ length: layers + 1 }, (_, layer) => [
    layer < layers ? features : 3,
    layer > 0 ? features : 2,
  ]);
}

/**
 * How many numbers each tensor has in a tile: matrix and biases of each layer.
 * @param {[number, number][]} shapes
 */
function sizesOf(shapes) {
  return shapes.flatMap(([outputs, inputs]) => [outputs * inputs, outputs]);
}

/**
 * How many steps the first layer's start reaches to both sides: matrix, biases.
 * @param {number} omega
 * @param {Float32Array} steps
 */
function reachOf(omega, steps) {
  return [omega / 2, Math.PI].map((bound, tensor) => Math.floor(bound / steps[tensor] + 0.5));
}
