/**
 * The page for senders in real browsers, on a real server (tests/serve): from drop to download.
 * What it saves, and what it says of it, goes to a folder, for Sirensong's own reader to judge.
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { lastSaved, launch, NAMES, openPage, placeOf, SONGS, untilSaid } from "./browsers.js";

/** @typedef {import("puppeteer-core").Page} Page */

const ADDRESS = process.env.ADDRESS ?? "";
const ORIGIN = ADDRESS.replace(/\/#.*/, "");
const AXE = readFileSync(
  new URL("../../node_modules/axe-core/axe.min.js", import.meta.url),
  "utf-8",
);
const SECRETS = ["<img src=x onerror=alert(1)>.png", "letter.bin"];
const PHRASE = "grey lamp over nine hills";

/**
 * Drop files where a person would.
 * @param {Page} page
 * @param {string} selector
 * @param {string[]} names among the pictures
 */
async function drop(page, selector, names) {
  const files = names.map((name) => ({
    name,
    letters: readFileSync(`${SONGS}/${name}`).toString("base64"),
  }));
  await page.$eval(
    selector,
    (zone, given) => {
      const dataTransfer = new DataTransfer();
      for (const { name, letters } of given) {
        const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
        dataTransfer.items.add(new File([bytes], name));
      }
      zone.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
    },
    files,
  );
}

/** @param {Page} page */
async function assertAccessible(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (globalThis).axe.run();
    return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes[0].html}`);
  });
  assert.deepEqual(found, []);
}

/** @param {Page} page */
async function assertNarrow(page) {
  await page.setViewport({ width: 340, height: 700 });
  const wide = await page.evaluate(() => {
    const all =
      document.documentElement.scrollWidth > innerWidth ? document.body.querySelectorAll("*") : [];
    const over = [...all].filter((one) => one.getBoundingClientRect().right > innerWidth);
    return over.map(({ tagName, id, className }) => `${tagName} ${id} ${className}`);
  });
  assert.deepEqual(wide, []);
  await page.setViewport({ width: 1200, height: 900 });
}

/**
 * @param {Page} page
 * @param {string} title
 */
async function untilTitled(page, title) {
  await page.waitForFunction(
    (wanted) => document.getElementById("training-title")?.textContent === wanted,
    { timeout: 60_000 },
    title,
  );
}

for (const name of NAMES) {
  suite(name, { skip: placeOf(name) ? false : `${name} is not installed` }, () => {
    /** @type {import("puppeteer-core").Browser} */
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser.close());

    test("from drop to download", async () => {
      const { page, trouble, requests } = await openPage(browser);
      await page.goto(ADDRESS);
      await page.waitForSelector("#qualities input");
      assert.equal(page.url(), `${ORIGIN}/`);
      assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
      assert.equal(await page.$eval("#start", (button) => button.matches(":disabled")), true);
      await assertAccessible(page);

      await drop(page, "#cover-drop", ["cover.png"]);
      await page.waitForSelector("#cover canvas");
      const input = /** @type {import("puppeteer-core").ElementHandle<HTMLInputElement>} */ (
        await page.$("#secret-files")
      );
      await input.uploadFile(...SECRETS.map((secret) => `${SONGS}/${secret}`));
      await page.waitForSelector(".card:nth-child(2)");
      await page.select(".card:nth-child(2) select", "passphrase");
      await page.type(".card:nth-child(2) .given > input", PHRASE);
      await page.waitForFunction(
        () => document.getElementById("estimate-state")?.textContent?.startsWith("Sizes"),
        { timeout: 60_000 },
      );
      const facts = (/** @type {string} */ quality) =>
        page.$$eval(`#facts-${quality} span`, (parts) => parts.map((part) => part.textContent));
      assert.match((await facts("archive")).join(), /^about \d+ kB,about \d+ s,50 .* dB,files of /);
      const refused = await page.$eval("#facts-small", (element) => element.textContent);
      assert.match(refused ?? "", /^letter\.bin takes \d+ bytes, and \d+ fit here$/);
      await page.click("#quality-archive");
      await assertAccessible(page);
      await assertNarrow(page);

      await page.focus("#start");
      await page.keyboard.press("Enter");
      await untilTitled(page, "Done");
      await assertAccessible(page);
      await assertNarrow(page);
      assert.equal(await page.$eval("#render", (image) => image.checkVisibility()), true);

      const rows = await page.$$eval("#results tbody tr", (all) =>
        all.map((row) => [...row.children].map((cell) => cell.textContent)),
      );
      writeFileSync(`${SONGS}/${name}.json`, JSON.stringify(rows));
      for (const [button, file] of [
        ["#key-buttons button", "key"],
        ["#save-song", "safetensors"],
        ["#save-page", "html"],
      ]) {
        await page.click(button);
        writeFileSync(`${SONGS}/${name}.${file}`, await lastSaved(page));
      }
      const expected = /^Failed to load resource: .* 400/; // the estimate that was refused
      assert.deepEqual(
        trouble.filter((text) => !expected.test(text)),
        [],
      );
      assert.deepEqual(
        requests.filter((url) => !url.startsWith(`${ORIGIN}/`)),
        [],
      );
      const events = requests.find((url) => url.endsWith("/events")) ?? "";
      const headers = { "x-sirensong-token": ADDRESS.replace(/.*#/, "") };
      assert.equal((await fetch(events, { headers })).status, 200);
      await page.goto("about:blank");
      for (let tries = 0; (await fetch(events, { headers })).status !== 404; tries++) {
        assert.ok(tries < 100, "the server keeps what a closed page has left");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await page.close();
    });

    test("what is wrong is said in the page", async () => {
      const { page } = await openPage(browser);
      await page.goto(ADDRESS);
      await page.waitForSelector("#qualities input");
      await drop(page, "#cover-drop", ["letter.bin"]);
      await untilSaid(page, /^The image is not an image that can be read\. JPEG/);
      await assertAccessible(page);
      await page.reload();
      await untilSaid(page, /^This page needs its address\. Open the one that sirensong serve/);
      await page.close();
    });

    test("without its token the page is of no use", async () => {
      const { page } = await openPage(browser);
      await page.goto(`${ORIGIN}/#${"x".repeat(43)}`);
      await untilSaid(page, /^The token is missing or wrong\./);
      assert.equal(await page.$eval("#cover-file", (input) => input.matches(":disabled")), true);
      await page.close();
    });
  });
}
