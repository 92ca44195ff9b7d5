/**
 * Penalties on large weights. L2 is factor / 2 times the sum of their squares (Krogh and Hertz, NeurIPS 1991), with the
 * gradient factor times w. L1 is factor times the sum of their magnitudes (Tibshirani, 1996), with the gradient
 * factor times sign(w), sign(0) = 0. Either gradient goes into the optimizer with all others, unlike decoupled weight decay.
 * Of a binary layer the latent weights are meant.
 */
import { numberIn, plainObject, type Subject, safeName } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { type KernelCall, k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import { CHUNK, type ParameterLayout, type TrainedTensor } from "../plan/layout.ts";
import { hasMagnitude, namesOf, TRAIN_MAGNITUDES } from "./kernels.ts";
import type { LossTerm, Piece, TermPlan } from "./term.ts";

export interface PenaltyOptions {
  /** At least 0. */
  readonly factor: number;
  /** Names of parameters; all trained kernels where absent. */
  readonly parameters?: readonly string[] | undefined;
  /** The name in events; "l1" or "l2" where absent. */
  readonly name?: string | undefined;
}

/** The penalty on squares of the kernels of a network, or of some of its parameters. @throws ProxbitError `argument` */
export const l2 = (options: PenaltyOptions): LossTerm => penalty("l2", options, penalties.l2);

/** The penalty on their magnitudes, which makes some of them 0. @throws ProxbitError `argument` */
export const l1 = (options: PenaltyOptions): LossTerm => penalty("l1", options, penalties.l1);

/** The calls that make a penalty's sum and gradient, and what the sum is multiplied by beside the factor. */
export interface Penalty {
  readonly sum: (weights: Place, count: number, result: Place) => KernelCall;
  readonly gradient: (piece: Piece, factor: number) => KernelCall;
  readonly share: number;
  /** True where means over each parameter are added up, in place of sums. */
  readonly isMean?: boolean;
}

const penalties: Readonly<Record<"l1" | "l2", Penalty>> = {
  l1: {
    sum: (a, count, result) => k.absoluteSum({ a, count, result }),
    gradient: ({ weights: a, gradient: y, count }, factor) => k.addSigns({ a, factor, y, count }),
    share: 1,
  },
  l2: {
    sum: (a, count, result) => k.squaredDistance({ a, b: null, count, result }),
    gradient: ({ weights: a, gradient: y, count }, factor) =>
      k.addDifference({ a, b: null, factor, accumulate: true, y, count }),
    share: 1 / 2,
  },
};

/** The term called `kind` over the parameters that `options` name. `facts` are what it was made with beside them. */
export function penalty(
  kind: string,
  options: PenaltyOptions,
  calls: Penalty,
  facts: Readonly<Record<string, unknown>> = {},
): LossTerm {
  const subject: Subject = { code: "argument", what: `losses.${kind}` };
  const given = plainObject(options, ["factor", "parameters", "name"], subject);
  const factor = numberIn(given.factor, 0, 1e6, "factor", subject);
  const name = safeName(given.name ?? kind, "name", subject);
  const parameters = namesOf(given.parameters, subject);
  return {
    name,
    parameters,
    facts: { factor, parameters: parameters ?? null, ...facts },
    check: (_network, layout) => {
      for (const parameter of parameters ?? []) {
        if (!hasMagnitude(layout.tensors.get(parameter) as TrainedTensor)) throw noMagnitude(parameter, name);
      }
      if (penalized(layout, parameters).length === 0) throw nothingToPenalize(name);
    },
    plan: ({ layers }) => planPenalty(calls, penalized(layers.parameters.layout, parameters), factor),
  };
}

function planPenalty(
  { sum, gradient, share: half, isMean = false }: Penalty,
  tensors: readonly TrainedTensor[],
  factor: number,
): TermPlan {
  const scales = new Map(tensors.map(({ parameter, size }) => [parameter.name, isMean ? 1 / size : 1]));
  const pieces = tensors.flatMap(({ parameter: { node, name }, value, size }) =>
    Array.from({ length: Math.ceil(size / CHUNK) }, (_, i) => {
      const first = i * CHUNK;
      const scale = scales.get(name) as number;
      return { node, scale, weights: at(value, 4 * first), count: Math.min(CHUNK, size - first) };
    }),
  );
  return {
    results: { names: ["sum"], shares: pieces.length, factors: pieces.map(({ scale }) => scale) },
    value: ([total = 0]) => factor * half * total,
    write: ({ emit, share }) => {
      for (const [i, { node, weights, count }] of pieces.entries()) {
        emit(node).job([sum(weights, count, share(i))]);
      }
    },
    addTo: (parameter, piece) => {
      const scale = scales.get(parameter);
      return scale === undefined ? [] : [gradient(piece, factor * scale)];
    },
  };
}

/** The parameters called `names`; without names, all kernels whose magnitude is trained. */
const penalized = ({ tensors }: ParameterLayout, names: readonly string[] | undefined): readonly TrainedTensor[] =>
  [...tensors.values()].filter((tensor) => {
    const { name, key } = tensor.parameter;
    return names === undefined ? key === "kernel" && hasMagnitude(tensor) : names.includes(name);
  });

const noMagnitude = (parameter: string, term: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the loss term "${term}" makes weights smaller, and the magnitude of "${parameter}" is not trained`,
    TRAIN_MAGNITUDES,
  );

const nothingToPenalize = (term: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the loss term "${term}" finds no kernel whose magnitude is trained`,
    "Leave the term out, or train the kernels with an optimizer of latent weights, such as optimizers.adam().",
  );
