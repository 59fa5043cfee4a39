/** Numbers as people say them. */

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {number | null} psnr in dB; none if nothing differs */
export function decibels(psnr) {
  return psnr === null ? "\u221e" : psnr.toFixed(2);
}

/** @param {number | null} value which may not be defined */
export function decimals(value, digits = 2) {
  return value === null ? "\u2013" : value.toFixed(digits);
}
