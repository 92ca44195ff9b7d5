/** Products of two operands of signs over slices, and their gradients: whole numbers, and sums in the order of tables. */

import { signGradientBytes, signSliceBytes } from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";
import { dense, numbers, seeds } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { nibbles, packedWords } from "./naive-bits.ts";
import { property } from "./property.ts";
import { inTables } from "./tables.ts";
import { tokenSizes } from "./token-sizes.ts";

const side = fc.oneof({ arbitrary: fc.integer({ min: 1, max: 20 }), weight: 4 }, fc.constantFrom(31, 32, 33, 49, 65));
const terms = fc.oneof({ arbitrary: side, weight: 3 }, fc.constantFrom(64, 128, 252, 253, 257));

const products = property(
  "products of signs over slices in both layouts, and the gradients at both operands",
  fc.record({
    ...{ images: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 3 }) },
    ...{ rows: side, columns: side, terms, bTransposed: fc.boolean(), seed: seeds },
  }),
  (bench, { seed, ...of }) => {
    const random = numbers(seed);
    const { rows, columns, terms, bTransposed } = of;
    const slices = of.images * of.heads;
    const signs = (length: number): Float32Array => random.reals(length).map((value) => (value < 0 ? -1 : 1));
    const [a, b] = [signs(slices * rows * terms), signs(slices * terms * columns)];
    const left = (slice: number, row: number, term: number): number => a[(slice * rows + row) * terms + term]!;
    const placeOf = (term: number, column: number): number =>
      bTransposed ? column * terms + term : term * columns + column;
    const right = (slice: number, term: number, column: number): number =>
      b[slice * terms * columns + placeOf(term, column)]!;
    /** A value for each row and column of every slice. */
    const each = (height: number, width: number, value: (slice: number, row: number, column: number) => number) =>
      Float32Array.from({ length: slices * height * width }, (_, i) =>
        value(Math.floor(i / height / width), Math.floor(i / width) % height, i % width),
      );
    const sum = (count: number, term: (t: number) => number): number => {
      let total = 0;
      for (let t = 0; t < count; t++) total += term(t);
      return total;
    };
    const wanted = each(rows, columns, (slice, row, column) =>
      sum(terms, (t) => left(slice, row, t) * right(slice, t, column)),
    );
    const shapes = [
      dense(slices * rows, terms, 1),
      bTransposed ? dense(slices * columns, terms, 1) : dense(slices * terms, columns, 1),
    ] as const;
    const packed = [a, b].map((values) => values.map((value) => Number(value > 0))).map((own) => Uint8Array.from(own));
    const [first, second] = packed.map((bits, place) => bench.input(nibbles(shapes[place]!, bits)));
    const [firstWords, secondWords] = packed.map((bits, place) => bench.input(packedWords(shapes[place]!, bits)));
    for (const [kernel, left, right] of [
      [k.bbSlicesNibbles, first!, second!],
      [k.bbSlicesWords, firstWords!, secondWords!],
    ] as const) {
      const out = bench.output(Float32Array, wanted.length);
      const scratch = bench.output(Uint8Array, signSliceBytes(columns, terms));
      status("products of signs", bench.call(kernel({ ...of, a: left, b: right, out, scratch })), 0);
      sameBits("a b", out.read(), wanted);
    }

    const dy = random.reals(wanted.length);
    const gradient = (slice: number, row: number, column: number): number =>
      dy[(slice * rows + row) * columns + column]!;
    const room = bench.output(Float32Array, Math.ceil(signGradientBytes(rows, columns, terms) / 4));
    const given = { ...of, dy: bench.input(dy), scratch: room };
    const [da, db] = [bench.output(Float32Array, a.length), bench.output(Float32Array, b.length)];
    status("fb_slices_first", bench.call(k.fbSlicesFirst({ ...given, b: second!, out: da })), 0);
    status("fb_slices_second", bench.call(k.fbSlicesSecond({ ...given, a: first!, out: db })), 0);
    const atFirst = each(rows, terms, (slice, row, term) =>
      inTables(columns, (t) => gradient(slice, row, t) * right(slice, term, t)),
    );
    sameBits("da", da.read(), atFirst);
    const atSecond = (slice: number, term: number, column: number): number =>
      inTables(rows, (t) => gradient(slice, t, column) * left(slice, t, term));
    const turned = each(columns, terms, (slice, column, term) => atSecond(slice, term, column));
    sameBits("db", db.read(), bTransposed ? turned : each(terms, columns, atSecond));
  },
  {
    // The scores of a head.
    examples: tokenSizes.map(({ tokens, width, ...of }) => ({
      ...{ ...of, rows: tokens, columns: tokens, terms: width, bTransposed: true },
    })),
  },
);

export const signSliceProperties = [products];
