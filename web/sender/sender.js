/** The page on which pictures and files are hidden: by this machine's own server. */

import { Refusal, require } from "../receiver/refusal.js";
import { get, make, sentence } from "../shared/dom.js";
import { acceptFiles, forbidOtherDrops } from "./drops.js";
import { Qualities } from "./qualities.js";
import { Card } from "./secrets.js";
import { Server } from "./server.js";
import { showThumbnail } from "./thumbnails.js";
import { Training } from "./training.js";

/** @typedef {import("./server.js").MadeKey} MadeKey */
/** @typedef {import("./server.js").Session} Session */
/** @typedef {import("./server.js").Uploaded} Uploaded */

const COVER = 0;

/** The page: what was dropped, what is made of it, what was said. */
class Sender {
  /**
   * @param {Server} server
   * @param {Session} session
   */
  constructor(server, session) {
    this.server = server;
    this.session = session;
    this.qualities = new Qualities(server, session.qualities);
    /** @type {string | null} */
    this.cover = null;
    /** @type {Card[]} */
    this.cards = [];
    /** @type {Training | null} */
    this.training = null;
    this.uploads = 0;
  }

  start() {
    const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (get(id));
    acceptFiles(sectionOf("cover-drop"), input("cover-file"), ([file]) =>
      this.try(() => this.takeCover(file)),
    );
    acceptFiles(sectionOf("secrets-drop"), input("secret-files"), (files) =>
      this.try(() => this.takeSecrets(files)),
    );
    get("order").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.try(() => this.begin());
    });
    get("cancel").addEventListener("click", () => this.try(() => this.training?.cancel()));
    get("again").addEventListener("click", () => this.change());
    get("save-song").addEventListener("click", () => this.save("song.safetensors"));
    get("save-page").addEventListener("click", () => this.save("song.html"));
    addEventListener("beforeunload", (event) => {
      if (this.training?.running || this.training?.unsaved) event.preventDefault();
    });
    addEventListener("pagehide", () => this.server.leave(this.session));
    this.hint(this.session.notes);
    this.ready();
  }

  /** @param {File} file */
  async takeCover(file) {
    const uploaded = await this.upload(COVER, file, false);
    if (uploaded.kind !== "picture") throw new Refusal("a cover is a picture");
    this.cover = file.name;
    const thumb = make("div", { class: "thumb large" });
    const name = make("p", { class: "name" }, file.name);
    const kind = `${uploaded.width}\u00d7${uploaded.height}`;
    get("cover").replaceChildren(thumb, name, make("p", { class: "quiet" }, kind));
    get("cover").hidden = false;
    await showThumbnail(thumb, file);
    this.changed();
  }

  /** @param {File[]} files */
  async takeSecrets(files) {
    for (const file of files) {
      const place = this.freePlace();
      const card = new Card(place, file, {
        uploaded: (changed) => this.try(() => this.handOver(changed)),
        removed: (gone) => this.try(() => this.remove(gone)),
        trying: (work) => this.try(work),
      });
      this.cards.push(card);
      get("secrets").hidden = false;
      await this.handOver(card);
    }
  }

  freePlace() {
    const taken = new Set(this.cards.map(({ place }) => place));
    for (let place = 1; place <= this.session.secrets; place++) {
      if (!taken.has(place)) return place;
    }
    throw new Refusal(`a song has ${this.session.secrets} secrets at most`);
  }

  /** @param {Card} card */
  async handOver(card) {
    try {
      card.describe(await this.upload(card.place, card.file, card.exactly.checked));
    } catch (error) {
      card.fail(error instanceof Refusal ? error.message : String(error));
      throw error;
    } finally {
      this.changed();
    }
  }

  /** @param {Card} card */
  async remove(card) {
    this.cards = this.cards.filter((other) => other !== card);
    card.element.remove();
    get("secrets").hidden = this.cards.length === 0;
    get("secret-files").focus();
    this.changed();
    await this.server.ask("DELETE", `pictures/${card.place}`);
  }

  /**
   * @param {number} place
   * @param {File} file
   * @param {boolean} exactly
   * @returns {Promise<Uploaded>}
   */
  async upload(place, file, exactly) {
    require(file.size <= this.session.largest, `${file.name} is too large`);
    const query = new URLSearchParams({ name: file.name, ...(exactly ? { exactly: "" } : {}) });
    this.uploads += 1;
    this.ready();
    try {
      return await this.server.ask("PUT", `pictures/${place}?${query}`, file);
    } finally {
      this.uploads -= 1;
      this.ready();
    }
  }

  /** What would be made is another thing now. */
  changed() {
    this.ready();
    const good = this.cover !== null && this.uploads === 0 && this.cards.every(({ good }) => good);
    const places = good ? this.cards.map(({ place }) => place) : null;
    void this.try(() => this.qualities.estimate(places), false);
  }

  ready() {
    const good = this.cards.length > 0 && this.cards.every((card) => card.good);
    const able = good && this.cover !== null && this.uploads === 0;
    /** @type {HTMLButtonElement} */ (get("start")).disabled = !able;
  }

  /** Have it made. */
  async begin() {
    const secrets = this.cards.map((card) => ({ place: card.place, key: card.key() }));
    const quality = this.qualities.chosen;
    const expected = this.qualities.known.get(quality)?.seconds;
    const started = await this.server.ask("POST", "jobs", { quality, secrets });
    const names = new Map(this.cards.map(({ place, file }) => [place, file.name]));
    /** @type {HTMLFieldSetElement} */ (get("wishes")).disabled = true;
    get("order").hidden = true;
    void this.qualities.estimate(null);
    this.say("");
    const all = [this.cover ?? "cover", ...names.values()];
    this.training = new Training(this.server, started.job, all, expected);
    this.training.offerKeys(/** @type {MadeKey[]} */ (started.keys), names);
    this.hint([...this.session.notes, ...started.notes]);
    await this.training.follow();
  }

  /** Back to what was dropped. */
  change() {
    const lost = this.training?.unsaved ?? 0;
    if (lost && !confirm("Keys were not saved, and will be gone. Go on?")) return;
    this.training = null;
    get("training").hidden = true;
    get("order").hidden = false;
    /** @type {HTMLFieldSetElement} */ (get("wishes")).disabled = false;
    this.say("");
    get("start").focus();
    this.changed();
  }

  /** @param {"song.safetensors" | "song.html"} name */
  save(name) {
    return this.try(() => this.training?.save(name));
  }

  /** @param {string[]} notes which are neither results nor mistakes */
  hint(notes) {
    get("hints").replaceChildren(...notes.map((note) => make("li", {}, sentence(note))));
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
   * Do something, and say what is wrong with it.
   * @param {() => unknown} work
   * @param {boolean} [asked] whether the user has asked for it, so that what was said is old
   */
  async try(work, asked = true) {
    if (asked) this.say("");
    try {
      await work();
    } catch (error) {
      this.say(textOf(error), true);
    }
  }
}

/** @param {string} id */
function sectionOf(id) {
  return /** @type {HTMLElement} */ (get(id).closest("section"));
}

/** @param {unknown} error */
function textOf(error) {
  if (!(error instanceof Refusal)) console.error(error);
  const { message, hint } = /** @type {Refusal} */ (error);
  return sentence(message) + (hint ? ` ${sentence(hint).replace("?.", "?")}` : "");
}

async function main() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  forbidOtherDrops();
  const server = new Server(token);
  try {
    if (!token) {
      throw new Refusal(
        "this page needs its address",
        "open the one that sirensong serve has printed",
      );
    }
    new Sender(server, await server.begin()).start();
  } catch (error) {
    get("message").textContent = textOf(error);
    get("message").classList.add("wrong");
    /** @type {HTMLFieldSetElement} */ (get("wishes")).disabled = true;
    /** @type {HTMLButtonElement} */ (get("start")).disabled = true;
  }
}

void main();
