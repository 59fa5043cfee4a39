/** Where a song comes from: the page itself, a file, or an address. */

import { fromBase64 } from "../receiver/bytes.js";
import { isMask } from "../receiver/mask.js";
import { Refusal, require } from "../receiver/refusal.js";

/** @typedef {import("../receiver/bytes.js").Bytes} Bytes */

/** More is no use in a browser, and an address may send without end. */
const LARGEST_SONG = 512 * 2 ** 20;
const LARGEST_KEY_FILE = 4096;

/**
 * The song that the page was made with, if there is one.
 * @returns {Bytes | null}
 */
export function ownSong() {
  const text = document.getElementById("song")?.textContent?.trim();
  return text ? fromBase64(text) : null;
}

/**
 * @param {File} file
 * @returns {Promise<Bytes>}
 */
export async function bytesOf(file) {
  require(file.size <= LARGEST_SONG, `${file.name} is too large for a browser`);
  return new Uint8Array(await file.arrayBuffer());
}

/**
 * What a file is that somebody has dropped.
 * @param {Bytes} bytes
 * @returns {"song" | "key" | "mask"}
 */
export function kindOf(bytes) {
  if (isMask(bytes)) return "mask";
  const text = bytes.length <= LARGEST_KEY_FILE ? new TextDecoder("latin1").decode(bytes) : "";
  return /sirensong-key-|age-secret-key-/i.test(text) ? "key" : "song";
}

/**
 * The song at an address, without anything that tells who asks.
 * @param {string} address
 * @returns {Promise<Bytes>}
 */
export async function fetchSong(address) {
  const url = URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  const fetched = url?.protocol === "https:" || (url && url.origin === location.origin);
  require(Boolean(url && fetched), "an address begins with https://");
  const response = await fetch(/** @type {URL} */ (url), {
    credentials: "omit",
    referrerPolicy: "no-referrer",
  }).catch(() => {
    throw new Refusal(
      "the address cannot be reached, or its server lets no other page read it",
      "download the song, and drop it here",
    );
  });
  require(response.ok, `the address answers ${response.status}`);
  return bodyOf(response);
}

/** @param {Response} response */
async function bodyOf(response) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
    pieces.push(piece.value);
    size += piece.value.length;
    if (size > LARGEST_SONG) {
      await reader?.cancel();
      throw new Refusal("what is at the address is too large for a song");
    }
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
