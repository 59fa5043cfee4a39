/** Real browsers, driven; what they say on their consoles and what they ask for is kept. */

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { PNG } from "pngjs";
import puppeteer from "puppeteer-core";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {"chrome" | "firefox"} Name */

/** @type {Record<Name, string[]>} */
const PLACES = {
  chrome: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
  firefox: ["/usr/bin/firefox-esr", "/usr/bin/firefox"],
};

/** The folder in which the songs, pages and pictures of these tests are (tests/web). */
export const SONGS = process.env.SONGS ?? "";

/** Those that are asked for, both unless some are. @type {Name[]} */
export const NAMES = /** @type {Name[]} */ ((process.env.BROWSERS ?? "chrome,firefox").split(","));

/**
 * Where a browser is installed.
 * @param {Name} name
 */
export function placeOf(name) {
  return PLACES[name].find((path) => existsSync(path));
}

/** @param {Name} name */
export function launch(name) {
  const args = [
    "--no-sandbox",
    "--host-resolver-rules=MAP song.test 127.0.0.1",
    "--enable-unsafe-swiftshader", // a GPU in software, where there is no other
  ];
  return puppeteer.launch({
    browser: name,
    executablePath: placeOf(name),
    headless: true,
    args: name === "chrome" ? args : [],
  });
}

/**
 * A new page, and what goes wrong on it or leaves it.
 * @param {import("puppeteer-core").Browser} browser
 */
export async function openPage(browser) {
  const page = await browser.newPage();
  /** @type {string[]} */
  const trouble = [];
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (said) => {
    if (said.type() === "error") trouble.push(said.text());
  });
  /** @type {string[]} */
  const requests = [];
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url())) requests.push(request.url());
  });
  await page.evaluateOnNewDocument(keepBlobs);
  return { page, trouble, requests };
}

/** Keep what the page lets the browser save. */
function keepBlobs() {
  const create = URL.createObjectURL;
  /** @type {Blob[]} */
  const kept = [];
  Object.assign(globalThis, { kept });
  URL.createObjectURL = (thing) => {
    if (thing instanceof Blob && thing.type !== "text/javascript") kept.push(thing);
    return create.call(URL, thing);
  };
}

/**
 * What was saved last.
 * @param {Page} page
 */
export async function lastSaved(page) {
  await page.waitForFunction(() => /** @type {any} */ (globalThis).kept.length > 0);
  const letters = await page.evaluate(async () => {
    const blob = /** @type {any} */ (globalThis).kept.pop();
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  });
  return Uint8Array.from(Buffer.from(letters, "base64"));
}

/** @param {Uint8Array} bytes of a PNG */
export function pixelsOf(bytes) {
  const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
  return { width, height, pixels: Uint8Array.from(data) };
}

/** @param {string} name of a PNG among the songs */
export function expected(name) {
  return pixelsOf(Uint8Array.from(readFileSync(`${SONGS}/${name}`)));
}

/** @type {Record<string, string>} */
const TYPES = { html: "text/html", js: "text/javascript" };

/** The songs' folder on a server of its own. */
export async function serve() {
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? "/", "http://localhost").pathname.slice(1);
    const path = `${SONGS}/${name}`;
    if (!/^[\w.-]+$/.test(name) || !existsSync(path)) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type }).end(readFileSync(path));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { port, close: () => server.close() };
}

/**
 * Wait until the picture is sharp.
 * @param {Page} page
 * @param {"cover" | "secret" | "forced"} [showing]
 */
export async function untilSharp(page, showing = "cover") {
  await page.waitForFunction(
    (wanted) => {
      const { state, showing: shown } = /** @type {HTMLElement} */ (
        document.getElementById("canvas")
      ).dataset;
      return state === "sharp" && shown === wanted;
    },
    { timeout: 60_000 },
    showing,
  );
}

/** @param {Page} page */
export function message(page) {
  return page.$eval("#message", (element) => element.textContent);
}

/**
 * Wait for what the page says.
 * @param {Page} page
 * @param {RegExp} pattern
 */
export async function untilSaid(page, pattern) {
  await page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById("message")?.textContent ?? ""),
    { timeout: 60_000 },
    pattern.source,
  );
}

/**
 * Give the page a file.
 * @param {Page} page
 * @param {string} id of the input
 * @param {string} name of the file, among the songs
 */
export async function give(page, id, name) {
  const input = /** @type {import("puppeteer-core").ElementHandle<HTMLInputElement>} */ (
    await page.$(`#${id}`)
  );
  await input.uploadFile(`${SONGS}/${name}`);
}
