/** What anybody sees of a song, and what a key holder sees. */

import { readHiddenFile } from "./files.js";
import { bind } from "./keys.js";
import { Refusal } from "./refusal.js";
import { centres, renderBlock } from "./rendering.js";
import { KEYED, MAGNITUDE, openSlot } from "./slots.js";
import { SecretFunction } from "./substitution.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./carrier.js").Carrier} Carrier */
/** @typedef {import("./keys.js").Key} Key */
/** @typedef {import("./mask.js").Mask} Mask */
/** @typedef {import("./rendering.js").Evaluate} Evaluate */
/** @typedef {import("./slots.js").Slot} Slot */

/** The ratio S, in ten-thousandths, of a key that opens nothing. */
const WRONG_UNITS = 2000;

/**
 * What a key opens.
 * @typedef {object} Unlocked
 * @property {Bytes} secret 32 bytes, of this carrier alone but for a key's
 * @property {Slot} slot
 */

/**
 * The slot that the first of some keys opens.
 * @param {Carrier} carrier
 * @param {Key[]} keys
 * @param {number} [memory] that a passphrase takes, in MiB
 * @returns {Promise<Unlocked | null>} null: there is no picture for these keys
 */
export async function unlock(carrier, keys, memory) {
  for (const key of keys) {
    const secret = await bind(key, carrier.nonce, memory);
    const slot = await openSlot(carrier, secret);
    if (slot) return { secret, slot };
  }
  return null;
}

/**
 * The function that shows the picture.
 * @param {Carrier} carrier
 * @param {Unlocked} unlocked
 * @param {Mask | null} [mask]
 */
export async function secretFunction(carrier, { secret, slot }, mask = null) {
  if (slot.selection === MAGNITUDE) {
    if (!mask) {
      throw new Refusal("the song needs its mask besides the key", "give the .mask file as well");
    }
    mask.requireOf(carrier, slot.units);
  }
  return SecretFunction.of(carrier, secret, slot, {
    mask: slot.selection === MAGNITUDE ? mask : null,
  });
}

/**
 * A picture of any size.
 * @param {import("./rendering.js").Func} func
 * @param {{height: number, width: number}} size
 * @param {Evaluate} evaluate
 */
export function render(func, { height, width }, evaluate) {
  return renderBlock(func, centres(width, func.columns), centres(height, func.rows), evaluate);
}

/**
 * The file that a slot of a file's kind hides.
 * @param {Carrier} carrier
 * @param {Unlocked} unlocked
 * @param {Evaluate} evaluate
 * @param {Mask | null} [mask]
 */
export async function revealFile(carrier, unlocked, evaluate, mask = null) {
  const func = await secretFunction(carrier, unlocked, mask);
  const pixels = await render(func, unlocked.slot, evaluate);
  return readHiddenFile(pixels, unlocked.slot.kind, unlocked.secret, carrier.nonce);
}

/**
 * What a key that opens nothing makes of a song: the distorted cover of any wrong key (5.5).
 * @param {Carrier} carrier
 * @param {Key} key
 * @param {{memory?: number, mask?: Mask | null}} [options]
 */
export async function forcedFunction(carrier, key, { memory, mask = null } = {}) {
  const secret = await bind(key, carrier.nonce, memory);
  const slot = mask
    ? { selection: MAGNITUDE, units: mask.head.units }
    : { selection: KEYED, units: WRONG_UNITS };
  return SecretFunction.of(carrier, secret, slot, { mask, shuffled: false });
}
