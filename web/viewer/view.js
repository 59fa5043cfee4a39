/** Which part of a picture is seen, and where its pixels lie in it. */

/** @typedef {{width: number, height: number}} Size */
/** @typedef {{left: number, top: number, width: number, height: number}} Box */

/** Screen pixels a pixel of the picture, at most: beyond, a function of 8-bit colours is flat. */
const LARGEST_ZOOM = 64;

/** A view does not change; what moves or zooms it makes another one. */
export class View {
  /**
   * @param {Size} picture in its own pixels
   * @param {Size} screen in device pixels
   * @param {number} zoom screen pixels a pixel of the picture
   * @param {number} x what lies in the middle of the screen, in pixels of the picture
   * @param {number} y
   */
  constructor(picture, screen, zoom, x, y) {
    this.picture = picture;
    this.screen = screen;
    this.zoom = zoom;
    this.x = x;
    this.y = y;
  }

  /**
   * The whole picture, as large as the screen allows.
   * @param {Size} picture
   * @param {Size} screen
   */
  static whole(picture, screen) {
    const zoom = wholeZoom(picture, screen);
    return new View(picture, screen, zoom, picture.width / 2, picture.height / 2);
  }

  get isWhole() {
    return this.zoom <= wholeZoom(this.picture, this.screen);
  }

  /**
   * Larger or smaller, while one point of the screen stays where it is.
   * @param {number} factor
   * @param {{x: number, y: number}} [point] of the screen; its middle unless it is given
   */
  zoomed(factor, { x, y } = { x: this.screen.width / 2, y: this.screen.height / 2 }) {
    const least = wholeZoom(this.picture, this.screen);
    const zoom = clamp(this.zoom * factor, least, Math.max(least, LARGEST_ZOOM));
    const [dx, dy] = [x - this.screen.width / 2, y - this.screen.height / 2];
    const shift = 1 / this.zoom - 1 / zoom;
    return this.to(zoom, this.x + dx * shift, this.y + dy * shift);
  }

  /**
   * Moved as if the picture were dragged.
   * @param {number} dx in screen pixels
   * @param {number} dy
   */
  moved(dx, dy) {
    return this.to(this.zoom, this.x - dx / this.zoom, this.y - dy / this.zoom);
  }

  /**
   * The same part on another screen.
   * @param {Size} screen
   */
  on(screen) {
    if (this.isWhole) return View.whole(this.picture, screen);
    return new View(this.picture, screen, this.zoom, this.x, this.y).moved(0, 0);
  }

  /**
   * A step of the way to another view of the same picture.
   * @param {View} other
   * @param {number} share of the way
   */
  towards(other, share) {
    const zoom = this.zoom * (other.zoom / this.zoom) ** share;
    if (share >= 1 || other.zoom === this.zoom) {
      const [x, y] = [this.x + share * (other.x - this.x), this.y + share * (other.y - this.y)];
      return new View(this.picture, this.screen, zoom, x, y);
    }
    // The point that stays where it is goes on staying there: places go with 1 / zoom.
    const way = (1 / zoom - 1 / this.zoom) / (1 / other.zoom - 1 / this.zoom);
    const [x, y] = [this.x + way * (other.x - this.x), this.y + way * (other.y - this.y)];
    return new View(this.picture, this.screen, zoom, x, y);
  }

  /**
   * @param {View} other
   */
  isNear(other) {
    const ratio = other.zoom / this.zoom;
    const distance = Math.hypot(other.x - this.x, other.y - this.y) * other.zoom;
    return ratio > 0.998 && ratio < 1.002 && distance < 0.5;
  }

  /** Where the picture lies on the screen, in whole screen pixels that show some of it. */
  get box() {
    const { picture, screen } = this;
    const [left, right] = span(this.x, this.zoom, picture.width, screen.width);
    const [top, bottom] = span(this.y, this.zoom, picture.height, screen.height);
    return { left, top, width: right - left, height: bottom - top };
  }

  /**
   * Where the pixels of a box lie in the picture, from 0 to 2 for each tile.
   * @param {Box} box of the screen
   * @param {{columns: number, rows: number}} grid
   * @param {{step?: number, pixels?: boolean}} [options] `step`: every so many screen pixels;
   *   `pixels`: all of a pixel of the picture is where its centre is
   */
  places(box, { columns, rows }, { step = 1, pixels = false } = {}) {
    /**
     * @param {number} from
     * @param {number} size
     * @param {number} middle
     * @param {number} whole
     * @param {number} screen
     * @param {number} tiles
     */
    const side = (from, size, middle, whole, screen, tiles) =>
      Float64Array.from({ length: Math.ceil(size / step) }, (_, i) => {
        const place = middle + (from + (i + 0.5) * step - screen / 2) / this.zoom;
        const inside = clamp(place, 0, whole);
        const chosen = pixels ? Math.min(Math.floor(inside), whole - 1) + 0.5 : inside;
        return (2 * tiles * chosen) / whole;
      });
    const { picture, screen } = this;
    return {
      across: side(box.left, box.width, this.x, picture.width, screen.width, columns),
      down: side(box.top, box.height, this.y, picture.height, screen.height, rows),
    };
  }

  /**
   * Where another view's screen lies on this one's.
   * @param {View} other of the same picture
   * @returns {Box}
   */
  boxOf(other) {
    const ratio = this.zoom / other.zoom;
    const width = other.screen.width * ratio;
    const height = other.screen.height * ratio;
    return {
      left: this.screen.width / 2 + (other.x - this.x) * this.zoom - width / 2,
      top: this.screen.height / 2 + (other.y - this.y) * this.zoom - height / 2,
      width,
      height,
    };
  }

  /**
   * The nearest view that keeps the picture on the screen.
   * @param {number} zoom
   * @param {number} x
   * @param {number} y
   */
  to(zoom, x, y) {
    const { picture, screen } = this;
    const [halfX, halfY] = [screen.width / 2 / zoom, screen.height / 2 / zoom];
    const [middleX, middleY] = [within(x, halfX, picture.width), within(y, halfY, picture.height)];
    return new View(picture, screen, zoom, middleX, middleY);
  }
}

/**
 * The squares of a box, from the middle outwards.
 * @param {Box} box
 * @param {number} side
 * @returns {Box[]}
 */
export function blocks(box, side) {
  const found = [];
  for (let top = box.top; top < box.top + box.height; top += side) {
    for (let left = box.left; left < box.left + box.width; left += side) {
      const width = Math.min(side, box.left + box.width - left);
      const height = Math.min(side, box.top + box.height - top);
      found.push({ left, top, width, height });
    }
  }
  /** @param {Box} one */
  const distance = (one) =>
    Math.hypot(
      one.left + one.width / 2 - box.left - box.width / 2,
      one.top + one.height / 2 - box.top - box.height / 2,
    );
  return found.sort((a, b) => distance(a) - distance(b));
}

/**
 * @param {Size} picture
 * @param {Size} screen
 */
function wholeZoom(picture, screen) {
  return Math.min(screen.width / picture.width, screen.height / picture.height);
}

/**
 * The screen pixels of one side that show some of the picture.
 * @param {number} middle
 * @param {number} zoom
 * @param {number} picture
 * @param {number} screen
 */
function span(middle, zoom, picture, screen) {
  const from = screen / 2 - middle * zoom;
  const low = clamp(Math.round(from), 0, screen);
  return [low, clamp(Math.round(from + picture * zoom), low, screen)];
}

/**
 * A middle that leaves no more empty room than the picture's size asks for.
 * @param {number} middle
 * @param {number} half of the screen, in pixels of the picture
 * @param {number} size
 */
function within(middle, half, size) {
  return 2 * half >= size ? size / 2 : clamp(middle, half, size - half);
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
