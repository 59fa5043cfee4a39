/** The page on which anybody sees a song's cover, and a key holder what is theirs. */

import { readCarrier } from "../receiver/carrier.js";
import { keysOfFile, keysOfText, USUAL_MEMORY } from "../receiver/keys.js";
import { readMask } from "../receiver/mask.js";
import { Refusal } from "../receiver/refusal.js";
import { MAGNITUDE } from "../receiver/slots.js";
import { get, make, sentence } from "../shared/dom.js";
import { listen, showWhole, zoomIn, zoomOut } from "./gestures.js";
import { Painter } from "./painter.js";
import { respond } from "./responder.js";
import { heightOf, pngOf, save } from "./saving.js";
import { bytesOf, fetchSong, kindOf, ownSong } from "./songs.js";
import { Stage } from "./stage.js";

/** @typedef {import("../receiver/bytes.js").Bytes} Bytes */
/** @typedef {import("../receiver/carrier.js").Carrier} Carrier */
/** @typedef {import("../receiver/files.js").HiddenFile} HiddenFile */
/** @typedef {import("../receiver/keys.js").Key} Key */
/** @typedef {import("../receiver/reveal.js").Unlocked} Unlocked */
/** @typedef {import("./responder.js").Showing} Showing */

/** The page: what is open, what is seen, what was said. */
class Viewer {
  /** @param {string} script the page's own, which its workers run too */
  constructor(script) {
    this.painter = new Painter(script);
    const canvas = /** @type {HTMLCanvasElement} */ (get("canvas"));
    this.stage = new Stage(canvas, this.painter, ({ zoom }) => {
      get("zoom").textContent = zoom < 1 ? `${Math.round(100 * zoom)} %` : `${round(zoom)}\u00d7`;
    });
    /** @type {Carrier | null} */
    this.carrier = null;
    /** @type {Unlocked | null} */
    this.unlocked = null;
    /** What is seen besides the cover, once a key was given. @type {Showing} */
    this.other = { kind: "cover" };
    /** What a saved picture is called. */
    this.name = "cover";
    /** @type {Key[] | null} */
    this.fileKeys = null;
    /** @type {Bytes | null} */
    this.mask = null;
    /** @type {HiddenFile | null} */
    this.file = null;
    this.own = ownSong();
    /** @type {Promise<void>} */
    this.turn = Promise.resolve();
  }

  start() {
    listen(this.stage);
    addEventListener("resize", () => this.stage.resized());
    this.button("zoom-in", () => zoomIn(this.stage));
    this.button("zoom-out", () => zoomOut(this.stage));
    this.button("whole", () => showWhole(this.stage));
    this.button("pixels", () => this.stage.setAsPixels(toggle("pixels")));
    this.button("key-shown", () => {
      input("key").type = toggle("key-shown") ? "text" : "password";
    });
    this.button("force", () => this.force());
    this.submitted("key-form", () => this.reveal());
    this.submitted("save-form", () => this.savePicture());
    this.submitted("file-form", () => this.saveFile());
    this.submitted("address-form", () => this.openAddress(input("address").value.trim()));
    for (const id of ["show-cover", "show-secret"]) {
      get(id).addEventListener("change", () => this.try(() => this.choose()));
    }
    for (const id of ["song-file", "key-file", "mask-file"]) {
      get(id).addEventListener("change", () => this.try(() => this.takeFiles(input(id))));
    }
    input("key").addEventListener("input", () => this.forgetFileKey());
    get("width").addEventListener("input", () => this.sayHeight());
    this.acceptDrops();
    get("invitation").hidden = this.own !== null;
    const address = decodeURIComponent(location.hash.slice(1));
    if (this.own) void this.try(() => this.open(/** @type {Bytes} */ (this.own)));
    else if (address) void this.try(() => this.openAddress(address));
  }

  /** @param {Bytes} bytes of a song */
  async open(bytes) {
    const carrier = readCarrier(bytes);
    await this.painter.tell({ type: "open", fields: carrier.fields, tensors: carrier.tensors });
    this.carrier = carrier;
    this.forget();
    get("invitation").hidden = true;
    get("tools").hidden = false;
    get("with-song").hidden = false;
    this.say("");
    this.sayFacts(bytes.length);
    await this.show({ kind: "cover" });
  }

  /** @param {string} address */
  async openAddress(address) {
    this.say("Fetching the song");
    await this.open(await fetchSong(address));
  }

  /** What the song's last key opened is of no use with another song. */
  forget() {
    this.unlocked = null;
    this.file = null;
    get("pictures").hidden = true;
    get("file-form").hidden = true;
    get("force").hidden = true;
  }

  async reveal() {
    const carrier = this.need();
    const keys = this.fileKeys ?? (await keysOfText(input("key").value));
    const memory = input("memory").valueAsNumber || USUAL_MEMORY;
    this.forget();
    this.say("Trying the key");
    const request = /** @type {const} */ ({ type: "unlock", keys, memory });
    const unlocked = /** @type {Unlocked | null} */ (await this.painter.ask(request));
    if (!unlocked) {
      this.other = { kind: "forced", key: keys[keys.length - 1], memory, mask: this.mask };
      get("force").hidden = false;
      throw new Refusal("there is no picture for this key in this song");
    }
    const needsMask = unlocked.slot.selection === MAGNITUDE;
    if (needsMask && this.mask) (await readMask(this.mask)).requireOf(carrier, unlocked.slot.units);
    const mask = needsMask ? this.mask : null;
    this.unlocked = unlocked;
    if (unlocked.slot.kind > 0) await this.revealFile(unlocked, mask);
    else await this.revealPicture({ kind: "secret", unlocked, mask });
  }

  /** @param {Showing & {kind: "secret"}} showing */
  async revealPicture(showing) {
    this.other = showing;
    await this.showOther("Secret");
    const { slot } = showing.unlocked;
    const changed = slot.intact ? "" : " The song's weights have changed since it was made.";
    this.say(`This key's picture, ${slot.width}\u00d7${slot.height} pixels.${changed}`);
  }

  /**
   * @param {Unlocked} unlocked
   * @param {Bytes | null} mask
   */
  async revealFile(unlocked, mask) {
    const found = await this.painter.ask({ type: "file", unlocked, mask });
    const file = /** @type {HiddenFile} */ (found);
    this.file = file;
    get("file-name").textContent =
      `${file.name}, ${file.content.length.toLocaleString("en")} bytes`;
    get("file-form").hidden = false;
    this.say("This key opens a hidden file.");
  }

  /** Show what a key that opens nothing makes of the song. */
  async force() {
    await this.showOther("Wrong key");
    this.say(
      "What this key makes of the function: the cover, distorted. Any wrong key shows such.",
    );
  }

  /** @param {string} name */
  async showOther(name) {
    get("secret-name").textContent = name;
    await this.show(this.other);
    get("pictures").hidden = false;
    input("show-secret").checked = true;
  }

  async choose() {
    await this.show(input("show-cover").checked ? { kind: "cover" } : this.other);
  }

  /** @param {Showing} showing */
  async show(showing) {
    const carrier = this.need();
    await this.painter.tell({ type: "show", showing });
    const { width, height } = showing.kind === "secret" ? showing.unlocked.slot : carrier;
    const picture = { width, height, rows: carrier.rows, columns: carrier.columns };
    input("show-cover").checked = showing.kind === "cover";
    input("width").value = String(width);
    this.name = showing.kind;
    const shown = showing.kind === "cover" ? "The cover picture" : "The picture of the key";
    get("canvas").setAttribute("aria-label", `${shown}, ${width} by ${height} pixels`);
    get("canvas").dataset.showing = showing.kind;
    void this.guard(() => this.stage.show(picture));
    this.sayHeight();
  }

  async savePicture() {
    const picture = this.stage.picture;
    if (!picture) throw new Refusal("no song is open");
    const width = input("width").valueAsNumber;
    heightOf(picture, width);
    const blob = await pngOf(this.painter, picture, width, (share) =>
      this.say(`Rendering ${Math.round(100 * share)} %`),
    );
    save(blob, `${this.name}.png`);
    this.say("The picture is saved.");
    void this.guard(() => this.stage.sharpen());
  }

  saveFile() {
    if (this.file) save(new Blob([this.file.content]), this.file.name);
  }

  /** @param {HTMLInputElement} chosen */
  async takeFiles(chosen) {
    for (const file of chosen.files ?? []) await this.take(file);
    chosen.value = ""; // the same file can be chosen again
  }

  /** @param {File} file a song, a key, identities or a mask */
  async take(file) {
    const bytes = await bytesOf(file);
    const kind = kindOf(bytes);
    if (kind === "song") {
      await this.open(bytes);
    } else if (kind === "mask") {
      await readMask(bytes);
      this.mask = bytes;
      get("mask-name").textContent = file.name;
    } else {
      this.fileKeys = await keysOfFile(bytes);
      input("key").value = "";
      get("key-name").textContent = file.name;
      if (this.carrier) await this.reveal();
    }
  }

  forgetFileKey() {
    this.fileKeys = null;
    get("key-name").textContent = "";
  }

  acceptDrops() {
    addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    addEventListener("dragleave", () => document.body.classList.remove("dropping"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      const files = [...(event.dataTransfer?.files ?? [])];
      void this.try(async () => {
        for (const file of files) await this.take(file);
      });
    });
  }

  need() {
    if (!this.carrier) throw new Refusal("no song is open", "drop one, or choose its file");
    return this.carrier;
  }

  sayHeight() {
    const { picture } = this.stage;
    const width = input("width").valueAsNumber;
    if (!picture || !(width >= 1)) return;
    const height = Math.max(1, Math.round((width * picture.height) / picture.width));
    get("height").textContent = `\u00d7 ${height}`;
  }

  /** @param {number} bytes of the song */
  sayFacts(bytes) {
    const { width, height, tiles, shapes } = this.need();
    const weights = shapes.reduce((sum, [outputs, inputs]) => sum + outputs * (inputs + 1), 0);
    const facts = {
      Cover: `${width}\u00d7${height} pixels`,
      Networks: `${tiles}, of ${shapes.length - 1} layers of ${shapes[0][0]}`,
      Weights: (tiles * weights).toLocaleString("en"),
      Song: `${bytes.toLocaleString("en")} bytes`,
    };
    get("facts").replaceChildren(
      ...Object.entries(facts).flatMap(([name, value]) => [
        make("dt", {}, name),
        make("dd", {}, value),
      ]),
    );
  }

  /**
   * @param {string} text
   * @param {boolean} [wrong]
   */
  say(text, wrong = false) {
    get("message").textContent = text;
    get("message").classList.toggle("wrong", wrong);
  }

  /**
   * Do something after what was asked before, and say what is wrong with it.
   * @param {() => unknown} work
   */
  try(work) {
    this.turn = this.turn.then(() => this.guard(work));
    return this.turn;
  }

  /**
   * Do something now, and say what is wrong with it.
   * @param {() => unknown} work
   */
  async guard(work) {
    document.body.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      const { message, hint } = /** @type {Refusal} */ (error);
      this.say(sentence(message) + (hint ? ` ${sentence(hint)}` : ""), true);
    } finally {
      document.body.removeAttribute("aria-busy");
    }
  }

  /**
   * @param {string} id
   * @param {() => unknown} work
   */
  button(id, work) {
    get(id).addEventListener("click", () => this.try(work));
  }

  /**
   * @param {string} id of a form
   * @param {() => unknown} work
   */
  submitted(id, work) {
    get(id).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.try(work);
    });
  }
}

/** @param {string} id */
function input(id) {
  return /** @type {HTMLInputElement} */ (get(id));
}

/**
 * @param {string} id of a button that stays pressed
 * @returns {boolean} whether it is pressed now
 */
function toggle(id) {
  const pressed = get(id).getAttribute("aria-pressed") !== "true";
  get(id).setAttribute("aria-pressed", String(pressed));
  return pressed;
}

/** @param {number} zoom */
function round(zoom) {
  return zoom < 10 ? zoom.toFixed(1) : zoom.toFixed(0);
}

if (typeof document === "undefined") {
  respond(/** @type {any} */ (globalThis));
} else {
  new Viewer(document.currentScript?.textContent ?? "").start();
}
