/** Parts of the page, found and made. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export function get(id) {
  const found = document.getElementById(id);
  if (!found) throw new TypeError(`the page has no ${id}`);
  return /** @type {T} */ (found);
}

/**
 * @template {HTMLElement} T
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {T}
 */
export function within(parent, selector) {
  const found = parent.querySelector(selector);
  if (!found) throw new TypeError(`the page has no ${selector}`);
  return /** @type {T} */ (found);
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name of the element
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} inside
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, attributes, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

/** @param {string} message */
export function sentence(message) {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}
