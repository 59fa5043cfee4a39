/** Workers that render parts of pictures, each at one at a time; what is not begun can be dropped. */

import { Refusal } from "../receiver/refusal.js";
import { Responder } from "./responder.js";

/** @typedef {import("./responder.js").Request} Request */
/** @typedef {Uint8ClampedArray<ArrayBuffer>} Pixels */

/** @typedef {{across: Float64Array, down: Float64Array}} Places */
/** @typedef {{places: Places, lasting: boolean, done: (pixels: Pixels | null) => void,
 *   failed: (error: unknown) => void}} Job */

/** More take memory, a song each, and phones have little. */
const MOST_WORKERS = 8;

/**
 * One that answers requests: a worker, or the page itself where it can have none.
 * @typedef {{answer: (request: Request) => Promise<unknown>}} Answering
 */

/** A worker that runs the page's own script. */
class Hand {
  /** @param {string} address of the script */
  constructor(address) {
    this.worker = new Worker(address);
    this.number = 0;
    /** @type {Map<number, {resolve: (found: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.waiting.values()) reject(new Error("a worker has failed"));
      this.waiting.clear();
    };
  }

  /** @param {Request} request */
  answer(request) {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.number, { resolve, reject });
      this.worker.postMessage({ number: this.number, request });
    });
  }

  /** @param {{number: number, result?: unknown, refused?: boolean, message?: string, hint?: string}} said */
  hear(said) {
    const asked = this.waiting.get(said.number);
    this.waiting.delete(said.number);
    if (said.message === undefined) asked?.resolve(said.result);
    else
      asked?.reject(said.refused ? new Refusal(said.message, said.hint) : new Error(said.message));
  }
}

/** All hands, and the work that waits for one. */
export class Painter {
  /** @param {string} script the page's own, which a worker runs as well */
  constructor(script) {
    this.own = new Responder();
    /** @type {Answering[]} */
    this.hands = hire(script);
    /** @type {Answering[]} */
    this.free = [];
    /** @type {Job[]} */
    this.queue = [];
    this.ready = this.choose();
  }

  /** Do without workers where there are none, or where they have no cryptography. */
  async choose() {
    const asked = this.hands.map((hand) => hand.answer({ type: "ready" }));
    const able = await Promise.all(asked).catch(() => [false]);
    if (able.length === 0 || able.includes(false)) this.hands = [this.own];
    this.free = [...this.hands];
    // One is enough: it takes as many blocks as it can, and browsers count contexts of GPUs.
    await this.hands.at(-1)?.answer({ type: "gpu" });
  }

  /**
   * Tell every hand.
   * @param {Request} request
   */
  async tell(request) {
    this.drop();
    for (const { failed } of this.queue) {
      failed(new Refusal("another picture was chosen before this one was saved"));
    }
    this.queue = [];
    await this.ready;
    await Promise.all([...new Set([this.own, ...this.hands])].map((hand) => hand.answer(request)));
  }

  /**
   * Ask one of them what keeps it busy for long.
   * @param {Request} request
   */
  ask(request) {
    return this.hands[0].answer(request);
  }

  /**
   * What is rendered at once, by the page itself.
   * @param {Places} places
   */
  async first(places) {
    return /** @type {Pixels} */ (await this.own.answer({ type: "render", ...places }));
  }

  /**
   * Render when a hand is free.
   * @param {Places} places
   * @param {{lasting?: boolean}} [options] unless it is lasting, the work can be dropped
   * @returns {Promise<Pixels | null>} null: it was dropped
   */
  render(places, { lasting = false } = {}) {
    return new Promise((done, failed) => {
      this.queue.push({ places, lasting, done, failed });
      this.begin();
    });
  }

  /** Forget what was not begun, and is of a view that nobody sees any more. */
  drop() {
    for (const { lasting, done } of this.queue) if (!lasting) done(null);
    this.queue = this.queue.filter(({ lasting }) => lasting);
  }

  begin() {
    while (this.free.length > 0 && this.queue.length > 0) {
      const hand = /** @type {Answering} */ (this.free.pop());
      const { places, done, failed } = /** @type {Job} */ (this.queue.shift());
      const answered = hand.answer({ type: "render", ...places });
      answered
        .then((pixels) => done(/** @type {Pixels} */ (pixels)), failed)
        .finally(() => {
          this.free.push(hand);
          this.begin();
        });
    }
  }
}

/** @param {string} script */
function hire(script) {
  const count = Math.min(navigator.hardwareConcurrency || 2, MOST_WORKERS);
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  try {
    return Array.from({ length: count }, () => new Hand(address));
  } catch {
    return []; // a browser that allows none: the page renders by itself
  }
}
