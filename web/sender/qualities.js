/** The qualities to choose from, each with what it makes and takes. */

import { Refusal } from "../receiver/refusal.js";
import { get, make } from "../shared/dom.js";
import { duration, size } from "./words.js";

/** @typedef {import("./server.js").Estimate} Estimate */
/** @typedef {import("./server.js").Server} Server */

const USUAL = "standard";
const CALM = 300; // milliseconds without a change before anything is estimated

export class Qualities {
  /**
   * @param {Server} server
   * @param {string[]} names
   */
  constructor(server, names) {
    this.server = server;
    /** @type {Map<string, HTMLElement>} */
    this.facts = new Map();
    /** @type {Map<string, Estimate>} */
    this.known = new Map();
    /** @type {number[] | null} */
    this.wanted = null;
    this.round = 0;
    this.finished = 0;
    this.busy = false;
    for (const name of names) this.add(name);
  }

  /** @param {string} name */
  add(name) {
    const radio = make("input", {
      type: "radio",
      name: "quality",
      value: name,
      id: `quality-${name}`,
    });
    radio.checked = name === USUAL;
    const facts = make("span", { class: "facts quiet", id: `facts-${name}` });
    radio.setAttribute("aria-describedby", facts.id);
    const title = make("span", { class: "title" }, name);
    get("qualities").append(make("label", { class: "choice", for: radio.id }, radio, title, facts));
    this.facts.set(name, facts);
  }

  get chosen() {
    const checked = document.querySelector("input[name=quality]:checked");
    return /** @type {HTMLInputElement} */ (checked).value;
  }

  /**
   * Estimate all of them anew; what is under way for something else is given up.
   * @param {number[] | null} places of the secrets; null if there is nothing to estimate
   */
  async estimate(places) {
    this.wanted = places;
    this.round += 1;
    this.known.clear();
    for (const facts of this.facts.values()) facts.replaceChildren();
    this.say(places ? "Measuring how fast this machine is\u2026" : "Estimates come with a cover.");
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.finished !== this.round) await this.pass(this.round, this.wanted);
    } finally {
      this.busy = false;
    }
  }

  /**
   * @param {number} round which ends this pass when it is over
   * @param {number[] | null} places
   */
  async pass(round, places) {
    if (places) {
      await new Promise((resolve) => setTimeout(resolve, CALM));
      for (const [name, facts] of this.ordered()) {
        if (round !== this.round) return;
        const asked = { quality: name, secrets: places };
        const found = await this.server.ask("POST", "estimates", asked).catch((error) => error);
        if (round !== this.round) return;
        if (found instanceof Refusal) facts.textContent = found.message;
        else if (found instanceof Error) throw found;
        else this.show(name, facts, found, places.length);
        facts.classList.toggle("wrong", found instanceof Refusal);
      }
      this.say("Sizes and times are estimates; PSNR is what two photographs have.");
    }
    this.finished = round;
  }

  /** Each quality, the chosen one first. */
  ordered() {
    const { chosen } = this;
    return [...this.facts].sort(
      ([one], [other]) => Number(other === chosen) - Number(one === chosen),
    );
  }

  /**
   * @param {string} name
   * @param {HTMLElement} facts
   * @param {Estimate} estimate
   * @param {number} secrets
   */
  show(name, facts, estimate, secrets) {
    this.known.set(name, estimate);
    const parts = [`about ${size(estimate.bytes)}`, `about ${duration(estimate.seconds)}`];
    if (estimate.psnr) parts.push(`${estimate.psnr.map(Math.round).join(" / ")} dB`);
    parts.push(`${secrets > 1 ? "files of" : "a file of"} ${size(estimate.capacity)} at most`);
    facts.replaceChildren(...parts.map((part) => make("span", {}, part)));
  }

  /** @param {string} text */
  say(text) {
    get("estimate-state").textContent = text;
  }
}
