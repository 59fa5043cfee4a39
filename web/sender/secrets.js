/** The secrets: a card each, with its key. */

import { Refusal, require } from "../receiver/refusal.js";
import { get, within } from "../shared/dom.js";
import { showThumbnail } from "./thumbnails.js";
import { size } from "./words.js";

/** @typedef {import("./server.js").Uploaded} Uploaded */

/** @typedef {{kind: "new"} | {kind: "passphrase" | "key", text: string}} GivenKey */

/**
 * @typedef {object} Changes what a card tells of
 * @property {(card: Card) => unknown} uploaded it is to be handed over, again perhaps
 * @property {(card: Card) => unknown} removed
 * @property {(work: () => unknown) => unknown} trying does something, and says what is wrong
 */

const LARGEST_KEY_FILE = 4096; // bytes

/** A secret on the page. */
export class Card {
  /**
   * @param {number} place
   * @param {File} file
   * @param {Changes} changes
   */
  constructor(place, file, changes) {
    this.place = place;
    this.file = file;
    /** Whether the server has it, and found it good. */
    this.good = false;
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("secret-card"));
    const fragment = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    /** @type {HTMLElement} */
    this.element = within(fragment, "li");
    this.select = /** @type {HTMLSelectElement} */ (this.part("select"));
    this.text = /** @type {HTMLInputElement} */ (this.part(".given > input"));
    this.exactly = /** @type {HTMLInputElement} */ (this.part(".exactly input"));
    this.listen(changes);
    this.label();
    get("secrets").append(this.element);
    void showThumbnail(this.part(".thumb"), file);
  }

  /** @param {string} selector */
  part(selector) {
    return within(this.element, selector);
  }

  /** @param {Changes} changes */
  listen(changes) {
    this.select.addEventListener("change", () => this.showField());
    this.exactly.addEventListener("change", () => changes.uploaded(this));
    this.part(".remove").addEventListener("click", () => changes.removed(this));
    this.part(".show").addEventListener("click", () => this.toggle());
    const chosen = /** @type {HTMLInputElement} */ (this.part(".file input"));
    chosen.addEventListener("change", () =>
      changes.trying(async () => {
        const file = chosen.files?.[0];
        chosen.value = "";
        if (file) this.text.value = await keyIn(file);
      }),
    );
  }

  /** Names for those who hear the page. */
  label() {
    const { name } = this.file;
    this.part(".name").textContent = name;
    this.select.setAttribute("aria-label", `Key of ${name}`);
    this.part(".remove").setAttribute("aria-label", `Remove ${name}`);
    this.part(".show").setAttribute("aria-label", `Show what is typed for ${name}`);
    this.exactly.setAttribute("aria-label", `Hide ${name} exactly, as a file`);
    this.part(".file input").setAttribute("aria-label", `Key file for ${name}`);
    this.showField();
  }

  showField() {
    const kind = this.select.value;
    this.part(".given").hidden = kind === "new";
    this.part(".file").hidden = kind !== "key";
    const what = kind === "passphrase" ? "Passphrase" : "Key or age recipient";
    this.text.setAttribute("aria-label", `${what} for ${this.file.name}`);
    this.text.placeholder =
      kind === "passphrase" ? "several random words" : "sirensong-key-\u2026 or age1\u2026";
    this.text.value = "";
  }

  toggle() {
    const shown = this.text.type === "password";
    this.text.type = shown ? "text" : "password";
    this.part(".show").setAttribute("aria-pressed", String(shown));
  }

  /** @param {Uploaded} uploaded */
  describe(uploaded) {
    const picture = uploaded.kind === "picture";
    this.good = true;
    this.part(".kind").textContent = picture
      ? `picture, ${uploaded.width}\u00d7${uploaded.height}`
      : `file, ${size(uploaded.bytes)}, comes back exactly`;
    this.part(".exactly").hidden = !picture && !this.exactly.checked;
    this.element.classList.remove("wrong");
  }

  /** @param {string} text what is wrong */
  fail(text) {
    this.good = false;
    this.part(".kind").textContent = text;
    this.part(".exactly").hidden = true;
    this.element.classList.add("wrong");
  }

  /** @returns {GivenKey} */
  key() {
    const kind = this.select.value;
    if (kind === "new") return { kind };
    require(this.text.value.trim() !== "", `${this.file.name} has no key yet`);
    return { kind: /** @type {"passphrase" | "key"} */ (kind), text: this.text.value };
  }
}

/**
 * The key, recipient or identity in a file, as the command reads it.
 * @param {File} file
 */
async function keyIn(file) {
  require(file.size <= LARGEST_KEY_FILE, `${file.name} is too large for a key file`);
  const lines = (await file.text()).split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line && !line.startsWith("#"));
  if (keys.length !== 1) throw new Refusal(`${file.name} has ${keys.length} keys, expected one`);
  return keys[0];
}
