/** The viewer in real browsers: what people do with it, and what must not happen. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { assertAlike } from "../helpers.js";
import {
  expected,
  give,
  lastSaved,
  launch,
  message,
  NAMES,
  openPage,
  pixelsOf,
  placeOf,
  SONGS,
  serve,
  untilSaid,
  untilSharp,
} from "./browsers.js";

/** @typedef {import("puppeteer-core").Page} Page */

const AXE = readFileSync(
  new URL("../../node_modules/axe-core/axe.min.js", import.meta.url),
  "utf-8",
);

/**
 * The picture that is shown, saved at its own size.
 * @param {Page} page
 */
async function saved(page) {
  await page.click("#save-form button");
  return pixelsOf(await lastSaved(page));
}

/**
 * @param {Page} page
 * @param {string} name of a PNG among the songs
 */
async function assertShows(page, name) {
  const [found, wanted] = [await saved(page), expected(name)];
  assert.deepEqual([found.width, found.height], [wanted.width, wanted.height]);
  assertAlike([{ found: found.pixels, expected: wanted.pixels }]);
}

for (const name of NAMES) {
  suite(name, { skip: placeOf(name) ? false : `${name} is not installed` }, () => {
    /** @type {import("puppeteer-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof serve>>} */
    let server;
    before(async () => {
      browser = await launch(name);
      server = await serve();
    });
    after(async () => {
      server.close();
      await browser.close();
    });

    /**
     * @param {string} address
     * @param {(page: Page, requests: string[]) => Promise<void>} use
     */
    async function on(address, use) {
      const { page, trouble, requests } = await openPage(browser);
      try {
        await page.goto(address);
        await use(page, requests);
        assert.deepEqual(trouble, []);
      } finally {
        await page.close();
      }
    }

    /** @param {string} file */
    const disk = (file) => `file://${SONGS}/${file}`;
    /** @param {string} file */
    const local = (file) => `http://127.0.0.1:${server.port}/${file}`;

    for (const [where, address] of /** @type {const} */ ([
      ["a file", disk],
      ["a server", local],
    ])) {
      test(`from ${where}: cover, a key's picture, back, and no request`, async () => {
        await on(address("two-secrets.html"), async (page, requests) => {
          await untilSharp(page);
          await assertShows(page, "two-secrets.png");
          await give(page, "key-file", "two-secrets.disk.key");
          await untilSharp(page, "secret");
          await assertShows(page, "two-secrets.disk.png");
          await page.click("#show-cover");
          await untilSharp(page);
          await assertShows(page, "two-secrets.png");
          const others = requests.filter((one) => one !== address("two-secrets.html"));
          assert.deepEqual(others, []);
        });
      });
    }

    test("a wrong key says so, and shows its distorted cover when it is asked to", async () => {
      await on(disk("one-tile.html"), async (page) => {
        await give(page, "key-file", "one-tile.wrong.key");
        await untilSaid(page, /There is no picture for this key/);
        assert.equal(await page.$eval("#pictures", (one) => one.hasAttribute("hidden")), true);
        await page.click("#force");
        await untilSharp(page, "forced");
        await assertShows(page, "one-tile.wrong.png");
      });
    });

    test("a key's text is typed with the keyboard alone", async () => {
      await on(disk("two-secrets.html"), async (page) => {
        await untilSharp(page);
        const text = readFileSync(`${SONGS}/two-secrets.stripes.key`, "utf-8").trim().split("\n");
        for (let i = 0; i < 30; i++) {
          await page.keyboard.press("Tab");
          if (await page.evaluate(() => document.activeElement?.id === "key")) break;
        }
        await page.keyboard.type(text.at(-1) ?? "");
        await page.keyboard.press("Enter");
        await untilSharp(page, "secret");
        await assertShows(page, "two-secrets.stripes.png");
      });
    });

    test("a passphrase", async () => {
      await on(disk("passphrase.html"), async (page) => {
        await untilSharp(page);
        await page.type("#key", "Zwo\u0308lf Boxka\u0308mpfer");
        assert.equal(await page.$eval("#key", (field) => field.getAttribute("type")), "password");
        await page.click("#reveal");
        await untilSharp(page, "secret");
        await assertShows(page, "passphrase.secret.png");
      });
    });

    test("an identity of age", async () => {
      await on(disk("age-identity.html"), async (page) => {
        await give(page, "key-file", "age-identity.me.age");
        await untilSharp(page, "secret");
        await assertShows(page, "age-identity.me.png");
      });
    });

    test("a hidden file, saved byte for byte", async () => {
      await on(disk("note.html"), async (page) => {
        await give(page, "key-file", "note.k.key");
        await untilSaid(page, /hidden file/);
        assert.equal(
          await page.$eval("#file-name", (one) => one.textContent),
          "note.txt, 51 bytes",
        );
        await page.click("#file-form button");
        const content = new TextDecoder().decode(await lastSaved(page));
        assert.equal(content, "meet me at noon, ".repeat(3));
      });
    });

    test("a damaged song is one line", async () => {
      await on(disk("damaged.html"), async (page) => {
        await untilSaid(page, /./);
        assert.match((await message(page)) ?? "", /^(The|A) [^\n]+\.$/);
      });
    });

    test("zoom to 64 times and back, by keys, wheel and dragging", async () => {
      await on(disk("two-secrets.html"), async (page) => {
        await untilSharp(page);
        const zoom = () => page.$eval("#zoom", (output) => output.textContent);
        const first = await zoom();
        await page.focus("#canvas");
        for (let i = 0; i < 12; i++) await page.keyboard.press("+");
        await page.waitForFunction(
          () => document.getElementById("zoom")?.textContent === "64\u00d7",
        );
        await untilSharp(page);
        const before = await page.$eval("#canvas", pixelInTheMiddle);
        await page.mouse.move(200, 200);
        await page.mouse.down();
        await page.mouse.move(420, 380, { steps: 4 });
        await page.mouse.up();
        await page.keyboard.press("ArrowLeft");
        await new Promise((resolve) => setTimeout(resolve, 300));
        await untilSharp(page);
        assert.notDeepEqual(await page.$eval("#canvas", pixelInTheMiddle), before);
        await page.mouse.wheel({ deltaY: -300 });
        await page.keyboard.press("0");
        await page.waitForFunction(
          (wanted) => document.getElementById("zoom")?.textContent === wanted,
          {},
          first,
        );
      });
    });

    test("a screen reader's names, and contrast", async () => {
      for (const scheme of ["light", "dark"]) {
        await on(disk("two-secrets.html"), async (page) => {
          if (name === "chrome") {
            await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
          }
          await give(page, "key-file", "two-secrets.disk.key");
          await untilSharp(page, "secret");
          await page.evaluate(AXE);
          const found = await page.evaluate(async () => {
            const { violations } = await /** @type {any} */ (globalThis).axe.run();
            return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes[0].html}`);
          });
          assert.deepEqual(found, []);
        });
      }
    });

    test("the viewer opens files and addresses", async () => {
      await on(local("viewer.html"), async (page) => {
        assert.equal(await page.$eval("#invitation", (one) => one.hasAttribute("hidden")), false);
        await give(page, "song-file", "two-secrets.safetensors");
        await untilSharp(page);
        await assertShows(page, "two-secrets.png");
      });
      await on(local("viewer.html#note.safetensors"), async (page) => {
        await untilSharp(page);
        await assertShows(page, "note.png");
      });
      await on(`${local("viewer.html")}#http://example.org/song`, async (page) => {
        await untilSaid(page, /begins with https/);
      });
    });

    test("a notebook's frame reveals, and reaches nothing of the notebook", async () => {
      await on(local("notebook.html"), async (page) => {
        const frame = await (await page.waitForSelector("iframe"))?.contentFrame();
        assert.ok(frame);
        const sharp = () => document.getElementById("canvas")?.dataset.state === "sharp";
        await frame.waitForFunction(sharp, { timeout: 60_000 });
        await frame.type("#key", readFileSync(`${SONGS}/one-tile.k.key`, "utf-8").trim());
        await frame.click("#reveal");
        await frame.waitForFunction(
          () => document.getElementById("canvas")?.dataset.showing === "secret",
        );
        const reached = await frame.evaluate(() => {
          try {
            return Boolean(globalThis.parent.document);
          } catch {
            return false;
          }
        });
        assert.equal(reached, false);
      });
    });

    test("the widget shows a song, and then another", async () => {
      await on(local("widget.html"), async (page) => {
        const [first, second] = ["one-tile", "six-tiles"].map((song) =>
          readFileSync(`${SONGS}/${song}.html`, "utf-8"),
        );
        await page.evaluate(
          async (shown, address) => {
            const model = Object.assign(new EventTarget(), {
              page: shown,
              get: (/** @type {string} */ name) => (name === "height" ? 400 : model.page),
              on: (/** @type {string} */ name, /** @type {() => void} */ act) =>
                model.addEventListener(name, act),
            });
            Object.assign(globalThis, { model });
            const { default: widget } = await import(address);
            widget.render({ model, el: document.body });
          },
          first,
          local("widget.js"),
        );
        for (const [song, size] of /** @type {const} */ ([
          [first, "2 by 1"],
          [second, "30 by 20"],
        ])) {
          await page.evaluate((shown) => {
            const { model } = /** @type {any} */ (globalThis);
            model.page = shown;
            model.dispatchEvent(new Event("change:page"));
          }, song);
          await page.waitForFunction(() => document.querySelector("iframe"));
          const shown = await untilFrame(page, size);
          assert.match(shown, /The cover picture/);
        }
      });
    });

    test("a file's name is text, whatever it looks like", async () => {
      await on(disk("two-secrets.html"), async (page) => {
        await untilSharp(page);
        await give(page, "key-file", "<img src=x onerror=alert(1)>.key");
        await untilSharp(page, "secret");
        assert.equal(await page.$("#key-name img"), null);
        assert.match(await page.$eval("#key-name", (one) => one.textContent ?? ""), /^<img/);
      });
    });

    test("the page's policy lets no other script run, and nothing be fetched", async () => {
      const { page } = await openPage(browser); // its console is full of what was refused
      await page.goto(disk("two-secrets.html"));
      const found = await page.evaluate(async () => {
        const script = document.createElement("script");
        script.textContent = "globalThis.ran = true";
        document.body.append(script);
        const fetched = await fetch("https://example.org/").then(
          () => true,
          () => false,
        );
        return { ran: "ran" in globalThis, fetched };
      });
      assert.deepEqual(found, { ran: false, fetched: false });
      await page.close();
    });

    test("a song of four megapixels", async () => {
      await on(disk("large.html"), async (page) => {
        await untilSharp(page);
        await give(page, "key-file", "large.key");
        await untilSharp(page, "secret");
        await page.$eval("#width", (field) => {
          /** @type {HTMLInputElement} */ (field).value = "700";
        });
        await assertShows(page, "large.secret.png");
      });
    });

    test("over plain http under a real name it says what is missing", async (context) => {
      if (name === "firefox") return context.skip("its names cannot be mapped");
      await on(`http://song.test:${server.port}/two-secrets.html`, async (page) => {
        await untilSaid(page, /plain http.*as a file/);
      });
    });
  });
}

/** @param {Element} canvas */
function pixelInTheMiddle(canvas) {
  const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
  const drawn = /** @type {HTMLCanvasElement} */ (canvas).getContext("2d");
  return [...(drawn?.getImageData(width >> 1, height >> 1, 1, 1).data ?? [])];
}

/**
 * What the frame's picture is called, once it is of a size.
 * @param {Page} page
 * @param {string} size
 */
async function untilFrame(page, size) {
  for (let tries = 0; tries < 200; tries++) {
    const frame = await (await page.$("iframe"))?.contentFrame();
    const name = await frame
      ?.$eval("#canvas", (canvas) => canvas.getAttribute("aria-label") ?? "")
      .catch(() => ""); // the frame is between two songs
    if (name?.includes(size)) return name;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no picture of ${size}`);
}
