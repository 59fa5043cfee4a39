/** The canvas: what is known is drawn at once, and then made sharp from the middle outwards. */

import { centres } from "../receiver/rendering.js";
import { context, copyOf, imageOf } from "./images.js";
import { blocks, View } from "./view.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./view.js").Box} Box */
/** @typedef {import("./view.js").Size} Size */
/** @typedef {Size & {rows: number, columns: number}} Picture */

/** Screen pixels a side of what a worker renders at a time. */
const BLOCK = 96;
/** A draft has one pixel for so many of the screen's, a side. */
const DRAFT = 8;
/** Pixels of the first picture, which the page itself renders before any worker is ready. */
const FIRST = 4096;
/** Fewer, where each would take the weights of a tile of its own. */
const FIRST_OF_MANY = 1024;
/** Milliseconds without a change after which a view is made sharp. */
const SETTLED = 60;
/** What of the way to where a person zooms is gone in each frame. */
const PACE = 0.3;
/** Screen pixels, at most: what is beyond is enlarged. */
const LARGEST_SCREEN = 4_000_000;

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Painter} painter
   * @param {(view: View) => void} onView told of each view that is drawn
   */
  constructor(canvas, painter, onView) {
    this.canvas = canvas;
    this.context = context(canvas);
    this.painter = painter;
    this.onView = onView;
    this.asPixels = false;
    /** @type {Picture | null} */
    this.picture = null;
    /** @type {View | null} */
    this.view = null;
    /** @type {View | null} */
    this.wanted = null;
    /** @type {{image: HTMLCanvasElement, view: View}[]} */
    this.known = [];
    this.generation = 0;
    this.timer = 0;
    this.moving = false;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  /**
   * Show another picture, whole.
   * @param {Picture} picture
   */
  async show(picture) {
    this.picture = picture;
    this.known = [];
    this.fit();
    this.wanted = this.view = View.whole(picture, this.screen);
    const view = this.view;
    const generation = ++this.generation;
    const many = picture.rows * picture.columns > FIRST_OF_MANY;
    const size = smaller(picture, many ? FIRST_OF_MANY : FIRST);
    const across = centres(size.width, picture.columns);
    const pixels = await this.painter.first({ across, down: centres(size.height, picture.rows) });
    if (generation !== this.generation) return;
    this.keep(imageOf(pixels, size), View.whole(picture, size));
    this.draw();
    this.onView(view);
    await this.sharpen();
  }

  /** The screen's size has changed. */
  resized() {
    if (!this.view || !this.wanted) return;
    this.fit();
    this.view = this.view.on(this.screen);
    this.wanted = this.wanted.on(this.screen);
    this.draw();
    this.settle();
  }

  /**
   * @param {boolean} asPixels whether the picture's own pixels are shown
   */
  setAsPixels(asPixels) {
    this.asPixels = asPixels;
    this.settle(0);
  }

  /**
   * Go to another view.
   * @param {(view: View) => View} change
   * @param {{smooth?: boolean}} [options]
   */
  change(change, { smooth = false } = {}) {
    if (!this.wanted) return;
    this.generation++; // what is being rendered is of a view that nobody sees any more
    this.painter.drop();
    this.wanted = change(this.wanted);
    if (!smooth || this.still.matches) this.view = this.wanted;
    if (!this.moving) {
      this.moving = true;
      requestAnimationFrame(() => this.step());
    }
  }

  /** One frame of the way to the view that is wanted. */
  step() {
    const { view, wanted } = this;
    if (!view || !wanted) return;
    this.moving = !view.isNear(wanted);
    this.view = this.moving ? view.towards(wanted, PACE) : wanted;
    this.draw();
    this.onView(this.view);
    if (this.moving) requestAnimationFrame(() => this.step());
    else this.settle();
  }

  /** @param {number} [pause] in milliseconds */
  settle(pause = SETTLED) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.sharpen(), pause);
  }

  /** Render the view: a draft where nothing better is known, then block by block. */
  async sharpen() {
    const { view, picture } = this;
    if (!view || !picture) return;
    const generation = ++this.generation;
    this.painter.drop();
    this.canvas.dataset.state = "rendering";
    const { box } = view;
    const drafts = this.isCoarse(view) ? blocks(box, BLOCK * DRAFT) : [];
    const work = [
      ...drafts.map((block) => ({ block, step: DRAFT })),
      ...blocks(box, BLOCK).map((block) => ({ block, step: 1 })),
    ];
    await Promise.all(
      work.map(async ({ block, step }) => {
        const places = view.places(block, picture, { step, pixels: this.asPixels });
        const pixels = await this.painter.render(places);
        if (!pixels || generation !== this.generation) return;
        const size = { width: places.across.length, height: places.down.length };
        const [width, height] = [size.width * step, size.height * step];
        this.context.imageSmoothingEnabled = true;
        this.context.drawImage(imageOf(pixels, size), block.left, block.top, width, height);
      }),
    );
    if (generation !== this.generation) return;
    this.keep(copyOf(this.canvas), view);
    this.canvas.dataset.state = "sharp";
    this.canvas.dataset.rendered = String(Number(this.canvas.dataset.rendered ?? 0) + 1);
  }

  /**
   * Whether what is known of a view is much coarser than its screen.
   * @param {View} view
   */
  isCoarse(view) {
    return !this.known.some(
      (one) => one.view.zoom > view.zoom / DRAFT && covers(view.boxOf(one.view), view.box),
    );
  }

  /** Draw what is known, the coarsest first. */
  draw() {
    const { context, view, canvas } = this;
    if (!view) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.save();
    context.beginPath();
    const { left, top, width, height } = view.box;
    context.rect(left, top, width, height);
    context.clip();
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    for (const one of this.known) {
      const box = view.boxOf(one.view);
      context.drawImage(one.image, box.left, box.top, box.width, box.height);
    }
    context.restore();
  }

  /**
   * Remember an image, and of those before it the last that shows the whole picture.
   * @param {HTMLCanvasElement} image
   * @param {View} view
   */
  keep(image, view) {
    const whole = this.known.filter((one) => one.view.isWhole).at(-1);
    this.known = [...(whole && !view.isWhole ? [whole] : []), { image, view }];
  }

  /** Make the canvas as large as its place on the screen, in device pixels. */
  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    const most = Math.sqrt(LARGEST_SCREEN / Math.max(1, clientWidth * clientHeight));
    const density = Math.min(window.devicePixelRatio || 1, most);
    this.canvas.width = Math.max(1, Math.round(clientWidth * density));
    this.canvas.height = Math.max(1, Math.round(clientHeight * density));
  }

  /** @returns {Size} */
  get screen() {
    return { width: this.canvas.width, height: this.canvas.height };
  }

  /**
   * A point of the page, in the canvas's own pixels.
   * @param {{clientX: number, clientY: number}} event
   */
  pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const x = ((clientX - left) * this.canvas.width) / width;
    return { x, y: ((clientY - top) * this.canvas.height) / height };
  }
}

/**
 * A size of the same shape with no more pixels than given.
 * @param {Size} size
 * @param {number} pixels
 */
function smaller({ width, height }, pixels) {
  const scale = Math.min(1, Math.sqrt(pixels / (width * height)));
  return {
    width: Math.max(1, Math.floor(width * scale)),
    height: Math.max(1, Math.floor(height * scale)),
  };
}

/**
 * Whether one box has all of another in it, but for a pixel at its edges.
 * @param {Box} one
 * @param {Box} other
 */
function covers(one, other) {
  return (
    one.left <= other.left + 1 &&
    one.top <= other.top + 1 &&
    one.left + one.width >= other.left + other.width - 1 &&
    one.top + one.height >= other.top + other.height - 1
  );
}
