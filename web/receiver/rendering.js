/** From functions to pictures (docs/format.md, section 2): points, shares of tiles, 8 bits. */

/**
 * What can be rendered: a network for each tile of a grid.
 * @typedef {object} Func
 * @property {number} rows
 * @property {number} columns
 * @property {[number, number][]} shapes (outputs, inputs) of each layer
 * @property {(tile: number) => Promise<Float32Array<ArrayBuffer>>} weights
 */

/**
 * Where pixel centres lie, along one side: 0 at its beginning, and 2 further on for each tile.
 * @typedef {Float64Array} Places
 */

/**
 * A tile's piece of a block: its weights, and where they are evaluated.
 * @typedef {{weights: Float32Array<ArrayBuffer>, xs: Float32Array, ys: Float32Array}} Piece
 */

/**
 * Networks of the same shapes, each at its own points: for each, red, green and blue of each point
 * in turn.
 * @callback Evaluate
 * @param {[number, number][]} shapes
 * @param {Piece[]} pieces
 * @returns {Float32Array[]}
 */

/** Twice the overlap of two tiles, in a tile's own coordinate. */
const FADE = 0.1;
/** Tiles whose weights are asked for together: the browser's cryptography answers in its own time. */
const AT_ONCE = 64;

/**
 * The pixel centres of a whole side.
 * @param {number} pixels
 * @param {number} tiles
 * @returns {Places}
 */
export function centres(pixels, tiles) {
  return Float64Array.from({ length: pixels }, (_, pixel) => ((2 * pixel + 1) * tiles) / pixels);
}

/**
 * Render the pixels where some columns and rows cross.
 * @param {Func} func
 * @param {Places} across of the columns
 * @param {Places} down of the rows
 * @param {Evaluate} evaluate
 * @returns {Promise<Uint8ClampedArray<ArrayBuffer>>} red, green, blue, alpha of each pixel
 */
export async function renderBlock(func, across, down, evaluate) {
  const sums = new Float32Array(3 * across.length * down.length);
  const columns = parts(across, func.columns);
  const rows = parts(down, func.rows);
  /** @type {[Part, Part][]} */
  const all = [];
  for (const row of rows) for (const column of columns) all.push([row, column]);
  for (let first = 0; first < all.length; first += AT_ONCE) {
    const some = all.slice(first, first + AT_ONCE);
    const weights = await Promise.all(
      some.map(([row, column]) => func.weights(row.tile * func.columns + column.tile)),
    );
    const pieces = some.map((one, i) => ({ weights: weights[i], ...crossings(one) }));
    const found = evaluate(func.shapes, pieces);
    some.forEach((one, i) => {
      blend(sums, across.length, one, found[i]);
    });
  }
  return colours(sums);
}

/**
 * A tile's part of a side.
 * @typedef {object} Part
 * @property {number} tile
 * @property {number} first pixel that it has a part in
 * @property {Float32Array} coordinates of the pixels from there on
 * @property {Float64Array} shares of these pixels
 */

/**
 * The tiles that have a part in some pixels of a side, and in which.
 * @param {Places} places ascending
 * @param {number} tiles along this side
 * @returns {Part[]}
 */
export function parts(places, tiles) {
  /** @type {Part[]} */
  const found = [];
  const last = places[places.length - 1];
  const from = Math.max(0, Math.floor((places[0] - FADE) / 2));
  for (let tile = from; tile < tiles && 2 * tile - FADE < last; tile++) {
    const shares = places.map((place) => shareOf(place - (2 * tile + 1), tile, tiles));
    const first = shares.findIndex((share) => share > 0);
    if (first < 0) continue;
    const end = shares.findLastIndex((share) => share > 0) + 1;
    const coordinates = Float32Array.from(places.subarray(first, end), (p) => p - (2 * tile + 1));
    found.push({ tile, first, coordinates, shares: shares.subarray(first, end) });
  }
  return found;
}

/**
 * @param {number} x
 * @param {number} tile
 * @param {number} tiles
 */
function shareOf(x, tile, tiles) {
  const left = tile > 0 ? (x + 1) / FADE + 0.5 : 1;
  const right = tile + 1 < tiles ? (1 - x) / FADE + 0.5 : 1;
  return Math.min(1, left, right);
}

/**
 * The points where a tile's rows and columns cross.
 * @param {[Part, Part]} parts
 */
function crossings([row, column]) {
  const [high, wide] = [row.coordinates.length, column.coordinates.length];
  const xs = new Float32Array(high * wide);
  const ys = new Float32Array(high * wide);
  for (let r = 0; r < high; r++) {
    xs.set(column.coordinates, r * wide);
    ys.fill(row.coordinates[r], r * wide, (r + 1) * wide);
  }
  return { xs, ys };
}

/**
 * Add one tile's outputs times its shares.
 * @param {Float32Array} sums
 * @param {number} width of the block
 * @param {[Part, Part]} parts
 * @param {Float32Array} found
 */
function blend(sums, width, [row, column], found) {
  const [high, wide] = [row.coordinates.length, column.coordinates.length];
  for (let r = 0; r < high; r++) {
    for (let c = 0; c < wide; c++) {
      const share = Math.fround(row.shares[r] * column.shares[c]);
      const from = 3 * (r * wide + c);
      const to = 3 * ((row.first + r) * width + column.first + c);
      for (let i = 0; i < 3; i++) sums[to + i] += Math.fround(found[from + i] * share);
    }
  }
}

/**
 * Outputs from -1 to 1 in 8 bits, a half to the even number.
 * @param {Float32Array} sums
 */
function colours(sums) {
  const pixels = new Uint8ClampedArray((sums.length / 3) * 4);
  for (let pixel = 0; 3 * pixel < sums.length; pixel++) {
    for (let i = 0; i < 3; i++) {
      // A clamped array rounds as the page asks, and clips.
      pixels[4 * pixel + i] = Math.fround(
        255 * Math.fround(Math.fround(sums[3 * pixel + i] + 1) / 2),
      );
    }
    pixels[4 * pixel + 3] = 255;
  }
  return pixels;
}
