/** The GPU in a real browser, a software one if need be: right wherever it is used, alone or lost. */

import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import * as esbuild from "esbuild";
import { evaluate as plainly } from "../../receiver/siren.js";
import { assertAlike, golden, listed, network, picture, points } from "../helpers.js";
import {
  expected,
  lastSaved,
  launch,
  NAMES,
  openPage,
  pixelsOf,
  placeOf,
  serve,
  untilSharp,
} from "./browsers.js";

/** @typedef {[number, number][]} Shapes */

// Firefox has WebGL 2 only where there is a GPU's driver.
for (const name of NAMES.filter((one) => one === "chrome")) {
  suite(name, { skip: placeOf(name) ? false : `${name} is not installed` }, () => {
    /** @type {import("puppeteer-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof serve>>} */
    let server;
    /** A page with the GPU alone. @type {import("puppeteer-core").Page} */
    let alone;
    before(async () => {
      browser = await launch(name);
      server = await serve();
      alone = await browser.newPage();
      const { outputFiles } = await esbuild.build({
        entryPoints: [new URL("alone.js", import.meta.url).pathname],
        bundle: true,
        write: false,
      });
      await alone.goto(`http://127.0.0.1:${server.port}/widget.html`); // which is empty
      await alone.evaluate(outputFiles[0].text);
    });
    after(async () => {
      server.close();
      await browser.close();
    });

    /**
     * @param {Shapes} shapes
     * @param {{weights: Float32Array<ArrayBuffer>, xs: Float32Array, ys: Float32Array}[]} pieces
     * @returns {Promise<number[][]>} of the GPU, or null
     */
    async function outputs(shapes, pieces) {
      const plain = pieces.map(({ weights, xs, ys }) => {
        return { weights: [...weights], xs: [...xs], ys: [...ys] };
      });
      return alone.evaluate(
        (...given) => /** @type {any} */ (globalThis).outputs(...given),
        shapes,
        plain,
      );
    }

    for (const song of listed("accept").filter((one) => one.endsWith(".safetensors"))) {
      test(`${song} shows its cover`, async () => {
        const letters = Buffer.from(golden(`accept/${song}`)).toString("base64");
        const found = await alone.evaluate(
          (given) => /** @type {any} */ (globalThis).cover(given),
          letters,
        );
        const { pixels } = picture(`accept/${song.replace("safetensors", "png")}`);
        assertAlike([{ found, expected: pixels }]);
      });
    }

    for (const features of [1, 6, 11, 28]) {
      test(`networks of ${features} features, at more points than a row has`, async () => {
        /** @type {Shapes} */
        const shapes = [
          [features, 2],
          [features, features],
          [3, features],
        ];
        const pieces = [1, 1100, 70].map((count, i) => {
          const [xs, ys] = points(count);
          return { weights: network(shapes, 0.4 - 0.1 * i), xs, ys };
        });
        const found = await outputs(shapes, pieces);
        plainly(shapes, pieces).forEach((wanted, piece) => {
          const furthest = Math.max(...wanted.map((one, i) => Math.abs(one - found[piece][i])));
          assert.ok(furthest < 2e-5, `${piece}: ${furthest}`);
          assert.equal(found[piece].length, wanted.length);
        });
      });
    }

    test("sines up to their limit", async () => {
      /** @type {Shapes} */
      const shapes = [
        [1, 2],
        [3, 1],
      ];
      const weights = Float32Array.of(9000, 0, 0, 1, 1, 1, 0, 0, 0);
      const [xs, ys] = points(4096);
      const [found] = await outputs(shapes, [{ weights, xs, ys }]);
      xs.forEach((x, i) => {
        const wanted = Math.sin(Math.fround(9000 * x));
        assert.ok(Math.abs(found[3 * i] - wanted) < 1e-6, `${x}: ${found[3 * i]} ${wanted}`);
      });
    });

    test("networks of more weights than it can do in a moment are not its own", async () => {
      /** @type {Shapes} */
      const shapes = [
        [400, 2],
        [400, 400],
        [3, 400],
      ];
      const none = new Float32Array(1);
      assert.equal(await outputs(shapes, [{ weights: none, xs: none, ys: none }]), null);
    });

    test("the page's picture where the GPU wins, and where it is lost after that", async () => {
      const { page, trouble } = await openPage(browser);
      await page.evaluateOnNewDocument(letGpuWin, `(${inWorker})();`);
      await page.goto(`http://127.0.0.1:${server.port}/six-tiles.html`);
      await untilSharp(page);
      const draws = () => page.evaluate(() => /** @type {any} */ (globalThis).draws);
      await page.waitForFunction(() => /** @type {any} */ (globalThis).draws >= 2);
      const wanted = expected("six-tiles.large.png");
      /** @param {number} most draws */
      const assertSaved = async (most) => {
        const begun = await draws();
        await page.click("#save-form button");
        const found = pixelsOf(await lastSaved(page));
        await untilSharp(page); // after a picture was saved the canvas is rendered again
        assertAlike([{ found: found.pixels, expected: wanted.pixels }]);
        const done = (await draws()) - begun;
        assert.ok(most ? done > 0 && done <= most : done === 0, `${done} draws, ${most} at most`);
      };
      await page.$eval(
        "#width",
        (field, width) => {
          /** @type {HTMLInputElement} */ (field).value = String(width);
        },
        wanted.width,
      );
      await assertSaved(99);
      await page.evaluate(() => new BroadcastChannel("gpu").postMessage("lose"));
      await page.waitForFunction(() => /** @type {any} */ (globalThis).lost);
      await assertSaved(1);
      await assertSaved(0);
      assert.deepEqual(trouble, []);
      await page.close();
    });
  });
}

/**
 * Have one worker, which first runs something else.
 * @param {string} script
 */
function letGpuWin(script) {
  Object.defineProperty(navigator, "hardwareConcurrency", { value: 1 });
  globalThis.Blob = new Proxy(Blob, {
    construct: (target, [parts, options]) =>
      new target(options?.type === "text/javascript" ? [script, ...parts] : parts, options),
  });
  const heard = Object.assign(globalThis, { draws: 0, lost: false });
  new BroadcastChannel("gpu").onmessage = ({ data }) => {
    if (data === "draw") heard.draws++;
    if (data === "lost") heard.lost = true;
  };
}

/** A clock by which whoever comes later is faster, and a GPU that tells of draws and can be lost. */
function inWorker() {
  let [now, step] = [0, 1];
  performance.now = () => {
    step /= 2;
    now += step;
    return now;
  };
  let lost = false;
  const channel = new BroadcastChannel("gpu");
  channel.onmessage = ({ data }) => {
    if (data === "lose") lost = true;
    if (lost) channel.postMessage("lost");
  };
  const { drawArrays } = WebGL2RenderingContext.prototype;
  WebGL2RenderingContext.prototype.drawArrays = function (...given) {
    if (lost) this.getExtension("WEBGL_lose_context")?.loseContext();
    drawArrays.apply(this, given);
    channel.postMessage("draw");
  };
}
