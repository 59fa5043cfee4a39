/** The job: how far it is, how it looks by now, and what has come of it. */

import { Refusal } from "../receiver/refusal.js";
import { get, make } from "../shared/dom.js";
import { save } from "../viewer/saving.js";
import { decibels, decimals, duration, size } from "./words.js";

/** @typedef {import("./server.js").JobEvent} JobEvent */
/** @typedef {import("./server.js").MadeKey} MadeKey */
/** @typedef {import("./server.js").Row} Row */
/** @typedef {import("./server.js").Server} Server */

/** @type {Record<string, string>} */
const STAGES = { cover: "The cover alone", joint: "Cover and secrets together" };

/** A job on the page. */
export class Training {
  /**
   * @param {Server} server
   * @param {string} job
   * @param {string[]} names of the cover and the secrets
   * @param {number | undefined} expected seconds
   */
  constructor(server, job, names, expected) {
    this.server = server;
    this.path = `jobs/${job}`;
    this.names = names;
    this.expected = expected;
    this.began = Date.now();
    /** Keys that were not saved yet. */
    this.unsaved = 0;
    this.running = true;
    this.reset();
  }

  reset() {
    for (const id of ["render", "results-box", "keys", "songs", "again"]) get(id).hidden = true;
    for (const id of ["psnr", "notes", "key-buttons", "song-facts", "left"])
      get(id).replaceChildren();
    get("results").querySelector("tbody")?.replaceChildren();
    const bar = /** @type {HTMLProgressElement} */ (get("progress"));
    bar.hidden = false;
    bar.removeAttribute("value");
    get("cancel").hidden = false;
    get("stage").textContent = "Preparing";
    get("training-title").textContent = "Training";
    get("training").hidden = false;
    get("training-title").focus();
  }

  /**
   * Offer the keys that were made, which the server does not tell again.
   * @param {MadeKey[]} keys
   * @param {Map<number, string>} names of secrets by their places
   */
  offerKeys(keys, names) {
    const taken = new Set();
    this.unsaved = keys.length;
    for (const { place, text, fingerprint } of keys) {
      const stem = (names.get(place) ?? "secret").replace(/\.[^.]*$/, "") || "secret";
      const name = taken.has(stem) ? `${stem}-${place}.key` : `${stem}.key`;
      taken.add(stem);
      const button = make(
        "button",
        { type: "button", title: `fingerprint ${fingerprint}` },
        `Save ${name}`,
      );
      button.addEventListener("click", () => {
        save(new Blob([text]), name);
        if (!button.classList.contains("done")) this.unsaved -= 1;
        button.classList.add("done");
      });
      get("key-buttons").append(button);
    }
    get("keys").hidden = keys.length === 0;
  }

  /** Follow the job to its end. */
  async follow() {
    try {
      for await (const event of this.server.events(`${this.path}/events`)) this.take(event);
    } finally {
      this.running = false;
      get("cancel").hidden = true;
      get("again").hidden = false;
      get("progress").hidden = true;
    }
  }

  cancel() {
    return this.server.ask("DELETE", this.path);
  }

  /** @param {JobEvent} event */
  take(event) {
    if (event.event === "progress") this.progress(event);
    else if (event.event === "picture") this.picture(event.png);
    else if (event.event === "done") this.done(event);
    else this.stopped(event);
  }

  /** @param {JobEvent & {event: "progress"}} event */
  progress(event) {
    const tiles = event.tiles_done ? `, ${event.tiles_done} of ${event.tiles} tiles done` : "";
    get("stage").textContent = STAGES[event.stage];
    const { left, share } = this.time(event.seconds_left);
    const rest = left === null ? "" : `, about ${duration(left)} left`;
    get("left").textContent = `Step ${event.step} of ${event.steps}${tiles}${rest}`;
    if (share !== null) /** @type {HTMLProgressElement} */ (get("progress")).value = share;
    const rows = event.psnr.map((psnr, index) => [this.names[index], `${psnr.toFixed(1)} dB`]);
    get("psnr").replaceChildren(
      ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
    );
  }

  /**
   * @param {number | null} known seconds that are left, if the server knows by now
   * @returns {{left: number | null, share: number | null}}
   */
  time(known) {
    const spent = (Date.now() - this.began) / 1000;
    const guess = this.expected === undefined ? null : Math.max(0, this.expected - spent);
    const left = known ?? guess;
    return { left, share: left === null ? null : spent / Math.max(1, spent + left) };
  }

  /** @param {string} png in base64 */
  picture(png) {
    const image = /** @type {HTMLImageElement} */ (get("render"));
    image.src = `data:image/png;base64,${png}`;
    image.alt = `The cover, as the function renders it ${this.running ? "by now" : "in the end"}`;
    image.hidden = false;
  }

  /** @param {JobEvent & {event: "done"}} event */
  done(event) {
    get("training-title").textContent = "Done";
    get("stage").textContent = `Made in ${duration(event.seconds)}, read back and measured.`;
    get("left").textContent = "";
    get("psnr").replaceChildren();
    get("results")
      .querySelector("tbody")
      ?.append(...event.results.map(row));
    get("results-box").hidden = false;
    get("notes").replaceChildren(...event.notes.map((note) => make("li", {}, `${note}.`)));
    get("songs").hidden = false;
    get("song-facts").textContent =
      `${size(event.bytes)}. The page shows it in any browser, and reveals with a key.`;
    get("training-title").focus();
  }

  /** @param {JobEvent & {event: "failed" | "cancelled"}} event */
  stopped(event) {
    get("stage").textContent = event.event === "cancelled" ? "Cancelled. Nothing is kept." : "";
    get("training-title").textContent = event.event === "cancelled" ? "Cancelled" : "Failed";
    get("keys").hidden = true;
    this.unsaved = 0;
    if (event.event === "failed") throw new Refusal(event.error, event.hint ?? undefined);
  }

  /** @param {"song.safetensors" | "song.html"} name */
  async save(name) {
    save(await this.server.download(`${this.path}/${name}`), name);
  }
}

/** @param {Row} found */
function row(found) {
  if (found.file !== undefined) {
    const text = `came back exactly; ${found.mended} of ${found.coded} bytes of its code were mended`;
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, found.file),
      make("td", { colspan: "4" }, text),
    );
  }
  const numbers = [
    decibels(found.psnr ?? null),
    decimals(found.ssim ?? null, 4),
    decimals(found.rmse ?? null),
    decimals(found.mae ?? null),
  ];
  const name = make("th", { scope: "row" }, found.picture ?? "");
  return make("tr", {}, name, ...numbers.map((number) => make("td", {}, number)));
}
