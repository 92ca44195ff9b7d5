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
  /** The activations' quantizer where it is another; they harden at a moment of their own then. */
  readonly activationQuantizer?: string;
  /** The share of the run at which the course of the learning rate begins anew. */
  readonly restartAt?: number;
  /** The method by its name that says when quantizers harden, where that is not their schedule alone. */
  readonly method?: string;
}

/** Stands for the epochs of a run in a text. */
const EPOCHS = "EPOCHS";

/**
 * Pairs with their schedules, written out, so that a record means the same whatever the defaults are by then. The first of a pair that
 * is soft is that of proxbit 0.1, which hardens for the last tenth; those of pc end with BNext's.
 */
export const candidates: Readonly<Record<string, readonly string[]>> = {
  "bnn+": [""],
  "bnn++": [
    ...["beta=logLinear(1,50),hardenAt=0.9", "beta=logLinear(1,5),hardenAt=0.5", "beta=5,hardenAt=0.5"],
    "beta=logLinear(1,5),hardenAt=0.3",
  ],
  poly: [""],
  "poly+": ["hardenAt=0.9", "hardenAt=0.5", "hardenAt=0.3"],
  ede: ["t=logLinear(1e-3,10)"],
  "ede+": [
    ...["t=logLinear(1e-3,10),hardenAt=0.9", "t=window(0,0.5,logLinear(1e-3,10)),hardenAt=0.5"],
    ...["t=window(0,0.3,logLinear(1e-3,10)),hardenAt=0.3", "t=logLinear(1,10),hardenAt=0.5"],
  ],
  pc: [
    ...["rho=parqRho(0,0.9),hardenAt=0.9", "rho=parqRho(0,0.5),hardenAt=0.5", "rho=parqRho(0,0.3),hardenAt=0.3"],
    `rho=geometric(0,1,0.9,${EPOCHS}),hardenAt=0.5,clipLatent=1.5`,
  ],
  pq: [0.9, 0.5, 0.3].map((end) => `lambda=window(0,${end},logLinear(1e-6,1)),hardenAt=${end}`),
  rpc: [0.9, 0.5, 0.3].map((end) => `rho=window(0,${end},logLinear(1e-6,1)),hardenAt=${end}`),
};

export const quantizerTexts: readonly string[] = Object.entries(candidates).flatMap(([name, options]) =>
  options.map((option) => (option === "" ? name : `${name}:${option}`)),
);

/** A choice of schedules, in which operands and the learning rate may have their own. */
type Candidate = Pick<Cell, "quantizer" | "activationQuantizer" | "restartAt" | "method">;

const alone: readonly Candidate[] = [
  ...quantizerTexts.map((quantizer) => ({ quantizer })),
  { quantizer: "bnn++:beta=5,hardenAt=0.5", restartAt: 0.5 },
  { quantizer: "poly+:hardenAt=0.5", restartAt: 0.5 },
  { quantizer: "bnn++:beta=logLinear(1,5),hardenAt=0.9", method: "gap-hardening" },
  { quantizer: "poly+:hardenAt=0.9", method: "gap-hardening" },
];

/** Weights and activations that harden one after the other. */
const apart: readonly Candidate[] = [
  { quantizer: "bnn++:beta=5,hardenAt=0.3", activationQuantizer: "bnn++:beta=5,hardenAt=0.6" },
  { quantizer: "bnn++:beta=5,hardenAt=0.6", activationQuantizer: "bnn++:beta=5,hardenAt=0.3" },
  { quantizer: "poly+:hardenAt=0.6", activationQuantizer: "poly+:hardenAt=0.3" },
];

export const lengths = [3, 12, 40] as const;
const operands: readonly Operands[] = ["weights", "activations", "both"];

/** Moves latent weights between steps, and so is for weights alone; with both operands activations have poly then. */
const isRpc = /^rpc:/;

/** The choices for some operands. */
function choicesFor(operand: Operands): readonly Candidate[] {
  if (operand === "both") return [...alone, ...apart];
  return operand === "weights" ? alone : alone.filter(({ quantizer }) => !isRpc.test(quantizer));
}

/** All cells of one seed, the short runs first. */
export const cells: readonly Cell[] = lengths.flatMap((epochs) =>
  operands.flatMap((operand) =>
    choicesFor(operand).map(
      (candidate): Cell => ({
        ...candidate,
        ...{ quantizer: candidate.quantizer.replace(EPOCHS, String(epochs)), operands: operand, epochs, seed: 1 },
      }),
    ),
  ),
);

/** All that determines a run's numbers beside its cell. */
export interface Frame {
  readonly data: string;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly images: number;
}

/** Quantizers and schedules of a cell, as a picture's legend names them; runs of all lengths have the same. */
export function labelOf({ quantizer, activationQuantizer, restartAt, method, epochs }: Cell): string {
  const text = quantizer.replace(`,${epochs})`, ",epochs)");
  const activations = activationQuantizer === undefined ? "" : `, activations ${activationQuantizer}`;
  const rate = restartAt === undefined ? "" : `, rate anew at ${restartAt}`;
  return `${text}${activations}${rate}${method === undefined ? "" : `, ${method}`}`;
}

export const nameOf = (cell: Cell): string =>
  `${labelOf(cell)}, ${cell.operands}, ${cell.epochs} epochs, seed ${cell.seed}`;

/** The name of a cell's files: words for people, and enough of a digest that no two cells share one. */
export function fileOf(cell: Cell, frame: Frame): string {
  const words = labelOf(cell)
    .replace(/[^\w.+-]+/g, "-")
    .slice(0, 60);
  return `${words}-${cell.operands}-${cell.epochs}-seed${cell.seed}-${keyOf({ ...cell, ...frame }).slice(0, 12)}`;
}
