/**
 * The comparison of methods, and of Bop: each beside the same training without it. A new method is one more line here. Where it wants another
 * quantizer, the line names that, and the plain training with it becomes a row too.
 */
import { type Cell, type Details, type Run, runsOf, type Settings } from "../../ts/compare/grid.ts";
import { methodOf } from "../../ts/methods/index.ts";
import type { Method } from "../../ts/train/method.ts";
import {
  type Bop,
  type Bop2,
  caseOptimizer,
  optimizers,
  type RealOptimizer,
} from "../../ts/train/optimizers/optimizers.ts";

/** Methods from random weights, rules of flips, and methods that go on from the weights of plain training. */
export type Table = "methods" | "bop" | "fine-tuning";

export interface Way {
  /** The row's name. */
  readonly name: string;
  /** The quantizer of the weights; that of the activations is poly in all rows. */
  readonly quantizer: string;
  readonly methods: readonly Method[];
  /** The table that the row stands in. */
  readonly table: Table;
  /** The claim of its authors where that is no gain of accuracy. */
  readonly claim?: string;
}

const USUAL = "bnn";

/** The ways that are compared over runs of `epochs` epochs. */
export const waysOf = (epochs: number): readonly Way[] => {
  const own = (name: string, options: Readonly<Record<string, unknown>> = {}, quantizer = USUAL): Way => ({
    ...{ name, quantizer, methods: [methodOf(name, options)], table: "methods" },
  });
  return [
    own("bd-bnn"),
    own("two-step"),
    own("hardening", { epochs }, "pc"),
    own("self-distillation"),
    own("cmim"),
    { ...own("cmim", { bank: 4096 }), name: "cmim with a bank" },
    own("siman"),
    own("biper"),
    own("rbnn"),
    flips("Bop", optimizers.bop()),
    flips("Bop, second order", optimizers.bop2()),
    flips("Bop, second order, unbiased", optimizers.bop2({ unbiased: true })),
    { ...own("pste"), claim: "6 / 9 of a bit a weight, by 64 codewords, for a small loss" },
    { ...own("noisy-supervision"), table: "fine-tuning" },
  ];
};

/** Binary weights flipped by `binary`; all other parameters follow the optimizer of the other rows. */
const flips = (name: string, binary: Bop | Bop2): Way => {
  const optimizer: Method["optimizer"] = (rest) => caseOptimizer({ binary, rest: rest as RealOptimizer });
  return { name, quantizer: USUAL, methods: [{ name: "flips", options: { ...binary }, optimizer }], table: "bop" };
};

/** Quantizers of some way, each of which has a row without methods. */
const quantizersOf = (ways: readonly Way[]): readonly string[] => [...new Set(ways.map(({ quantizer }) => quantizer))];

/** The name by which a run's cell tells its way. */
const textOf = ({ name, methods }: Way): string => `${name} ${JSON.stringify(methods.map(({ options }) => options))}`;

/** All runs: those without methods first, seed by seed. */
export function runsWith(settings: Settings, ways: readonly Way[], seeds: readonly number[]): readonly Run[] {
  const details = (): Details => ({ activationQuantizer: "poly" });
  const runs = quantizersOf(ways).flatMap((quantizer) => {
    const methods = ways.filter((way) => way.quantizer === quantizer).map(textOf);
    return runsOf({ settings, quantizers: [quantizer], tasks: ["bwa"], seeds, methods }, details);
  });
  const place = ({ method, seed }: Run): number => 2 * seeds.indexOf(seed) + (method === undefined ? 0 : 1);
  return runs.toSorted((one, other) => place(one) - place(other));
}

/** The way of a cell; null for plain training. */
export const wayOf = ({ method, quantizer }: Cell, ways: readonly Way[]): Way | null =>
  ways.find((way) => textOf(way) === method && way.quantizer === quantizer) ?? null;
