/** What leaves the page: pictures of any size, and hidden files. */

import { require } from "../receiver/refusal.js";
import { centres } from "../receiver/rendering.js";
import { canvasOf, context, imageOf } from "./images.js";
import { blocks } from "./view.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./stage.js").Picture} Picture */

/** Pixels a side, and in all, of what browsers' canvases take. */
const LARGEST_SIDE = 16384;
const LARGEST_PICTURE = 100_000_000;
const BLOCK = 256;

/**
 * A picture as a PNG file.
 * @param {Painter} painter
 * @param {Picture} picture
 * @param {number} width in pixels; the height follows from the picture's shape
 * @param {(share: number) => void} onProgress
 * @returns {Promise<Blob>}
 */
export async function pngOf(painter, picture, width, onProgress) {
  const height = heightOf(picture, width);
  const canvas = canvasOf({ width, height });
  const target = context(canvas);
  const [across, down] = [centres(width, picture.columns), centres(height, picture.rows)];
  const work = blocks({ left: 0, top: 0, width, height }, BLOCK);
  let done = 0;
  await Promise.all(
    work.map(async (block) => {
      const places = {
        across: across.slice(block.left, block.left + block.width),
        down: down.slice(block.top, block.top + block.height),
      };
      const pixels = await painter.render(places, { lasting: true });
      if (pixels) target.drawImage(imageOf(pixels, block), block.left, block.top);
      onProgress(++done / work.length);
    }),
  );
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob) resolve(blob);
      else reject(new Error("the browser made no PNG of the picture"));
    }, "image/png");
  });
}

/**
 * @param {Picture} picture
 * @param {number} width
 */
export function heightOf(picture, width) {
  const whole = Number.isInteger(width) && width >= 1 && width <= LARGEST_SIDE;
  require(whole, `a picture is 1 to ${LARGEST_SIDE} pixels wide`);
  const height = Math.max(1, Math.round((width * picture.height) / picture.width));
  const fits = height <= LARGEST_SIDE && width * height <= LARGEST_PICTURE;
  require(fits, `a picture of ${width}x${height} is larger than browsers take`);
  return height;
}

/**
 * Let the browser save a file.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun by then; the bytes need not stay.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
