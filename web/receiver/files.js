/** From the samples that a key shows to the file that it hides (docs/format.md, section 6.1). */

import { concat, equal } from "./bytes.js";
import { ascending, BlockCipher, cryptography, derive, Streams } from "./derivation.js";
import { mend, PARITY } from "./reedsolomon.js";
import { Refusal, require } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{name: string, content: Bytes}} HiddenFile */

const WORD = 255;
const TAG = 16;
const HEAD = 6;
const LARGEST_CONTENT = 2 ** 30;
const LONGEST_NAME = 200;
const DAMAGED = "the hidden file cannot be read: the song was altered";

/** Bits and step of each kind of file, from kind 1 on. */
const MODULATIONS = [
  ...[12, 16, 24, 32, 64, 128].map((step) => ({ bits: 1, step })),
  ...[12, 16, 24, 32, 64].map((step) => ({ bits: 2, step })),
  ...[8, 12, 16].map((step) => ({ bits: 4, step })),
];

/**
 * The file that samples stand for.
 * @param {Uint8ClampedArray} pixels red, green, blue, alpha of each pixel, at the slot's size
 * @param {number} kind of the slot, 1 to 14
 * @param {Bytes} secret the key's 32 bytes
 * @param {Bytes} nonce of the carrier
 * @returns {Promise<HiddenFile>}
 */
export async function readHiddenFile(pixels, kind, secret, nonce) {
  const samples = pixels.filter((_, index) => index % 4 < 3);
  const streams = await Streams.of(secret, nonce, "file/samples");
  const order = ascending(await streams.integers(0, 2 * samples.length));
  const coded = symbols(samples, order, MODULATIONS[kind - 1]);
  const packed = await unseal(decodeWords(coded), secret, nonce);
  return unpack(packed);
}

/**
 * The bytes that samples stand for, in the key's order.
 * @param {Uint8ClampedArray} samples
 * @param {Uint32Array} order
 * @param {{bits: number, step: number}} modulation
 */
function symbols(samples, order, { bits, step }) {
  const bytes = new Uint8Array(Math.floor((samples.length * bits) / 8));
  const most = 2 ** bits - 1;
  const lowest = 127.5 - (step * most) / 2;
  const each = 8 / bits;
  for (let group = 0; group < bytes.length * each; group++) {
    const place = Math.floor((samples[order[group]] - lowest) / step + 0.5);
    const known = Math.min(most, Math.max(0, place));
    const byte = Math.floor(group / each);
    bytes[byte] = (bytes[byte] << bits) | (known ^ (known >> 1));
  }
  return bytes;
}

/**
 * Mend the words, and put together what they carry.
 * @param {Uint8Array} coded
 */
function decodeWords(coded) {
  const count = Math.ceil(coded.length / WORD);
  const words = Array.from({ length: count }, (_, first) => {
    const word = coded.filter((_, index) => index % count === first);
    require(word.length > PARITY, "the hidden file has no room");
    mend(word);
    return word.subarray(0, -PARITY);
  });
  return concat(...words);
}

/**
 * AES-256-SIV (RFC 5297) without associated data, and the length before the zeros.
 * @param {Bytes} sealed
 * @param {Bytes} secret
 * @param {Bytes} nonce
 */
async function unseal(sealed, secret, nonce) {
  require(sealed.length >= TAG + 4, DAMAGED);
  const tag = sealed.slice(0, TAG);
  const key = await derive(secret, nonce, "file/cipher");
  const subtle = cryptography();
  const cipher = await subtle.importKey("raw", key, "AES-CTR", false, ["decrypt"]);
  const counter = tag.slice();
  counter[8] &= 127;
  counter[12] &= 127;
  const algorithm = { name: "AES-CTR", counter, length: 128 };
  const plain = new Uint8Array(await subtle.decrypt(algorithm, cipher, sealed.slice(TAG)));
  const mac = await BlockCipher.of(await derive(secret, nonce, "file/mac"));
  require(equal(await syntheticVector(mac, plain), tag), DAMAGED);
  const length = new DataView(plain.buffer).getUint32(0, true);
  require(length <= plain.length - 4, "the hidden file is longer than its envelope");
  return plain.slice(4, 4 + length);
}

/**
 * S2V of a plaintext alone.
 * @param {BlockCipher} mac
 * @param {Bytes} plain
 */
async function syntheticVector(mac, plain) {
  const first = await cmac(mac, new Uint8Array(TAG));
  if (plain.length < TAG) {
    const padded = new Uint8Array(TAG);
    padded.set(plain);
    padded[plain.length] = 128;
    return cmac(mac, xor(doubled(first), padded));
  }
  const mixed = plain.slice();
  mixed.set(xor(first, plain.subarray(-TAG)), plain.length - TAG);
  return cmac(mac, mixed);
}

/**
 * CMAC (RFC 4493).
 * @param {BlockCipher} cipher
 * @param {Bytes} message not empty
 */
async function cmac(cipher, message) {
  const subkey = doubled(await cipher.chain(new Uint8Array(TAG)));
  const whole = message.length % TAG === 0;
  const padded = new Uint8Array(TAG * Math.ceil(message.length / TAG));
  padded.set(message);
  if (!whole) padded[message.length] = 128;
  const last = padded.subarray(-TAG);
  last.set(xor(last, whole ? subkey : doubled(subkey)));
  return (await cipher.chain(padded)).slice(-TAG);
}

/**
 * Twice an element of the field of 2^128, the highest byte first.
 * @param {Bytes} block
 */
function doubled(block) {
  const found = block.map((byte, i) => (byte << 1) | ((block[i + 1] ?? 0) >> 7));
  if (block[0] & 128) found[TAG - 1] ^= 0x87;
  return found;
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
function xor(one, other) {
  return Uint8Array.from(one, (byte, i) => byte ^ other[i]);
}

/**
 * @param {Bytes} packed
 * @returns {Promise<HiddenFile>}
 */
async function unpack(packed) {
  const [method, letters] = packed;
  const body = packed.slice(HEAD + letters);
  const sound = packed.length >= HEAD + letters && method <= 1;
  require(sound, "the hidden file's head is damaged, or of a newer release");
  const length = new DataView(packed.buffer).getUint32(2, true);
  require(length <= LARGEST_CONTENT, `the hidden file says that it has ${length} bytes`);
  const content = method === 1 ? await inflated(body, length) : body;
  require(content.length === length, `the hidden file has other than its ${length} bytes`);
  const name = new TextDecoder().decode(packed.subarray(HEAD, HEAD + letters));
  return { name: safeName(name), content };
}

/**
 * Decompress, and not much more than was said.
 * @param {Bytes} body
 * @param {number} length
 */
async function inflated(body, length) {
  const stream = new Blob([body]).stream().pipeThrough(new DecompressionStream("deflate"));
  /** @type {Uint8Array[]} */
  const pieces = [];
  let size = 0;
  try {
    const reader = stream.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      pieces.push(piece.value);
      size += piece.value.length;
      if (size > length) await reader.cancel();
    }
  } catch {
    throw new Refusal("the hidden file is damaged where it is compressed");
  }
  return concat(...pieces);
}

/**
 * A name under which a file can be written in any folder, and in no other one.
 * @param {string} name as somebody else has typed it
 */
export function safeName(name) {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  let clean = last
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what no name may have
    .replace(/[\x00-\x1f\x7f-\x9f:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "_")
    .replace(/^[. ]+|[. ]+$/g, "");
  if (/^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i.test(clean)) clean = `_${clean}`;
  const dot = clean.lastIndexOf(".");
  const ending =
    dot >= 0 && bytesOf(clean.slice(dot + 1)) <= LONGEST_NAME / 4 ? clean.slice(dot) : "";
  let stem = clean.slice(0, clean.length - ending.length);
  while (bytesOf(stem + ending) > LONGEST_NAME) stem = [...stem].slice(0, -1).join("");
  return stem + ending || "secret.bin";
}

/** @param {string} text */
function bytesOf(text) {
  return new TextEncoder().encode(text).length;
}
