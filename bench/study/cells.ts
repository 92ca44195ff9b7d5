/**
 * The cells of the study: quantizers with their schedules, the operands that they act on, and the length of the run. Short runs
 * stand first, so that a study which was left has whole lengths.
 */
import { keyOf } from "../../ts/compare/grid.ts";
import type { Task } from "../../ts/nn/models/tasks.ts";

export type Operands = "weights" | "activations" | "both";

export const tasksOf: Readonly<Record<Operands, Task>> = { weights: "bw", activations: "ba", both: "bwa" };

export interface Cell {
  /** A name with its options (`ts/quantizers/text.ts`). */
  readonly quantizer: string;
  readonly operands: Operands;
  readonly epochs: number;
  readonly seed: number;
}

/** Pairs as shipped, and behind each that is soft candidates for another schedule. */
export const candidates: Readonly<Record<string, readonly string[]>> = {
  "bnn+": [],
  "bnn++": ["beta=logLinear(1,5),hardenAt=0.5", "beta=5,hardenAt=0.5", "beta=logLinear(1,5),hardenAt=0.3"],
  poly: [],
  "poly+": ["hardenAt=0.5", "hardenAt=0.3"],
  ede: [],
  "ede+": ["t=window(0,0.5,logLinear(1e-3,10)),hardenAt=0.5", "t=logLinear(1,10),hardenAt=0.5"],
  pc: ["rho=parqRho(0,0.5),hardenAt=0.5", "rho=parqRho(0,0.3),hardenAt=0.3"],
};

export const quantizerTexts: readonly string[] = Object.entries(candidates).flatMap(([name, options]) => [
  name,
  ...options.map((option) => `${name}:${option}`),
]);

export const lengths = [3, 12, 40] as const;
const operands: readonly Operands[] = ["weights", "activations", "both"];

/** All cells of one seed, the short runs first. */
export const cells: readonly Cell[] = lengths.flatMap((epochs) =>
  operands.flatMap((operand) => quantizerTexts.map((quantizer) => ({ quantizer, operands: operand, epochs, seed: 1 }))),
);

/** What determines a run's numbers beside its cell. */
export interface Frame {
  readonly data: string;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly images: number;
}

export const nameOf = ({ quantizer, operands, epochs, seed }: Cell): string =>
  `${quantizer}, ${operands}, ${epochs} epochs, seed ${seed}`;

/** The name of a cell's files: words for people, and enough of a digest that no two cells share one. */
export function fileOf(cell: Cell, frame: Frame): string {
  const words = cell.quantizer.replace(/[^\w.+-]+/g, "-").slice(0, 60);
  return `${words}-${cell.operands}-${cell.epochs}-seed${cell.seed}-${keyOf({ ...cell, ...frame }).slice(0, 12)}`;
}
