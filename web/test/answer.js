/** Answers, for the tests in Python, what the receiver makes of songs and keys: JSON in, JSON out. */

import { readFileSync, writeFileSync } from "node:fs";
import { kernel } from "../build/binaries.js";
import { openKernel } from "../kernel/kernel.js";
import { fromBase64 } from "../receiver/bytes.js";
import { readCarrier } from "../receiver/carrier.js";
import { readHiddenFile, safeName } from "../receiver/files.js";
import { keysOfFile, keysOfText } from "../receiver/keys.js";
import { readMask } from "../receiver/mask.js";
import { Refusal } from "../receiver/refusal.js";
import { render, secretFunction, unlock } from "../receiver/reveal.js";
import { evaluate as plainly } from "../receiver/siren.js";

/**
 * @typedef {{song: string, key?: string, passphrase?: string, memory?: number, mask?: string,
 *   size?: [number, number], fast?: boolean, to: string}} Rendering
 * @typedef {{samples: string, kind: number, secret: string, nonce: string, to: string}} Reading
 * @typedef {{name: string}} Naming
 */

/** @param {string} path */
function bytesOf(path) {
  return Uint8Array.from(readFileSync(path));
}

/** @param {Rendering} job */
async function rendered(job) {
  const begun = performance.now();
  const carrier = readCarrier(bytesOf(job.song));
  const evaluate = job.fast ? await openKernel(fromBase64(kernel)) : plainly;
  /** @type {import("../receiver/rendering.js").Func} */
  let func = carrier;
  let [height, width] = [carrier.height, carrier.width];
  if (job.key !== undefined || job.passphrase !== undefined) {
    const keys = job.key
      ? await keysOfFile(bytesOf(job.key))
      : await keysOfText(job.passphrase ?? "");
    const unlocked = await unlock(carrier, keys, job.memory);
    if (!unlocked) throw new Refusal("there is no picture for this key");
    func = await secretFunction(
      carrier,
      unlocked,
      job.mask ? await readMask(bytesOf(job.mask)) : null,
    );
    ({ height, width } = unlocked.slot);
  }
  [height, width] = job.size ?? [height, width];
  const pixels = await render(func, { height, width }, evaluate);
  const seconds = (performance.now() - begun) / 1000;
  writeFileSync(job.to, pixels);
  return { height, width, seconds };
}

/** @param {Reading} job */
async function read(job) {
  const [secret, nonce] = [job.secret, job.nonce].map((text) =>
    Uint8Array.from(Buffer.from(text, "hex")),
  );
  const pixels = new Uint8ClampedArray(bytesOf(job.samples));
  const { name, content } = await readHiddenFile(pixels, job.kind, secret, nonce);
  writeFileSync(job.to, content);
  return { name };
}

/** @param {Rendering | Reading | Naming} job */
async function answer(job) {
  try {
    if ("name" in job) return { name: safeName(job.name) };
    return await ("samples" in job ? read(job) : rendered(job));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { refused: error.message };
  }
}

/** @type {(Rendering | Reading | Naming)[]} */
const jobs = JSON.parse(readFileSync(0, "utf-8"));
const answers = [];
for (const job of jobs) answers.push(await answer(job));
console.log(JSON.stringify(answers));
