/** What people hold, and how it is written down (docs/format.md, section 3). */

import { argon2id } from "./argon2.js";
import { readBech32 } from "./bech32.js";
import { concat, decode, encode, equal } from "./bytes.js";
import { cryptography, derive } from "./derivation.js";
import { Refusal, require } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

/**
 * What reveals: a key's 32 bytes, an identity's, or a passphrase, which make a key for a carrier.
 * @typedef {{kind: "key", bytes: Bytes} | {kind: "identity", bytes: Bytes}
 *   | {kind: "passphrase", text: string}} Key
 */

const PREFIX = "sirensong-key-";
const IDENTITY = "AGE-SECRET-KEY-1";
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const LARGEST_KEY_FILE = 4096;
/** Megabytes that a passphrase takes unless sender and receiver agree on more. */
export const USUAL_MEMORY = 64;
export const LARGEST_MEMORY = 4096;

/**
 * What a person has typed: a key's text, an identity's, or else a passphrase.
 * @param {string} text
 * @returns {Promise<Key[]>}
 */
export async function keysOfText(text) {
  const trimmed = trim(text);
  if (trimmed.slice(0, PREFIX.length).toLowerCase() === PREFIX) return [await readKeyText(text)];
  if (trimmed.startsWith(IDENTITY)) return [readIdentityText(text)];
  require(text !== "", "there is no key and no passphrase");
  return [{ kind: "passphrase", text }];
}

/**
 * The keys of a file: one key, or all identities.
 * @param {Uint8Array} bytes
 * @returns {Promise<Key[]>}
 */
export async function keysOfFile(bytes) {
  const lines = linesOf(bytes);
  if (lines.some((line) => line.toUpperCase().startsWith(IDENTITY))) return readIdentities(bytes);
  return [await readKeyFile(bytes)];
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Key>}
 */
export async function readKeyFile(bytes) {
  const lines = linesOf(bytes);
  require(lines.length === 1, `a key file has one key, got ${lines.length}`);
  return readKeyText(lines[0]);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Key[]}
 */
export function readIdentities(bytes) {
  const lines = linesOf(bytes);
  require(lines.length > 0, "the identity file has no identity");
  return lines.map(readIdentityText);
}

/**
 * @param {string} text
 * @returns {Promise<Key>}
 */
async function readKeyText(text) {
  const trimmed = trim(text);
  // Lower case of a letter beyond ASCII can be one of ASCII.
  const letters = /^[\x21-\x7e]*$/.test(trimmed) ? trimmed.toLowerCase() : "";
  require(letters.startsWith(PREFIX), `a key begins with ${PREFIX}`);
  const coded = letters.slice(PREFIX.length);
  require(/^[a-z2-7]*$/.test(coded), "the key has a character that no key has");
  require(coded.length === 56, `a key has 56 letters after ${PREFIX}, got ${coded.length}`);
  const bytes = base32(coded);
  const secret = bytes.slice(0, 32);
  const sum = await hash(concat(encode("sirensong key checksum 1"), secret));
  require(equal(
    bytes.subarray(32),
    sum.subarray(0, 3),
  ), "the key is mistyped: its checksum differs");
  return { kind: "key", bytes: secret };
}

/**
 * @param {string} text
 * @returns {Key}
 */
function readIdentityText(text) {
  const trimmed = trim(text);
  require(trimmed.startsWith(IDENTITY), `an identity begins with ${IDENTITY}, in upper case`);
  require(trimmed === trimmed.toUpperCase(), "an identity is written in upper case");
  return { kind: "identity", bytes: readBech32(trimmed.toLowerCase(), "age-secret-key-") };
}

/**
 * The 32 bytes that serve one carrier.
 * @param {Key} key
 * @param {Bytes} nonce of the carrier
 * @param {number} [memory] that a passphrase takes, in MiB
 * @returns {Promise<Bytes>}
 */
export async function bind(key, nonce, memory = USUAL_MEMORY) {
  if (key.kind === "key") return key.bytes;
  if (key.kind === "passphrase") return stretched(key.text, nonce, memory);
  const { shared, recipient } = await exchange(key.bytes, nonce);
  require(shared.some(
    (byte) => byte !== 0,
  ), "the song's public key is of small order: anybody could know the key");
  return derive(shared, concat(nonce, recipient), "recipient");
}

/**
 * @param {string} text
 * @param {Bytes} nonce
 * @param {number} memory in MiB
 */
async function stretched(text, nonce, memory) {
  require(text !== "", "the passphrase is empty");
  require(text.isWellFormed(), "the passphrase has half a character");
  const known = Number.isInteger(memory) && memory >= USUAL_MEMORY && memory <= LARGEST_MEMORY;
  require(known, `a passphrase takes ${USUAL_MEMORY} to ${LARGEST_MEMORY} MiB`);
  const password = encode(text.normalize("NFC"));
  const settings = { parallelism: 4, passes: 3, memorySize: 1024 * memory };
  try {
    return await argon2id({ password, salt: nonce, ...settings });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal(`there is no room for the ${memory} MiB that this passphrase takes`);
  }
}

/**
 * X25519 with the carrier's public key, and the identity's own public key.
 * @param {Bytes} identity
 * @param {Bytes} nonce
 */
async function exchange(identity, nonce) {
  const subtle = cryptography();
  const head = Uint8Array.of(
    0x30,
    0x2e,
    2,
    1,
    0,
    0x30,
    5,
    6,
    3,
    0x2b,
    0x65,
    0x6e,
    4,
    0x22,
    4,
    0x20,
  );
  const wrapped = concat(head, identity);
  const own = await x25519(() =>
    subtle.importKey("pkcs8", wrapped, "X25519", false, ["deriveBits"]),
  );
  /** @param {Bytes} point */
  const product = async (point) => {
    const other = await subtle.importKey("raw", point, "X25519", false, []);
    try {
      const bits = await subtle.deriveBits({ name: "X25519", public: other }, own, 256);
      return new Uint8Array(bits);
    } catch {
      return new Uint8Array(32); // browsers raise where the product is zero
    }
  };
  const base = new Uint8Array(32);
  base[0] = 9;
  return { shared: await product(nonce), recipient: await product(base) };
}

/**
 * @template T
 * @param {() => Promise<T>} use
 */
async function x25519(use) {
  try {
    return await use();
  } catch {
    throw new Refusal("this browser has no X25519, which identities need");
  }
}

/**
 * The lines of a key file that are neither empty nor comments.
 * @param {Uint8Array} bytes
 */
function linesOf(bytes) {
  const sized = bytes.length >= 1 && bytes.length <= LARGEST_KEY_FILE;
  require(sized, `a key file has 1 to ${LARGEST_KEY_FILE} bytes, got ${bytes.length}`);
  const text = decode(bytes);
  require(text !== null && !text.startsWith("\uFEFF"), "the key file is not plain text in UTF-8");
  const lines = text.split("\n");
  return lines
    .map((line, index) => {
      const own = index + 1 < lines.length && line.endsWith("\r") ? line.slice(0, -1) : line;
      require(!own.includes("\r"), "the key file has a carriage return within a line");
      return own.replace(/^[ \t]+|[ \t]+$/g, "");
    })
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** @param {string} text */
function trim(text) {
  return text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
}

/** @param {string} letters of the alphabet, a multiple of eight */
function base32(letters) {
  const bytes = [];
  let [number, have] = [0, 0];
  for (const letter of letters) {
    number = ((number << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    have += 5;
    if (have >= 8) {
      have -= 8;
      bytes.push((number >> have) & 255);
    }
  }
  return Uint8Array.from(bytes);
}

/** @param {Bytes} bytes */
async function hash(bytes) {
  return new Uint8Array(await cryptography().digest("SHA-256", bytes));
}
