/** What the page asks of its server, which is all that it asks of anybody. */

import { Refusal } from "../receiver/refusal.js";

/**
 * @typedef {object} Session
 * @property {string} token
 * @property {number} number of the page in this run
 * @property {number} largest bytes of an upload
 * @property {number} secrets at most
 * @property {string[]} qualities
 * @property {string[]} notes
 */

/**
 * @typedef {{kind: "file", bytes: number, notes: string[]}
 *   | {kind: "picture", width: number, height: number, notes: string[]}} Uploaded
 */

/**
 * @typedef {object} Estimate
 * @property {number} bytes of the song
 * @property {number} seconds
 * @property {[number, number] | null} psnr of cover and secrets, in dB
 * @property {number} capacity bytes of each file
 */

/** @typedef {{place: number, text: string, fingerprint: string}} MadeKey */

/**
 * @typedef {object} Row of the results; of a picture or of a file
 * @property {string} [picture]
 * @property {number | null} [psnr]
 * @property {number | null} [ssim]
 * @property {number} [rmse]
 * @property {number} [mae]
 * @property {string} [file]
 * @property {number} [bytes]
 * @property {number} [mended]
 * @property {number} [coded]
 */

/**
 * @typedef {{event: "progress", stage: string, step: number, steps: number, psnr: number[],
 *     tiles_done: number, tiles: number, seconds_left: number | null}
 *   | {event: "picture", png: string}
 *   | {event: "done", bytes: number, seconds: number, results: Row[], notes: string[]}
 *   | {event: "failed", error: string, hint: string | null}
 *   | {event: "cancelled"}} JobEvent
 */

const TRIES = 5;
const PAUSE = 1000; // milliseconds between two tries

export class Server {
  /** @param {string} token which stays in memory */
  constructor(token) {
    this.token = token;
  }

  /** A page begins. @returns {Promise<Session>} */
  async begin() {
    const session = /** @type {Session} */ (await this.ask("POST", "session"));
    this.token = session.token;
    return session;
  }

  /**
   * The page ends: nothing of it is to be kept.
   * @param {Session} session
   */
  leave({ number }) {
    const headers = { "x-sirensong-token": this.token };
    void fetch(`/session/${number}`, { method: "DELETE", headers, keepalive: true });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {BodyInit | object} [body] what is no blob goes as JSON
   * @returns {Promise<any>}
   */
  async ask(method, path, body) {
    return (await this.fetch(method, path, body)).json();
  }

  /**
   * @param {string} path
   * @returns {Promise<Blob>}
   */
  async download(path) {
    return (await this.fetch("GET", path)).blob();
  }

  /**
   * What happens to a job, to its end; a connection that was lost is taken up again.
   * @param {string} path
   * @returns {AsyncGenerator<JobEvent>}
   */
  async *events(path) {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        for await (const event of await this.stream(path)) {
          yield event;
          if (!["progress", "picture"].includes(event.event)) return;
          tries = 0;
        }
      } catch (error) {
        if (error instanceof Refusal && error.hint !== GONE) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    throw new Refusal("the server does not answer any more", GONE);
  }

  /**
   * @param {string} path
   * @returns {Promise<AsyncGenerator<JobEvent>>}
   */
  async stream(path) {
    const { body } = await this.fetch("GET", path);
    if (!body) throw new TypeError("a stream has no body");
    return parsed(body);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {BodyInit | object} [body]
   */
  async fetch(method, path, body) {
    const content = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
    const headers = { "x-sirensong-token": this.token };
    /** @type {Response} */
    let response;
    try {
      response = await fetch(`/${path}`, { method, headers, body: content, cache: "no-store" });
    } catch {
      throw new Refusal("the server does not answer", GONE);
    }
    if (response.ok) return response;
    const { error, hint } = await response.json().catch(() => ({ error: response.statusText }));
    throw new Refusal(error, hint ?? undefined);
  }
}

const GONE = "is the command sirensong serve still running?";

/**
 * Server-sent events: each is a line "data:" and an empty one.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<JobEvent>}
 */
async function* parsed(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (waiting + decoder.decode(value, { stream: true })).split("\n\n");
    waiting = blocks.pop() ?? "";
    for (const block of blocks) {
      if (block.startsWith("data: ")) yield JSON.parse(block.slice(6));
    }
  }
}
