/** What is wrong with a file or a key, in one line: lower case, no full stop. It quotes no secret. */
export class Refusal extends Error {
  /**
   * @param {string} message what, where, expected, got
   * @param {string} [hint] what a person can do about it
   */
  constructor(message, hint) {
    super(message);
    this.name = "Refusal";
    this.hint = hint;
  }
}

/**
 * Refuse unless something holds.
 * @param {boolean} holds
 * @param {string} message
 * @returns {asserts holds}
 */
export function require(holds, message) {
  if (!holds) throw new Refusal(message);
}
