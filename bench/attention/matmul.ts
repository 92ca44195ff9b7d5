/** Products of two values of one image over bits and over reals: a slice for each head, as attention has them. */
import { createArena } from "../../ts/program/arena.ts";
import { type KernelCall, kernelsOver } from "../../ts/program/call.ts";
import { denseShape, encodeConvShape } from "../../ts/program/conv-shape.ts";
import { ready } from "../../ts/program/exports.ts";
import { CONV_SHAPE_BYTES, groups, panelFloats, signGradientBytes, signSliceBytes } from "../../ts/program/kernels.ts";
import { type KernelInstance, pageBytes } from "../../ts/runtime/instantiate.ts";
import { xorshift } from "../conv/problem.ts";
import { type Duel, HEADS, WIDTH } from "./problem.ts";

const k = kernelsOver<number>();

/** Rows by rows of WIDTH terms, a matrix of `[tokens, tokens]` by rows of WIDTH features, and the two gradients of the first. */
export const FORMS = ["matmul a bᵀ", "matmul a b", "gradients of a bᵀ"] as const;

export type Form = (typeof FORMS)[number];

/** Products of `tokens` rows over signs. */
export function matmul({ exports, memory }: KernelInstance, form: Form, tokens: number): Duel {
  const bTransposed = form !== "matmul a b";
  const [rows, columns, terms] = bTransposed ? [tokens, tokens, WIDTH] : [tokens, WIDTH, tokens];
  const sizes = { images: 1, heads: HEADS, rows, columns, terms };
  const [ofA, ofB, ofY] = [rows * terms, terms * columns, rows * columns].map((count) => HEADS * count) as [
    number,
    number,
    number,
  ];
  const panels = 4 * Math.max(panelFloats(terms, columns), panelFloats(columns, terms), panelFloats(rows, terms));
  const scratchBytes = Math.max(panels, signSliceBytes(columns, terms), signGradientBytes(rows, columns, terms));
  const bytes = 4 * (4 * (ofA + ofB) + 3 * ofY) + scratchBytes;
  const arena = createArena(memory.grow(Math.ceil(bytes / pageBytes) + 1) * pageBytes);
  const next = xorshift(tokens);
  const floats = (count: number): number => arena.allocate(4 * count);
  const filled = (count: number, value: () => number): number => {
    const address = floats(count);
    const values = new Float32Array(memory.buffer, address, count);
    values.set(values.map(value));
    return address;
  };
  const run = (call: KernelCall<number>): void => {
    if (ready(exports, call)() !== 0) throw new Error(`${call.kernel} met a number that is not finite`);
  };
  const signs = (height: number, width: number) => {
    const x = filled(HEADS * height * width, () => (next() < 0 ? -1 : 1));
    const [shape, out] = [arena.allocate(CONV_SHAPE_BYTES), arena.allocate(HEADS * height * groups(width))];
    new Uint8Array(memory.buffer, shape).set(encodeConvShape(denseShape(HEADS * height, width, 1)));
    run(k.signNibbles({ shape, x, out }));
    return { x, bits: out };
  };
  const [a, b] = [signs(rows, terms), bTransposed ? signs(columns, terms) : signs(terms, columns)];
  const scratch = arena.allocate(scratchBytes);
  const real = (
    part: Partial<typeof sizes>,
    places: { a: number; b: number; out: number },
    turned: [boolean, boolean],
  ) =>
    k.ffSlices({
      ...{ ...sizes, ...part, ...places, aSplit: false, bSplit: false, outSplit: false, aTransposed: turned[0] },
      ...{ bTransposed: turned[1], alphas: null, accumulate: false, scratch },
    });
  const duel = (ours: readonly KernelCall<number>[], theirs: readonly KernelCall<number>[], agree: () => boolean) => {
    const [bits, reals] = [ours, theirs].map((calls) => calls.map((call) => ready(exports, call)));
    const all = (calls: readonly (() => number)[] = []) => calls.reduce((status, call) => status + call(), 0);
    const multiplyAccumulates = ours.length * HEADS * rows * columns * terms;
    return { multiplyAccumulates, bits: () => all(bits), reals: () => all(reals), agree };
  };
  const values = (address: number, count: number) => new Float32Array(memory.buffer, address, count);
  if (form !== "gradients of a bᵀ") {
    const [one, two] = [floats(ofY), floats(ofY)];
    const own = k.bbSlicesNibbles({ ...sizes, a: a.bits, b: b.bits, bTransposed, out: one, scratch });
    const other = real({}, { a: a.x, b: b.x, out: two }, [false, bTransposed]);
    return duel([own], [other], () => values(one, ofY).every((value, i) => value === values(two, ofY)[i]));
  }
  const dy = filled(ofY, () => next() / 2 ** 31);
  const [da, otherA, db, otherB] = [floats(ofA), floats(ofA), floats(ofB), floats(ofB)];
  const given = { ...sizes, dy, bTransposed, scratch };
  const ours = [k.fbSlicesFirst({ ...given, b: b.bits, out: da }), k.fbSlicesSecond({ ...given, a: a.bits, out: db })];
  const theirs = [
    real({ columns: terms, terms: columns }, { a: dy, b: b.x, out: otherA }, [false, false]),
    real({ rows: columns, columns: terms, terms: rows }, { a: dy, b: a.x, out: otherB }, [true, false]),
  ];
  // Sums of as many numbers of at most 1, in two orders.
  const near = (x: Float32Array, y: Float32Array) =>
    x.every((value, i) => Math.abs(value - (y[i] as number)) <= tokens * tokens * 2 ** -23);
  return duel(
    ours,
    theirs,
    () => near(values(da, ofA), values(otherA, ofA)) && near(values(db, ofB), values(otherB, ofB)),
  );
}
