/** Wheel, pointers and keys that move a stage's view. */

/** @typedef {import("./stage.js").Stage} Stage */

const STEP = 1.5; // how much a key or a button enlarges
const WHEEL = 0.0015; // how much a wheel's unit enlarges, as a power of e
const LINE = 16; // units of a wheel that counts in lines
const PART = 0.1; // of the screen, that an arrow key moves

/**
 * @param {Stage} stage
 */
export function listen(stage) {
  const { canvas } = stage;
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const units = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1);
      const point = stage.pointOf(event);
      stage.change((view) => view.zoomed(Math.exp(-WHEEL * units), point), { smooth: true });
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => {
    const point = stage.pointOf(event);
    stage.change((view) => view.zoomed(STEP ** 2, point), { smooth: true });
  });
  canvas.addEventListener("keydown", (event) => {
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : KEYS[event.key];
    if (!move) return;
    event.preventDefault();
    move(stage);
  });
  drag(stage);
}

/** @param {Stage} stage */
export function zoomIn(stage) {
  stage.change((view) => view.zoomed(STEP), { smooth: true });
}

/** @param {Stage} stage */
export function zoomOut(stage) {
  stage.change((view) => view.zoomed(1 / STEP), { smooth: true });
}

/** @param {Stage} stage */
export function showWhole(stage) {
  stage.change((view) => view.zoomed(0), { smooth: true });
}

/**
 * @param {Stage} stage
 * @param {number} across in screens
 * @param {number} down
 */
function move(stage, across, down) {
  const { width, height } = stage.screen;
  stage.change((view) => view.moved(across * width, down * height), { smooth: true });
}

/** @type {Record<string, (stage: Stage) => void>} */
const KEYS = {
  ArrowLeft: (stage) => move(stage, PART, 0),
  ArrowRight: (stage) => move(stage, -PART, 0),
  ArrowUp: (stage) => move(stage, 0, PART),
  ArrowDown: (stage) => move(stage, 0, -PART),
  "+": zoomIn,
  "=": zoomIn,
  "-": zoomOut,
  0: showWhole,
  Home: showWhole,
};

/**
 * One pointer drags; two enlarge about what is between them.
 * @param {Stage} stage
 */
function drag(stage) {
  const { canvas } = stage;
  /** @type {Map<number, {x: number, y: number}>} */
  const pointers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, stage.pointOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = middleOf([...pointers.values()]);
    pointers.set(event.pointerId, stage.pointOf(event));
    const after = middleOf([...pointers.values()]);
    stage.change((view) =>
      view
        .moved(after.x - before.x, after.y - before.y)
        .zoomed(before.spread > 0 ? after.spread / before.spread : 1, after),
    );
  });
  for (const ended of /** @type {const} */ (["pointerup", "pointercancel"])) {
    canvas.addEventListener(ended, (event) => pointers.delete(event.pointerId));
  }
}

/** @param {{x: number, y: number}[]} points */
function middleOf(points) {
  const x = points.reduce((sum, point) => sum + point.x, 0) / points.length;
  const y = points.reduce((sum, point) => sum + point.y, 0) / points.length;
  const spread = Math.max(...points.map((point) => Math.hypot(point.x - x, point.y - y)));
  return { x, y, spread };
}
