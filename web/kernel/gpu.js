/** Networks by a GPU: WebGL 2 with numbers of 32 bits, and a fragment for each point. */

import { groups, offsets, pack, pointsOf } from "./packing.js";

/** @typedef {import("../receiver/rendering.js").Piece} Piece */
/** @typedef {import("./packing.js").Shapes} Shapes */

/**
 * Outputs as `Evaluate` gives them; null where there is no GPU that can, or where it was lost.
 * @typedef {(shapes: Shapes, pieces: Piece[]) => Float32Array[] | null} Attempt
 */

/** Groups of four numbers in a row of what goes there and comes back. */
const WIDTH = 1024;
/** Groups of a network's weights, at most: a GPU that takes long is taken to hang. */
const LARGEST = 2 ** 15;

/**
 * The browser's GPU, which is woken by its first use. No sine may have a large argument.
 * @returns {Attempt}
 */
export function findGpu() {
  /** @type {WebGL2RenderingContext | null | undefined} */
  let gl;
  let compiled = "";
  let use = 0;
  return (shapes, pieces) => {
    if (gl === undefined) gl = open();
    if (!gl || sizeOf(shapes) > LARGEST) return null;
    const program = fragments(shapes);
    if (program !== compiled) compile(gl, program);
    compiled = program;
    return draw(gl, shapes, pieces, ++use);
  };
}

/** A context that computes with 32 bits: a texture for what goes there, a buffer for outputs. */
function open() {
  const gl = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl?.getExtension("EXT_color_buffer_float")) return null;
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
    gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
  }
  const buffer = gl.createRenderbuffer();
  gl.bindRenderbuffer(gl.RENDERBUFFER, buffer);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, buffer);
  return gl;
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {string} source of the program for fragments
 */
function compile(gl, source) {
  const program = gl.createProgram();
  for (const [kind, text] of /** @type {const} */ ([
    [gl.VERTEX_SHADER, VERTICES],
    [gl.FRAGMENT_SHADER, source],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program); // where it was not linked nothing is drawn
}

/**
 * All pieces at once: a tile's piece of a small block is too little for a GPU.
 * @param {WebGL2RenderingContext} gl
 * @param {Shapes} shapes
 * @param {Piece[]} pieces
 * @param {number} use
 */
function draw(gl, shapes, pieces, use) {
  const rows = Math.ceil(pointsOf(pieces) / WIDTH);
  const numbers = gathered(shapes, pieces, rows, use);
  const height = numbers.length / 4 / WIDTH;
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, WIDTH, height, 0, gl.RGBA, gl.FLOAT, numbers);
  gl.renderbufferStorage(gl.RENDERBUFFER, gl.RGBA32F, WIDTH, rows);
  gl.viewport(0, 0, WIDTH, rows);
  gl.drawArrays(gl.TRIANGLES, 0, 3);
  const outputs = new Float32Array(4 * WIDTH * rows);
  gl.readPixels(0, 0, WIDTH, rows, gl.RGBA, gl.FLOAT, outputs);
  return parted(pieces, outputs, use);
}

/** @param {Shapes} shapes */
function sizeOf(shapes) {
  return offsets(shapes)[shapes.length];
}

/**
 * Some rows of points: of each its coordinates, where its weights begin, and which use of the GPU
 * this is. Then the weights of all pieces.
 * @param {Shapes} shapes
 * @param {Piece[]} pieces
 * @param {number} rows
 * @param {number} use
 */
function gathered(shapes, pieces, rows, use) {
  const size = sizeOf(shapes);
  const height = rows + Math.ceil((pieces.length * size) / WIDTH);
  const numbers = new Float32Array(4 * WIDTH * height);
  let [at, begin] = [0, WIDTH * rows];
  for (const { weights, xs, ys } of pieces) {
    for (let i = 0; i < xs.length; i++) {
      numbers[at++] = xs[i];
      numbers[at++] = ys[i];
      numbers[at++] = begin;
      numbers[at++] = use;
    }
    pack(shapes, weights, numbers.subarray(4 * begin));
    begin += size;
  }
  return numbers;
}

/**
 * The outputs of each piece. A lost GPU does not say so, it writes nothing: only what bears the
 * number of this use is believed.
 * @param {Piece[]} pieces
 * @param {Float32Array} outputs red, green, blue and that number
 * @param {number} use
 */
function parted(pieces, outputs, use) {
  const found = [];
  let from = 0;
  for (const { xs } of pieces) {
    const part = new Float32Array(3 * xs.length);
    for (let to = 0; to < part.length; ) {
      for (let i = 0; i < 3; i++) part[to++] = outputs[from++];
      if (outputs[from++] !== use) return null;
    }
    found.push(part);
  }
  return found;
}

/** One triangle that covers all. */
const VERTICES = `#version 300 es
void main(){gl_Position=vec4(gl_VertexID%2*4-1,gl_VertexID/2*4-1,0,1);}`;

/**
 * A program for networks of some shapes: the sums and the sine of `layer.ts`, in their order. It is
 * written without blanks, since no tool takes them out of the page. `t` has points and weights, of
 * which `w` gives the next four; `a` is a layer's inputs, `b` its outputs.
 * @param {Shapes} shapes
 */
function fragments(shapes) {
  const [features, inputs] = shapes[0];
  const sums = [..."xyzw"].map((side) => `s+=w()*x.${side};`);
  /** @type {(rows: number, columns: number, output: string) => string} */
  const layer = (rows, columns, output) => {
    const [whole, rest] = [columns >> 2, columns % 4];
    return `for(int i=0;i<${groups(rows)};i++){
vec4 s=w(),x;
for(int j=0;j<${whole};j++){x=a[j];${sums.join("")}}
${rest ? `x=a[${whole}];${sums.slice(0, rest).join("")}` : ""}
b[i]=${output};}`;
  };
  return `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D t;
out vec4 o;
int k;
vec4 w(){int i=k++;return texelFetch(t,ivec2(i%${WIDTH},i/${WIDTH}),0);}
vec4 sine(vec4 x){
vec4 n=roundEven(x*.318309886),y=x-n*3.140625-n*${4059 / 4194304}+n*8.742278e-8;
x=y*y;
y+=y*x*((((x*-2.50521084e-8+2.75573192e-6)*x-1.98412698e-4)*x+8.33333333e-3)*x-.166666667);
return y*vec4(1-2*(ivec4(n)&1));}
void main(){
vec4 p=texelFetch(t,ivec2(gl_FragCoord),0),a[${groups(features)}],b[${groups(features)}];
a[0]=p;
k=int(p.z);
${layer(features, inputs, "sine(s)")}
for(int l=2;l<${shapes.length};l++){
a=b;
${layer(features, features, "sine(s)")}}
a=b;
${layer(3, features, "s")}
o=vec4(b[0].rgb,p.w);}`;
}
