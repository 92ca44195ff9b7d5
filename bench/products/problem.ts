/** The three products of a binary layer's training step on one lane of images, by tables (`fb`) and with reals (`ff`). */

import { backwardMapNumbers } from "../../ts/quantizers/maps.ts";
import { createArena } from "../../ts/runtime/arena.ts";
import {
  type ConvShape,
  encodeConvShape,
  fbFilterScratchBytes,
  fbInputScratchBytes,
  fbInputWeightBytes,
  groups,
  outputPixels,
  paddedPixels,
  panelFloats,
  reduction,
  taps,
  transposedShape,
  windowShape,
} from "../../ts/runtime/conv-shape.ts";
import { type KernelInstance, pageBytes } from "../../ts/runtime/instantiate.ts";
import { xorshift } from "../conv/problem.ts";

/** Images of a lane, height and width, channels and filters: ResNet-20's stages at batch 128, and one of ResNet-18's. */
export const SHAPES = [
  [16, 32, 16],
  [16, 16, 32],
  [16, 8, 64],
  [2, 14, 256],
] as const;

export interface Product {
  readonly name: "forward" | "filter gradient" | "input gradient";
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
    ...{ padTop: 1, padLeft: 1, paddedHeight: size + 2, paddedWidth: size + 2, outHeight: size, outWidth: size },
    ...{ filters: width, padValue: "zero" },
  });
  const transposed = transposedShape(shape);
  const [k, inputs] = [reduction(shape), outputPixels(shape) * width];
  const bytes =
    64 * paddedPixels(shape) * width + 64 * k * width + fbFilterScratchBytes(shape) + fbInputScratchBytes(shape);
  const arena = createArena(memory.grow(Math.ceil(bytes / pageBytes) + 1) * pageBytes);
  const next = xorshift(size);
  const floats = (count: number, value: () => number = () => 0): number => {
    const address = arena.allocate(4 * count);
    new Float32Array(memory.buffer, address, count).set(Float32Array.from({ length: count }, value));
    return address;
  };
  const place = (geometry: ConvShape): number => {
    const address = arena.allocate(64);
    new Uint8Array(memory.buffer, address).set(encodeConvShape(geometry));
    return address;
  };
  const sign = (): number => (next() < 0 ? -1 : 1);
  const real = (): number => next() / 2 ** 31;
  const [at, turned] = [place(shape), place(transposed)];
  const [x, w, dy] = [floats(inputs, sign), floats(k * width, sign), floats(inputs, real)];
  const realWeights = floats(k * width, real);

  const nibbles = arena.allocate(paddedPixels(shape) * groups(width));
  const padded = floats(paddedPixels(shape) * width);
  const panels = floats(panelFloats(k, width));
  const panelsTransposed = floats(panelFloats(taps(shape) * width, width));
  const signWeights = arena.allocate(fbInputWeightBytes(shape));
  const dilated = floats(paddedPixels(transposed) * width);
  const [scratch, inputScratch] = [
    arena.allocate(fbFilterScratchBytes(shape)),
    arena.allocate(fbInputScratchBytes(shape)),
  ];
  exports.fill_border_nibbles(at, nibbles);
  exports.sign_nibbles(at, x, nibbles);
  exports.pad_real(at, x, padded);
  exports.pack_panels(realWeights, k, width, panels);
  exports.pack_panels_transposed(at, w, panelsTransposed);
  exports.pack_fb_input_weights(at, w, signWeights);

  const product = (
    name: Product["name"],
    count: number,
    tables: (out: number) => number,
    reals: (out: number) => number,
  ): Product => {
    const [one, two] = [floats(count), floats(count)];
    return {
      name,
      tables: () => tables(one),
      reals: () => reals(two),
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
  const { fb_conv, ff_conv, fb_conv_backward_filter, ff_conv_backward_filter, fb_conv_backward_input } = exports;
  return {
    shape: `3x3 ${size}x${size}x${width}->${width}, ${images} images`,
    multiplyAccumulates: outputPixels(shape) * width * k,
    products: [
      product(
        "forward",
        inputs,
        (out) => fb_conv(at, nibbles, realWeights, out, scratch),
        (out) => ff_conv(at, padded, panels, 0, out),
      ),
      product(
        "filter gradient",
        k * width,
        (out) => fb_conv_backward_filter(at, nibbles, dy, out, scratch),
        (out) => ff_conv_backward_filter(at, padded, dy, out),
      ),
      product(
        "input gradient",
        inputs,
        (out) => fb_conv_backward_input(at, signWeights, dy, inputScratch, 0, backwardMapNumbers.one, x, 0, 0, 0, out),
        (out) => exports.dilate_real(at, dy, dilated) + ff_conv(turned, dilated, panelsTransposed, 0, out),
      ),
    ],
  };
}
