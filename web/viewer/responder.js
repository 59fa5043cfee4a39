/** What a worker does with what it is told: opens a song, unlocks it, renders parts of pictures. */

import { kernel as binary } from "../build/binaries.js";
import { compete } from "../kernel/contest.js";
import { findGpu } from "../kernel/gpu.js";
import { openKernel } from "../kernel/kernel.js";
import { fromBase64 } from "../receiver/bytes.js";
import { Carrier } from "../receiver/carrier.js";
import { readMask } from "../receiver/mask.js";
import { Refusal } from "../receiver/refusal.js";
import { renderBlock } from "../receiver/rendering.js";
import { forcedFunction, revealFile, secretFunction, unlock } from "../receiver/reveal.js";

/** @typedef {import("../receiver/bytes.js").Bytes} Bytes */
/** @typedef {import("../receiver/keys.js").Key} Key */
/** @typedef {import("../receiver/rendering.js").Func} Func */
/** @typedef {import("../receiver/reveal.js").Unlocked} Unlocked */

/**
 * Which picture of a song is meant.
 * @typedef {{kind: "cover"} | {kind: "secret", unlocked: Unlocked, mask: Bytes | null}
 *   | {kind: "forced", key: Key, memory: number, mask: Bytes | null}} Showing
 */

/**
 * @typedef {{type: "open", fields: import("../receiver/carrier.js").Fields,
 *   tensors: import("../receiver/carrier.js").Tensors}
 *   | {type: "ready"}
 *   | {type: "gpu"}
 *   | {type: "show", showing: Showing}
 *   | {type: "unlock", keys: Key[], memory: number}
 *   | {type: "file", unlocked: Unlocked, mask: Bytes | null}
 *   | {type: "render", across: Float64Array, down: Float64Array}} Request
 */

/** Bytes of weights that are kept, so that what is seen again needs no key stream again. */
const KEPT = 96 * 2 ** 20;

/** Answers requests, one after the other. */
export class Responder {
  constructor() {
    this.kernel = openKernel(fromBase64(binary));
    /** @type {import("../kernel/gpu.js").Attempt | null} */
    this.gpu = null;
    /** @type {import("../receiver/rendering.js").Evaluate | null} */
    this.evaluate = null;
    /** @type {Carrier | null} */
    this.carrier = null;
    /** @type {Func | null} */
    this.func = null;
    /** @type {Promise<unknown>} */
    this.last = Promise.resolve();
  }

  /**
   * @param {Request} request
   * @returns {Promise<unknown>}
   */
  answer(request) {
    const found = this.last.then(() => this.work(request));
    this.last = found.catch(() => undefined); // told to who asked
    return found;
  }

  /** @param {Request} request */
  async work(request) {
    if (request.type === "ready") return Boolean(globalThis.crypto?.subtle);
    if (request.type === "gpu") {
      this.gpu = findGpu();
      return null;
    }
    const kernel = await this.kernel;
    if (request.type === "open") {
      this.evaluate = compete(kernel, this.gpu);
      this.carrier = new Carrier(request.fields, request.tensors);
      this.func = kept(this.carrier);
      return null;
    }
    const { carrier, func, evaluate } = this;
    if (!carrier || !func || !evaluate) throw new TypeError("no song is open");
    switch (request.type) {
      case "unlock":
        return unlock(carrier, request.keys, request.memory);
      case "show":
        this.func = kept(await functionOf(carrier, request.showing));
        return null;
      case "file":
        return revealFile(carrier, request.unlocked, kernel, await maskOf(request.mask));
      case "render":
        return renderBlock(func, request.across, request.down, evaluate);
    }
  }
}

/**
 * Answer what a page asks of its worker.
 * @param {{onmessage: unknown, postMessage: (said: object, moved?: Transferable[]) => void}} scope
 */
export function respond(scope) {
  const responder = new Responder();
  /** @param {MessageEvent<{number: number, request: Request}>} event */
  scope.onmessage = async ({ data: { number, request } }) => {
    try {
      const result = await responder.answer(request);
      const moved = result instanceof Uint8ClampedArray ? [result.buffer] : [];
      scope.postMessage({ number, result }, moved);
    } catch (error) {
      const { message, hint } = /** @type {Refusal} */ (error);
      scope.postMessage({ number, refused: error instanceof Refusal, message, hint });
    }
  };
}

/**
 * @param {Carrier} carrier
 * @param {Showing} showing
 * @returns {Promise<Func>}
 */
async function functionOf(carrier, showing) {
  if (showing.kind === "cover") return carrier;
  const mask = await maskOf(showing.mask);
  if (showing.kind === "secret") return secretFunction(carrier, showing.unlocked, mask);
  return forcedFunction(carrier, showing.key, { memory: showing.memory, mask });
}

/** @param {Bytes | null} bytes */
async function maskOf(bytes) {
  return bytes && readMask(bytes);
}

/**
 * A function that remembers its tiles' weights.
 * @param {Func} func
 * @returns {Func}
 */
function kept(func) {
  /** @type {Map<number, Float32Array<ArrayBuffer>>} */
  const memory = new Map();
  return {
    rows: func.rows,
    columns: func.columns,
    shapes: func.shapes,
    async weights(tile) {
      const known = memory.get(tile);
      if (known) return known;
      const weights = await func.weights(tile);
      if ((memory.size + 1) * weights.byteLength > KEPT) memory.clear();
      memory.set(tile, weights);
      return weights;
    },
  };
}
