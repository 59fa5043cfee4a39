/*! argon2id, https://github.com/openpgpjs/argon2id, MIT License.
Copyright (c) 2022 Proton AG, (c) 2017 Emil Bay */

import open from "argon2id/lib/setup.js";
import { argon2id as binary } from "../build/binaries.js";
import { fromBase64 } from "./bytes.js";

/**
 * Argon2id of a password, 32 bytes, in memory that is let go of afterwards.
 * @param {{password: Uint8Array, salt: Uint8Array, parallelism: number, passes: number,
 *   memorySize: number}} settings `memorySize` is in KiB
 * @throws {RangeError} there is not so much memory
 */
export async function argon2id(settings) {
  /** @param {WebAssembly.Imports} imports */
  const load = (imports) => WebAssembly.instantiate(fromBase64(binary), imports);
  const compute = await open(load, load); // every browser that the page is built for has SIMD
  return Uint8Array.from(compute({ ...settings, tagLength: 32 }));
}
