/** Strings of bytes, which are `Uint8Array`s everywhere. */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/**
 * @param {...ArrayLike<number>} parts
 * @returns {Bytes}
 */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * @param {ArrayLike<number>} one
 * @param {ArrayLike<number>} other
 */
export function equal(one, other) {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/**
 * @param {string} text in base64
 * @returns {Bytes}
 */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * The bytes of a text in ASCII or UTF-8.
 * @param {string} text
 * @returns {Bytes}
 */
export function encode(text) {
  return new TextEncoder().encode(text);
}

/**
 * A text in UTF-8, with a byte order mark kept; null if it is none.
 * @param {Uint8Array} bytes
 */
export function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
