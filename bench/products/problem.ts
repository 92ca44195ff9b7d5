/** The products of a layer's training step on one lane where one operand is +-1, by tables (`fb`) and with reals (`ff`). */

import { createArena } from "../../ts/program/arena.ts";
import { type KernelCall, kernelsOver } from "../../ts/program/call.ts";
import { encodeConvShape, windowShape } from "../../ts/program/conv-shape.ts";
import { ready } from "../../ts/program/exports.ts";
import {
  CONV_SHAPE_BYTES,
  fbFilterScratchBytes,
  fbInputScratchBytes,
  fbInputWeightBytes,
  fbSignScratchBytes,
  fbSignWeightBytes,
  groups,
  outputPixels,
  paddedPixels,
  panelFloats,
  taps,
  terms,
} from "../../ts/program/kernels.ts";
import { backwardMapNumbers } from "../../ts/quantizers/maps.ts";
import { type KernelInstance, pageBytes } from "../../ts/runtime/instantiate.ts";
import { xorshift } from "../conv/problem.ts";

const k = kernelsOver<number>();

/** Images of a lane, height and width, channels and filters: ResNet-20's stages at batch 128, and one of ResNet-18's. */
export const SHAPES = [
  [16, 32, 16],
  [16, 16, 32],
  [16, 8, 64],
  [2, 14, 256],
  [1, 32, 16],
  [1, 14, 64],
  [1, 7, 128],
] as const;

export interface Product {
  readonly name: "forward, signs in" | "forward, signs as weights" | "filter gradient" | "input gradient";
  readonly tables: () => number;
  readonly reals: () => number;
  /** The greatest difference between the two results, as a share of the largest element. */
  readonly difference: () => number;
}

export interface Products {
  readonly shape: string;
  readonly multiplyAccumulates: number;
  readonly products: readonly Product[];
}

/** A 3x3 convolution, SAME, with +-1 inputs and +-1 weights in both forms, over the instance. */
export function products(
  { exports, memory }: KernelInstance,
  [images, size, width]: (typeof SHAPES)[number],
): Products {
  const shape = windowShape(images, {
    ...{ height: size, width: size, channels: width, kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1 },
    ...{ dilationHeight: 1, dilationWidth: 1 },
    ...{ padTop: 1, padLeft: 1, paddedHeight: size + 2, paddedWidth: size + 2, outHeight: size, outWidth: size },
    ...{ filters: width, padValue: "zero" },
  });
  const [rows, inputs] = [terms(shape), outputPixels(shape) * width];
  const bytes =
    80 * paddedPixels(shape) * width + 64 * rows * width + fbFilterScratchBytes(shape) + 2 * fbInputScratchBytes(shape);
  const arena = createArena(memory.grow(Math.ceil(bytes / pageBytes) + 1) * pageBytes);
  const next = xorshift(size);
  const floats = (count: number, value: () => number = () => 0): number => {
    const address = arena.allocate(4 * count);
    new Float32Array(memory.buffer, address, count).set(Float32Array.from({ length: count }, value));
    return address;
  };
  const sign = (): number => (next() < 0 ? -1 : 1);
  const real = (): number => next() / 2 ** 31;
  const at = arena.allocate(CONV_SHAPE_BYTES);
  new Uint8Array(memory.buffer, at).set(encodeConvShape(shape));
  const [x, w, dy] = [floats(inputs, sign), floats(rows * width, sign), floats(inputs, real)];
  const realWeights = floats(rows * width, real);

  const nibbles = arena.allocate(paddedPixels(shape) * groups(width));
  const [padded, paddedReals] = [floats(paddedPixels(shape) * width), floats(paddedPixels(shape) * width)];
  const panels = floats(panelFloats(rows, width));
  const panelsTransposed = floats(panelFloats(taps(shape) * width, width));
  const signPanels = floats(panelFloats(rows, width));
  const [signWeights, forwardWeights] = [
    arena.allocate(fbInputWeightBytes(shape)),
    arena.allocate(fbSignWeightBytes(shape)),
  ];
  // As large as the padded input: nothing is strided.
  const dilated = floats(paddedPixels(shape) * width);
  const [scratch, inputScratch, signScratch] = [
    arena.allocate(fbFilterScratchBytes(shape)),
    arena.allocate(fbInputScratchBytes(shape)),
    arena.allocate(fbSignScratchBytes(shape)),
  ];
  const call = (made: KernelCall<number>): (() => number) => ready(exports, made);
  const prepared = [
    k.fillBorderNibbles({ shape: at, out: nibbles }),
    k.signNibbles({ shape: at, x, out: nibbles }),
    k.padReal({ shape: at, x, out: padded }),
    k.packPanels({ w: realWeights, k: rows, n: width, out: panels }),
    k.packPanelsTransposed({ shape: at, w, out: panelsTransposed }),
    k.packFbInputWeights({ shape: at, kernel: w, weights: signWeights }),
    k.packPanels({ w, k: rows, n: width, out: signPanels }),
    k.packFbSignWeights({ shape: at, kernel: w, weights: forwardWeights }),
  ];
  for (const made of prepared) {
    if (call(made)() !== 0) throw new Error(`${made.kernel} met a number that is not finite`);
  }

  const product = (
    name: Product["name"],
    count: number,
    tables: (out: number) => () => number,
    reals: (out: number) => () => number,
  ): Product => {
    const [one, two] = [floats(count), floats(count)];
    return {
      name,
      tables: tables(one),
      reals: reals(two),
      difference: () => {
        const [a, b] = [one, two].map((address) => new Float32Array(memory.buffer, address, count));
        let [off, largest] = [0, 0];
        for (let i = 0; i < count; i++) {
          const [left, right] = [a?.[i] as number, b?.[i] as number];
          off = Math.max(off, Math.abs(left - right));
          largest = Math.max(largest, Math.abs(right));
        }
        return off / largest;
      },
    };
  };
  const [onBits, onReals] = [
    { shape: at, bits: nibbles },
    { shape: at, x: padded },
  ];
  const slope = { proximal: 0, map: backwardMapNumbers.one, parameters: null, table: null };
  const back = { shape: at, weights: signWeights, dy, scratch: inputScratch, x, ...slope, accumulate: false };
  return {
    shape: `3x3 ${size}x${size}x${width}->${width}, ${images} images`,
    multiplyAccumulates: outputPixels(shape) * width * rows,
    products: [
      product(
        "forward, signs in",
        inputs,
        (out) => call(k.fbConv({ ...onBits, w: realWeights, out, scratch })),
        (out) => call(k.ffConv({ ...onReals, panels, bias: null, out })),
      ),
      product(
        "forward, signs as weights",
        inputs,
        (out) => {
          const product = { shape: at, x: dy, weights: forwardWeights, scratch: signScratch };
          return call(k.fbSignConv({ ...product, bias: null, out }));
        },
        (out) => {
          const pad = call(k.padReal({ shape: at, x: dy, out: paddedReals }));
          const sums = call(k.ffConv({ shape: at, x: paddedReals, panels: signPanels, bias: null, out }));
          return () => pad() + sums();
        },
      ),
      product(
        "filter gradient",
        rows * width,
        (out) => call(k.fbConvBackwardFilter({ ...onBits, dy, dw: out, scratch })),
        (out) => call(k.ffConvBackwardFilter({ ...onReals, dy, dw: out })),
      ),
      product(
        "input gradient",
        inputs,
        (out) => call(k.fbConvBackwardInput({ ...back, dx: out })),
        (out) => {
          const spread = call(k.dilateReal({ shape: at, dy, out: dilated }));
          const product = { shape: at, dy: dilated, panels: panelsTransposed };
          const sums = call(k.ffConvBackwardInput({ ...product, dx: out }));
          return () => spread() + sums();
        },
      ),
    ],
  };
}
