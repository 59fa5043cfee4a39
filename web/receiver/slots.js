/** The slot that a key opens tells all that is needed besides the key (docs/format.md, section 6). */

import { equal } from "./bytes.js";
import { requireSuits, SLOT } from "./carrier.js";
import { BlockCipher, derive } from "./derivation.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./carrier.js").Carrier} Carrier */

/**
 * @typedef {object} Slot
 * @property {number} kind 0 a picture, 1 to 14 a file
 * @property {number} selection 0 keyed, 1 magnitude, 2 random
 * @property {number} units the ratio S in ten-thousandths
 * @property {number} height of the picture, or of a file's samples
 * @property {number} width
 * @property {boolean} intact whether the weights are those that the carrier was made with
 */

export const KEYED = 0;
export const MAGNITUDE = 1;
export const RANDOM = 2;
const NEWER = 15;
const LARGEST_UNITS = 9999;

/**
 * The first slot that a key opens, or null.
 * @param {Carrier} carrier
 * @param {Bytes} secret the key's 32 bytes
 * @returns {Promise<Slot | null>}
 */
export async function openSlot(carrier, secret) {
  const cipher = await BlockCipher.of(await derive(secret, carrier.nonce, "slot"));
  const plain = await cipher.decipher(carrier.slots);
  for (let at = 0; at < plain.length; at += SLOT) {
    const view = new DataView(plain.buffer, at, SLOT);
    if (view.getUint32(12) !== 0) continue;
    const [kind, selection] = [view.getUint8(0) >> 4, view.getUint8(0) & 15];
    if (kind === NEWER) {
      throw new Refusal("the key opens something that a newer release may read");
    }
    const [units, height, width] = [1, 3, 5].map((offset) => view.getUint16(offset, true));
    if (selection > RANDOM || units < 1 || units > LARGEST_UNITS || !height || !width) continue;
    requireSuits(carrier, height, width);
    const digest = await carrier.digest();
    const intact = equal(plain.subarray(at + 7, at + 12), digest.subarray(0, 5));
    return { kind, selection, units, height, width, intact };
  }
  return null;
}
