/**
 * The grid of a comparison: quantizers x tasks x seeds, written out as runs. A run's identity holds everything that
 * determines its numbers, and nothing else. Its key is the SHA-256 of that identity as canonical JSON. So a finished
 * run is found again, and a changed option makes another run.
 */
import { createHash } from "node:crypto";
import { canonicalJson } from "../io/json.ts";
import type { Task } from "../nn/models/tasks.ts";
import type { Augmentation } from "../train/run/augment.ts";

/** The name that stands for no quantizer at all: the same network in float, one run for all tasks. */
export const FLOAT = "fp";

/**
 * The revision goes up where a name changes its meaning, such as by another layer in a model. So earlier runs are not taken for
 * runs of now. New options enter an identity only if they are not neutral.
 */
const REVISION = 1;

/** Quantizers whose defaults have changed, with their revision since. Through 1 their maps were soft for nine tenths of a run. */
const revisions: Readonly<Record<string, number>> = Object.fromEntries(
  ["bnn++", "poly+", "ede+", "pc", "parq", "pq", "rpc"].map((name) => [name, 2]),
);

/** The revision of a run with quantizers of these texts. */
const revisionOf = (texts: readonly string[]): number =>
  Math.max(REVISION, ...texts.map((text) => revisions[text.replace(/:.*$/s, "")] ?? REVISION));

/** The course of a learning rate over a run. The rate stays, or falls to 0 along a line or half a cosine. */
export const decays = ["none", "linear", "cosine"] as const;
export type Decay = (typeof decays)[number];

/** The settings that all runs of a grid share. */
export interface Settings {
  readonly data: {
    readonly name: string;
    readonly trainImages: number;
    readonly testImages: number;
    /** SHA-256 over the images and labels of both splits. */
    readonly sha256: string;
  };
  readonly model: { readonly name: string; readonly inputShape: readonly number[]; readonly classes: number };
  readonly epochs: number;
  readonly batchSize: number;
  /**
   * Name and course of the optimizer; what else was chosen of it stands in `options`. They are words, because makers' values
   * may grow fields.
   */
  readonly optimizer: { readonly name: string; readonly learningRate: number; readonly decay: Decay | "step" };
  /** Random views of the training images; absent where there are none. */
  readonly augment?: Augmentation;
  /** The share of the truth that all classes have alike in the loss; absent where it is 0. */
  readonly labelSmoothing?: number;
  /** All other options that are not neutral, by their names: numbers, words and digests of files. Absent where there are none. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface Grid {
  readonly settings: Settings;
  readonly quantizers: readonly string[];
  readonly tasks: readonly Task[];
  readonly seeds: readonly number[];
  /** Texts of methods, each of which makes cells of its own beside those without; none where absent. */
  readonly methods?: readonly string[] | undefined;
}

/** A quantizer in a task. The float network has no task, because it is the same in all. */
export interface Cell {
  readonly quantizer: string;
  readonly task: Task | null;
  /** The methods that it is trained with, as a text; absent for plain training. */
  readonly method?: string;
}

/** The facts that the names of a cell and a model leave open. */
export interface Details {
  /** The activations' quantizer in a cell whose quantizer is for weights alone; absent where it is the cell's own. */
  readonly activationQuantizer?: string;
  /** SHA-256 of the graph where a module made it, whose name says nothing. */
  readonly graph?: string;
}

/** The facts that determine the numbers of a run. */
export interface Identity extends Settings, Cell, Details {
  readonly revision: number;
  readonly seed: number;
}

export interface Run extends Cell {
  readonly seed: number;
  readonly identity: Identity;
  /** SHA-256 of the identity, in hexadecimal. */
  readonly key: string;
}

export const sha256 = (...parts: readonly (string | Uint8Array)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex");

export const keyOf = (identity: unknown): string => sha256(canonicalJson(identity));

/** The cells in the order of the options; the float network once, where its name stands first, and without methods. */
export function cellsOf({
  quantizers,
  tasks,
  methods = [],
}: Pick<Grid, "quantizers" | "tasks" | "methods">): readonly Cell[] {
  const ways = [{}, ...methods.map((method) => ({ method }))];
  return quantizers.flatMap((quantizer): readonly Cell[] =>
    quantizer === FLOAT
      ? [{ quantizer, task: null }]
      : tasks.flatMap((task) => ways.map((way) => ({ quantizer, task, ...way }))),
  );
}

/** All runs, seed by seed, so that a grid which was stopped early holds something of every cell. */
export function runsOf(grid: Grid, detailsOf: (cell: Cell) => Details = () => ({})): readonly Run[] {
  const cells = cellsOf(grid);
  return grid.seeds.flatMap((seed) =>
    cells.map((cell): Run => {
      const details = detailsOf(cell);
      const revision = revisionOf([cell.quantizer, details.activationQuantizer ?? FLOAT]);
      const identity: Identity = { revision, ...grid.settings, ...cell, seed, ...details };
      return { ...cell, seed, identity, key: keyOf(identity) };
    }),
  );
}

/** "bnn++ BW seed 2", or "fp seed 2". */
export const runName = ({ seed, ...cell }: Cell & Pick<Run, "seed">): string => `${cellName(cell)} seed ${seed}`;

/** "bnn++ BW", "bnn++ BW with two-step:share=0.5", or "fp". */
export const cellName = ({ quantizer, task, method }: Cell): string => {
  const way = method === undefined ? "" : ` with ${method}`;
  return task === null ? quantizer : `${quantizer} ${taskText(task)}${way}`;
};

/** A task as the literature writes it: "BW". */
export const taskText = (task: Task): string => task.toUpperCase();
