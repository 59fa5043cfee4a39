/**
 * Build the pages: one HTML file each, which holds all that it needs. `npm run build` writes them to
 * where the Python package has them; with `--check` they are compared with what is there.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import * as esbuild from "esbuild";

const HERE = new URL("./", import.meta.url);
const BUILT = new URL("build/", HERE);
const SHIPPED = new URL("../src/sirensong/web/", HERE);

/** @type {esbuild.BuildOptions} */
const SCRIPTS = {
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome120", "firefox120", "safari17"],
  charset: "ascii", // whatever a server says of the page's encoding
  legalComments: "inline",
  absWorkingDir: new URL(".", HERE).pathname,
  write: false,
};

/** @param {string} entry below web/ */
async function bundle(entry) {
  const { outputFiles } = await esbuild.build({ ...SCRIPTS, entryPoints: [entry] });
  return (outputFiles ?? [])[0].text.trim();
}

/**
 * Compile the kernel, and write what runs in WebAssembly into a module, in base64: scripts take it in
 * from there, in a page and in Node alike.
 */
async function buildBinaries() {
  mkdirSync(BUILT, { recursive: true });
  const options = ["--enable", "simd", "--runtime", "stub", "--noAssert", "-O3"];
  const base = ["--baseDir", new URL(".", HERE).pathname];
  const { error, stderr } = await asc.main([
    ...["kernel/layer.ts", "-o", "build/kernel.wasm"],
    ...options,
    ...base,
  ]);
  if (error) throw new Error(stderr.toString());
  const argon2id = fileURLToPath(import.meta.resolve("argon2id/dist/simd.wasm"));
  const lines = Object.entries({ kernel: new URL("kernel.wasm", BUILT), argon2id }).map(
    ([name, path]) => `export const ${name} = "${readFileSync(path).toString("base64")}";\n`,
  );
  writeFileSync(new URL("binaries.js", BUILT), lines.join(""));
}

/** @param {string} text */
function hash(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/**
 * Put script and style into a page, and what may run into its policy.
 * @param {string} name of a folder below web/
 */
async function buildPage(name) {
  const template = readFileSync(new URL(`${name}/${name}.html`, HERE), "utf-8");
  const [script, style] = [await bundle(`${name}/${name}.js`), await bundle(`${name}/${name}.css`)];
  if (/<\/script|<!--/i.test(script)) throw new Error(`${name}: the script would end early`);
  const parts = { SCRIPT: script, STYLE: style, HASHES: hash(script), STYLES: hash(style) };
  const page = template.replace(/\{\{(\w+)\}\}/g, (_, part) => {
    if (!(part in parts)) throw new Error(`${name}: nothing is called ${part}`);
    return parts[/** @type {keyof typeof parts} */ (part)];
  });
  const path = new URL(`${name}.html`, SHIPPED);
  if (!process.argv.includes("--check")) writeFileSync(path, page);
  else if (!existsSync(path) || readFileSync(path, "utf-8") !== page) {
    throw new Error(`${name}.html is not what its sources make: npm run build`);
  }
  console.log(`${name}.html: ${page.length} bytes`);
}

await buildBinaries();
await buildPage("viewer");
await buildPage("sender");
