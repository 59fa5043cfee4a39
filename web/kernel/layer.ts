/**
 * One layer of a network at 64 points, four outputs and eight points at a time, by SIMD.
 *
 * Activations lie feature by feature, 64 points of each. Weights lie in groups of four outputs:
 * four biases, then for each input the four weights (`kernel.js` packs them so).
 */

const POINTS: usize = 64;
const ROW: usize = POINTS * 4; // bytes
const GROUP: usize = 16; // bytes of four numbers

/** pi in three parts: the products of the first two with whole numbers below 4,096 are exact. */
const PI_1: f32 = 3.140625;
const PI_2: f32 = 4059.0 / 4194304.0;
const PI_3: f32 = -8.742278e-8;

export function layer(
  weights: usize, inputs: usize, outputs: usize, groups: i32, columns: i32, sine: bool,
): void {
  for (let group = 0; group < groups; group++) {
    for (let point: usize = 0; point < ROW; point += 2 * GROUP) {
      let at = weights;
      let a0 = v128.load32_splat(at), a1 = v128.load32_splat(at, 4);
      let a2 = v128.load32_splat(at, 8), a3 = v128.load32_splat(at, 12);
      let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
      let from = inputs + point;
      for (let column = 0; column < columns; column++) {
        at += GROUP;
        const x = v128.load(from), y = v128.load(from, 16);
        from += ROW;
        let w = v128.load32_splat(at);
        a0 = f32x4.add(a0, f32x4.mul(w, x));
        b0 = f32x4.add(b0, f32x4.mul(w, y));
        w = v128.load32_splat(at, 4);
        a1 = f32x4.add(a1, f32x4.mul(w, x));
        b1 = f32x4.add(b1, f32x4.mul(w, y));
        w = v128.load32_splat(at, 8);
        a2 = f32x4.add(a2, f32x4.mul(w, x));
        b2 = f32x4.add(b2, f32x4.mul(w, y));
        w = v128.load32_splat(at, 12);
        a3 = f32x4.add(a3, f32x4.mul(w, x));
        b3 = f32x4.add(b3, f32x4.mul(w, y));
      }
      const to = outputs + point;
      store(to, a0, b0, sine);
      store(to + ROW, a1, b1, sine);
      store(to + 2 * ROW, a2, b2, sine);
      store(to + 3 * ROW, a3, b3, sine);
    }
    weights += GROUP * <usize>(columns + 1);
    outputs += 4 * ROW;
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function store(to: usize, a: v128, b: v128, sine: bool): void {
  v128.store(to, sine ? sin(a) : a);
  v128.store(to, sine ? sin(b) : b, 16);
}

/** The sine of four numbers up to 10,000, to about 1e-7: the series up to the eleventh power. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function sin(x: v128): v128 {
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(0.3183098861837907)));
  let y = f32x4.sub(x, f32x4.mul(n, f32x4.splat(PI_1)));
  y = f32x4.sub(y, f32x4.mul(n, f32x4.splat(PI_2)));
  y = f32x4.sub(y, f32x4.mul(n, f32x4.splat(PI_3)));
  const s = f32x4.mul(y, y);
  let p = f32x4.splat(-2.505210838544172e-8);
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(2.7557319223985893e-6));
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-1.984126984126984e-4));
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(8.333333333333333e-3));
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-0.16666666666666666));
  p = f32x4.add(y, f32x4.mul(f32x4.mul(y, s), p));
  // An odd number of halves turns the sign.
  const odd = i32x4.shl(i32x4.trunc_sat_f32x4_s(n), 31);
  return v128.xor(p, odd);
}
