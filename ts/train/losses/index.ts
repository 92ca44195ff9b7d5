/** The loss terms, and what must hold of an objective, which is a list of them. */
import { isList, reading, reject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Network } from "../../nn/network.ts";
import type { ParameterLayout } from "../plan/layout.ts";
import { contrastive } from "./contrastive.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { distance } from "./distance.ts";
import { distillation } from "./distillation.ts";
import { binaryCrossEntropy, hinge, huber, meanAbsoluteError, meanSquaredError, squaredHinge } from "./elementwise.ts";
import { kurtosis } from "./kurtosis.ts";
import { l1, l2 } from "./penalties.ts";
import { sineSquares } from "./sine-squares.ts";
import type { LossTerm, TermTensor } from "./term.ts";
import { weightDivergence } from "./weight-divergence.ts";

/** The makers of terms: those that compare the output with the truth, then those over values and over weights. */
export const losses = Object.freeze({
  ...{
    crossEntropy,
    binaryCrossEntropy,
    meanSquaredError,
    meanAbsoluteError,
    huber,
    hinge,
    squaredHinge,
    distillation,
  },
  ...{ l1, l2, sineSquares, kurtosis, weightDivergence, distance, contrastive },
});

/** The terms of a step's loss, which is their sum in this order. */
export type Objective = readonly LossTerm[];

/** The objective where nothing else is asked for. */
export const plainObjective: Objective = Object.freeze([crossEntropy()]);

/** An objective that suits a network. @throws ProxbitError `argument`, `unknown-name` or `shape` */
export function checkObjective(value: unknown, network: Network, layout: ParameterLayout, output: string): Objective {
  const subject: Subject = { code: "argument", what: "Trainer.create" };
  const terms = termsOf(value, subject);
  const names = terms.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw sameName(twice);
  if (!terms.some(({ isScore }) => isScore === true)) throw noScore();
  for (const { name, reads = [], parameters = [], check } of terms) {
    for (const node of reads) if (!network.nodes.has(node)) throw unknown(name, "node", node, network.nodes);
    for (const tensor of parameters) {
      if (!layout.tensors.has(tensor)) throw unknown(name, "parameter", tensor, layout.tensors);
    }
    check?.(network, layout, output);
  }
  return Object.freeze([...terms]);
}

/** The state of all terms, under the names of the terms. */
export const statesOf = (objective: Objective, network: Network): readonly TermTensor[] =>
  objective.flatMap(({ name: term, state }) =>
    (state?.(network) ?? []).map(({ name, shape }) => ({ name: `${term}/${name}`, shape })),
  );

/** True where some term of the loss reads label smoothing. */
export const readsSmoothing = (objective: Objective): boolean =>
  objective.some(({ isSmoothed, isMute }) => isSmoothed === true && isMute !== true);

/** A model file's word about the classes of an example, out of the score; none where it has one class. */
export const labelWord = (objective: Objective): { readonly labels?: "many" } =>
  objective.find(({ isScore }) => isScore === true)?.labels === "many" ? { labels: "many" } : {};

/** The terms of an option, whatever the network. Throws an error of `subject`. */
export function termsOf(value: unknown, subject: Subject): Objective {
  const isObjective = reading(
    `${subject.what}: objective`,
    "a list of losses",
    () => isList(value) && value.every(isTerm),
  );
  return isObjective ? (value as Objective) : reject(subject, "objective", "a list of losses", value);
}

const isTerm = (value: unknown): value is LossTerm =>
  typeof value === "object" && value !== null && "name" in value && "plan" in value;

const sameName = (name: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `two loss terms of the objective are called "${name}"`,
    'Give one of them another name, as in losses.l2({ factor: 1e-4, name: "head" }).',
  );

const noScore = (): ProxbitError =>
  new ProxbitError(
    "argument",
    "no loss of the objective compares the output with the data, so there is nothing that evaluations could tell",
    "Put losses.crossEntropy() into the list, or another loss over labels or targets; the first one is the score.",
  );

const unknown = (
  term: string,
  kind: "node" | "parameter",
  name: string,
  known: ReadonlyMap<string, unknown>,
): ProxbitError =>
  new ProxbitError(
    "unknown-name",
    `the loss term "${term}" names the ${kind} "${name}", which the network has not`,
    `Its ${kind}s are ${[...known.keys()].join(", ")}.`,
  );
