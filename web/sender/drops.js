/** Files that are dropped or chosen. */

/**
 * @param {HTMLElement} zone where files are dropped
 * @param {HTMLInputElement} input where they are chosen
 * @param {(files: File[]) => unknown} take
 */
export function acceptFiles(zone, input, take) {
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // the same file can be chosen again
    if (files.length) take(files);
  });
  zone.addEventListener("dragenter", () => zone.classList.add("dropping"));
  zone.addEventListener("dragover", () => zone.classList.add("dropping"));
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(/** @type {Node | null} */ (event.relatedTarget))) {
      zone.classList.remove("dropping");
    }
  });
  zone.addEventListener("drop", (event) => {
    zone.classList.remove("dropping");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) take(files);
  });
}

/** A file that misses its place must not open in place of the page. */
export function forbidOtherDrops() {
  for (const name of ["dragover", "drop"]) {
    addEventListener(name, (event) => event.preventDefault());
  }
}
