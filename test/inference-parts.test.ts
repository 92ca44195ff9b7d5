/**
 * What the inference compiler is made of: buffers that share memory never do so at the same time, parts of a layer cover it
 * and see the windows of the whole, and what can run together does.
 */

import { describe, expect, test } from "vitest";
import { flowOf, type Reader } from "../ts/inference/flow.ts";
import { formOf } from "../ts/inference/forms.ts";
import { type Group, groupsOf } from "../ts/inference/fuse/groups.ts";
import { takeOtherHalf } from "../ts/inference/other-half.ts";
import { cut, cutByRows, cutEvenly, inputSlice, outputSlice } from "../ts/inference/slices.ts";
import { functional, type Graph, type GraphNode, input, layers, model, type SymbolicTensor } from "../ts/nn/index.ts";
import { isProduct } from "../ts/nn/nodes.ts";
import type { ConvShape } from "../ts/program/kernels.ts";
import { type LiveRange, placeBuffers, shareSlots } from "../ts/program/live.ts";
import fc from "./fast-check.ts";
import { convolutions } from "./kernels/arbitrary.ts";

takeOtherHalf();

const ranges: fc.Arbitrary<LiveRange[]> = fc.array(
  fc
    .record({ bytes: fc.integer({ min: 0, max: 1000 }), first: fc.nat(12), length: fc.nat(12) })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length })),
  { maxLength: 20 },
);
const at = <T>(list: readonly T[], index: number): T => list[index] as T;
const together = (a: LiveRange, b: LiveRange): boolean => a.first <= b.last && b.first <= a.last;

describe("buffers", () => {
  test("in use at the same time never overlap, and take no more than one after the other", () => {
    fc.assert(
      fc.property(ranges, fc.constantFrom(0, 1, 5, undefined), (buffers, mostCompared) => {
        const { offsets, bytes } = placeBuffers(buffers, mostCompared);
        for (const [i, a] of buffers.entries()) {
          const at = offsets[i] as number;
          expect(at % 64).toBe(0);
          expect(at + a.bytes).toBeLessThanOrEqual(bytes);
          for (const [j, b] of buffers.entries()) {
            if (i >= j || a.bytes === 0 || b.bytes === 0 || !together(a, b)) continue;
            const other = offsets[j] as number;
            expect(at + a.bytes <= other || other + b.bytes <= at).toBe(true);
          }
        }
        expect(bytes).toBeLessThanOrEqual(buffers.reduce((sum, buffer) => sum + 64 * Math.ceil(buffer.bytes / 64), 0));
      }),
    );
  });

  test("take the lowest offset that is free, the largest first, be they few or many at a time", () => {
    const many = fc.array(
      fc.record({ bytes: fc.nat(4000), first: fc.nat(40), length: fc.constantFrom(0, 1, 2, 3, 33, 40) }),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(many, (drawn) => {
        const buffers = drawn.map(({ bytes, first, length }) => ({ bytes: 64 * bytes, first, last: first + length }));
        const offsets: number[] = [];
        const order = buffers.map((_, i) => i).sort((a, b) => at(buffers, b).bytes - at(buffers, a).bytes || a - b);
        for (const index of order) {
          const own = at(buffers, index);
          const taken = order
            .filter((other) => offsets[other] !== undefined && together(at(buffers, other), own))
            .map((other) => ({ from: at(offsets, other), end: at(offsets, other) + at(buffers, other).bytes }))
            .sort((a, b) => a.from - b.from);
          let offset = 0;
          for (const { from, end } of taken) if (offset + own.bytes > from) offset = Math.max(offset, end);
          offsets[index] = offset;
        }
        expect(placeBuffers(buffers).offsets).toEqual(Array.from(buffers, (_, i) => at(offsets, i)));
      }),
    );
  });

  test("of a chain take as much as its two largest neighbours", () => {
    const chain = [100, 40, 90, 200, 10].map((kilobytes, i) => ({ bytes: 1024 * kilobytes, first: i, last: i + 1 }));
    expect(placeBuffers(chain).bytes).toBe(1024 * 290);
  });

  test("of a training step as deep as there may be are looked at a number of times that grows with their number", () => {
    const looks = (count: number): number => {
      let looked = 0;
      // The values of a step wait for the way back, so that the first is in use until the last moment.
      const nested = Array.from({ length: count }, (_, i) => ({
        bytes: 64,
        get first() {
          looked++;
          return i;
        },
        last: 2 * count - i,
      }));
      const { offsets, bytes } = placeBuffers(nested);
      expect(bytes).toBe(64 * count);
      expect(new Set(offsets).size).toBe(count);
      return looked;
    };
    expect(looks(40_000)).toBeLessThan(2.1 * looks(20_000));
  });

  test("of one form share slots in turn, as few as are in use at once", () => {
    fc.assert(
      fc.property(ranges, (buffers) => {
        const slots = shareSlots(buffers);
        for (const [i, a] of buffers.entries()) {
          for (const [j, b] of buffers.entries())
            if (i < j && slots[i] === slots[j]) expect(together(a, b)).toBe(false);
        }
        const busiest = buffers.map(({ first }) => buffers.filter((b) => b.first <= first && first <= b.last).length);
        expect(new Set(slots).size).toBe(Math.max(0, ...busiest));
      }),
    );
  });
});

/** For every row of the output, the rows of the image under the window's taps; null for padding. */
function rowsUnder(shape: ConvShape, paddedRow: number, row: number, outputRow: number): (number | null)[] {
  const start = paddedRow + outputRow * shape.strideHeight;
  return Array.from({ length: shape.kernelHeight }, (_, tap) => {
    // Relative to the slice, whose padding and image start at `paddedRow` and `row` of the whole.
    const inside = start - paddedRow + tap * shape.dilationHeight - shape.padTop;
    return inside >= 0 && inside < shape.height ? row + inside : null;
  });
}

describe("parts", () => {
  test("are not empty, differ by at most one, and follow each other", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 64 }), (total, parts) => {
        const found = cut(total, parts);
        const sizes = found.map(({ count }) => count);
        expect(found.length).toBe(Math.min(total, parts));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(Math.min(...sizes)).toBeGreaterThan(0);
        expect(found.map(({ first }) => first)).toEqual(
          sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0)),
        );
        expect(sizes.reduce((a, b) => a + b, 0)).toBe(total);
      }),
    );
  });

  test("of rows see through their windows what the whole sees", () => {
    fc.assert(
      fc.property(convolutions, fc.integer({ min: 1, max: 5 }), ({ shape: drawn }, parts) => {
        const whole = { ...drawn, images: 1 };
        for (const { rows } of cutByRows(whole, parts)) {
          const { shape, paddedRow, row } = outputSlice(whole, rows);
          expect(shape.paddedHeight).toBeGreaterThanOrEqual(shape.padTop + shape.height);
          const extent = (shape.kernelHeight - 1) * shape.dilationHeight + 1;
          expect(shape.paddedHeight).toBeGreaterThanOrEqual((rows.count - 1) * shape.strideHeight + extent);
          expect(paddedRow + shape.paddedHeight).toBeLessThanOrEqual(whole.paddedHeight);
          for (let i = 0; i < rows.count; i++) {
            const wanted = rowsUnder(whole, 0, 0, rows.first + i);
            expect(rowsUnder(shape, paddedRow, row, i)).toEqual(wanted);
          }
        }
      }),
    );
  });

  test("of an input write the rows of the padded buffer that the whole writes", () => {
    fc.assert(
      fc.property(convolutions, fc.integer({ min: 1, max: 5 }), ({ shape: drawn }, parts) => {
        const whole = { ...drawn, images: 1 };
        for (const rows of cut(whole.height, parts)) {
          const shape = inputSlice(whole, rows);
          expect(shape).toMatchObject({ height: rows.count, padTop: whole.padTop, width: whole.width });
          expect(rows.first + shape.paddedHeight).toBeLessThanOrEqual(whole.paddedHeight);
        }
      }),
    );
  });

  test("of filters begin at multiples of 32, and are taken where rows would leave a worker idle", () => {
    const pixel = { ...square(7), filters: 512 };
    expect(cutEvenly(pixel, 2).map(({ filters }) => filters)).toEqual([
      { first: 0, count: 256 },
      { first: 256, count: 256 },
    ]);
    expect(cutEvenly({ ...square(5), filters: 96 }, 3).map(({ filters }) => filters.first)).toEqual([0, 32, 64]);
    expect(cutEvenly(square(56), 2).map(({ rows }) => rows.count)).toEqual([28, 28]);
    expect(cutEvenly({ ...pixel, images: 2 }, 2)).toHaveLength(1);
  });
});

function square(size: number): ConvShape {
  const sizes = { height: size, width: size, outHeight: size, outWidth: size, channels: 64, filters: 64, images: 1 };
  const window = { kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1 };
  const steps = { strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1 };
  return { ...sizes, ...window, ...steps, paddedHeight: size + 2, paddedWidth: size + 2, padOne: false };
}

const isBinary = (node: GraphNode): boolean => isProduct(node) && formOf(node) === "exact";

const groupsIn = (graph: Graph): readonly Group[] => {
  const takes = ({ node }: Reader): boolean => isBinary(node);
  return [...groupsOf({ graph, flow: flowOf(graph) }, { takes, takesThresholds: takes }).values()];
};

describe("groups", () => {
  test("a residual block is its convolution, batch norm and sum, whichever branch comes first", () => {
    for (const shortcutFirst of [true, false]) {
      const start = input({ shape: [8, 8, 4] });
      const branch = (): SymbolicTensor =>
        layers.batchNorm().apply(layers.binaryConv2d({ filters: 4, kernelSize: 3 }).apply(start));
      const shortcut = (): SymbolicTensor =>
        layers.batchNorm().apply(layers.conv2d({ filters: 4, kernelSize: 1 }).apply(start));
      const [a, b] = shortcutFirst ? [shortcut(), branch()] : [branch(), shortcut()];
      const groups = groupsIn(functional({ inputs: start, outputs: layers.add().apply([a, b]) }));
      expect(groups.map(({ kind, members }) => `${kind} ${members.length}`).sort()).toEqual(["norm 3", "rows 2"]);
    }
  });

  test("a learned shift runs where a batch norm would: as thresholds, and with a shortcut", () => {
    const start = input({ shape: [8, 8, 4] });
    const sums = (x: SymbolicTensor): SymbolicTensor =>
      layers.shift().apply(layers.binaryConv2d({ filters: 4, kernelSize: 3 }).apply(x));
    const graph = functional({ inputs: start, outputs: layers.add().apply([sums(sums(start)), start]) });
    expect(groupsIn(graph).map(({ kind, members }) => `${kind} ${members.length}`)).toEqual(["bits 2", "norm 3"]);
  });

  test("of two such branches one has the sum", () => {
    const start = input({ shape: [8, 8, 4] });
    const branch = (): SymbolicTensor =>
      layers.batchNorm().apply(layers.binaryConv2d({ filters: 4, kernelSize: 3 }).apply(start));
    const groups = groupsIn(functional({ inputs: start, outputs: layers.add().apply([branch(), branch()]) }));
    expect(groups.map(({ kind, members }) => `${kind} ${members.length}`).sort()).toEqual(["norm 2", "norm 3"]);
  });

  test("a batch norm added to itself stays by itself", () => {
    const start = input({ shape: [8, 8, 4] });
    const norm = layers.batchNorm().apply(layers.binaryConv2d({ filters: 4, kernelSize: 3 }).apply(start));
    const groups = groupsIn(functional({ inputs: start, outputs: layers.add().apply([norm, norm]) }));
    expect(groups.map(({ kind, members }) => `${kind} ${members.length}`)).toEqual(["norm 2"]);
  });

  test("layers behind each other go step by step, up to one that also leaves signs or is read twice", () => {
    const start = input({ shape: [8, 8, 4] });
    const bent = layers.rprelu().apply(layers.maxPool2d().apply(start));
    const signs = layers.shift({ name: "signs" }).apply(layers.relu().apply(layers.shift().apply(bent)));
    const sums = layers.binaryConv2d({ filters: 4, kernelSize: 3 }).apply(signs);
    const graph = functional({ inputs: start, outputs: layers.add().apply([sums, bent]) });
    const groups = groupsIn(graph).filter(({ kind }) => kind === "steps");
    expect(groups.map(({ members }) => members)).toEqual([
      ["rprelu_shift", "rprelu_prelu", "rprelu"],
      ["shift", "relu"],
    ]);
  });

  test("every binary convolution of birealnet18 takes its batch norm and shortcut along", () => {
    const graph = model("birealnet18", { inputShape: [32, 32, 3], classes: 10 });
    const groups = groupsIn(graph);
    const binary = graph.nodes.filter(isBinary);
    const fused = groups.filter((group) => group.kind === "norm" && group.add !== null);
    expect(fused).toHaveLength(binary.length);
    expect(binary).toHaveLength(16);
  });
});
