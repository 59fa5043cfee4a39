/** Pixels as canvases. */

/** @typedef {import("./view.js").Size} Size */
/** @typedef {import("./view.js").Box} Box */

/**
 * @param {Uint8ClampedArray<ArrayBuffer>} pixels
 * @param {Size} size
 */
export function imageOf(pixels, size) {
  const image = canvasOf(size);
  context(image).putImageData(new ImageData(pixels, size.width, size.height), 0, 0);
  return image;
}

/** @param {HTMLCanvasElement} canvas */
export function copyOf(canvas) {
  const copy = canvasOf(canvas);
  context(copy).drawImage(canvas, 0, 0);
  return copy;
}

/** @param {Size} size */
export function canvasOf({ width, height }) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** @param {HTMLCanvasElement} canvas */
export function context(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}
