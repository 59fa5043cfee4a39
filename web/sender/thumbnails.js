/** Small pictures of what was dropped, made in the page. */

import { make } from "../shared/dom.js";

const SIDE = 192; // pixels, twice what is shown

/**
 * Show a file's picture, or the ending of its name where the browser can draw none.
 * @param {HTMLElement} place
 * @param {File} file
 */
export async function showThumbnail(place, file) {
  place.replaceChildren(await thumbnail(file));
}

/** @param {File} file */
async function thumbnail(file) {
  try {
    const whole = await createImageBitmap(file);
    const scale = Math.min(1, SIDE / Math.max(whole.width, whole.height));
    const [width, height] = [whole.width, whole.height].map((side) =>
      Math.max(1, Math.round(scale * side)),
    );
    const canvas = make("canvas", {
      width: `${width}`,
      height: `${height}`,
      "aria-hidden": "true",
    });
    const target = canvas.getContext("2d");
    if (!target) throw new TypeError("there is nothing to draw on");
    target.imageSmoothingQuality = "high";
    target.drawImage(whole, 0, 0, width, height);
    whole.close();
    return canvas;
  } catch {
    const ending = /\.(\w{1,5})$/.exec(file.name)?.[1] ?? "file";
    return make("span", { class: "ending", "aria-hidden": "true" }, ending.toLowerCase());
  }
}
