/**
 * Signs of a kernel as a file keeps them: one row of `ceil(K/8)` bytes a filter. Bit `k` of a row stands in byte `k >>
 * 3` at position `k & 7` (least significant first). It is 1 for +1 and 0 for -1. The bits past K in a row's last byte,
 * its tail, are 0.
 *
 * The real kernel is HWIO, seen as a matrix `[K][filters]` with `K = kernelHeight * kernelWidth * channels`. A dense
 * kernel is `[inputs][units]`. These loops are the plain twins of the core's packing. They serve code that runs without
 * the core.
 */
import { ProxbitError } from "../base/errors.ts";
import { elementsOf } from "../nn/shapes.ts";

/** Rows and columns of a kernel seen as a matrix. `reduced` is K, the product of all axes but the last. */
export function matrixOf(shape: readonly number[]): { readonly reduced: number; readonly filters: number } {
  const filters = shape.at(-1) ?? 1;
  return { reduced: elementsOf(shape.slice(0, -1)), filters };
}

/** The shape of a kernel's packed signs: `[filters, ceil(K/8)]`. */
export function packedShape(shape: readonly number[]): readonly [number, number] {
  const { reduced, filters } = matrixOf(shape);
  return [filters, Math.ceil(reduced / 8)];
}

/**
 * The signs of `weights`, `[K][filters]`; sign(0) = sign(-0.0) = +1.
 *
 * @throws ProxbitError "shape" where the lengths disagree, "not-finite" where a weight is NaN.
 */
export function packSigns(weights: Float32Array, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const { reduced, filters } = matrixOf(shape);
  if (weights.length !== reduced * filters) {
    throw new ProxbitError(
      "shape",
      `a kernel of shape [${shape.join(", ")}] has ${reduced * filters} weights, not ${weights.length}`,
      "Give all the weights of the kernel.",
    );
  }
  const rowBytes = Math.ceil(reduced / 8);
  const bits = new Uint8Array(filters * rowBytes);
  weights.forEach((weight, index) => {
    if (Number.isNaN(weight)) {
      throw new ProxbitError("not-finite", `weight ${index} is NaN and has no sign`, "Lower the learning rate.");
    }
    const row = Math.floor(index / filters);
    const at = (index % filters) * rowBytes + (row >> 3);
    if (weight >= 0) bits[at] = (bits[at] ?? 0) | (1 << (row & 7));
  });
  return bits;
}

/** The reverse of {@link packSigns}: weights +1 and -1 in the order of the real kernel, `[K][filters]`. */
export function unpackSigns(bits: Uint8Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const { reduced, filters } = matrixOf(shape);
  const rowBytes = Math.ceil(reduced / 8);
  if (bits.length !== filters * rowBytes) {
    throw new ProxbitError(
      "shape",
      `the signs of a kernel of shape [${shape.join(", ")}] take ${filters * rowBytes} bytes, not ${bits.length}`,
      "Give all the packed rows of the kernel.",
    );
  }
  return Float32Array.from({ length: reduced * filters }, (_, index) => {
    const row = Math.floor(index / filters);
    const byte = bits[(index % filters) * rowBytes + (row >> 3)] ?? 0;
    return ((byte >> (row & 7)) & 1) * 2 - 1;
  });
}

/** The first filter whose tail bits are not all 0, or -1. */
export function findDirtyTail(bits: Uint8Array, shape: readonly number[]): number {
  const { reduced, filters } = matrixOf(shape);
  const used = reduced % 8;
  if (used === 0) return -1;
  const rowBytes = Math.ceil(reduced / 8);
  for (let filter = 0; filter < filters; filter++) {
    if ((bits[filter * rowBytes + rowBytes - 1] ?? 0) >> used !== 0) return filter;
  }
  return -1;
}
