/**
 * The penalty on large weights: factor / 2 times the sum of their squares (Krogh and Hertz, NeurIPS 1991). Its gradient,
 * factor times w, goes into the optimizer with all other gradients, unlike decoupled weight decay. Of a binary layer the
 * latent weights are meant.
 */
import { listOf, numberIn, plainObject, reject, type Subject, safeName } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { k } from "../../program/call.ts";
import { at } from "../../program/place.ts";
import { isBop } from "../optimizers/optimizers.ts";
import { CHUNK, type ParameterLayout, type TrainedTensor } from "../plan/layout.ts";
import type { LossTerm, TermPlan } from "./term.ts";

export interface L2Options {
  /** At least 0. */
  readonly factor: number;
  /** Names of parameters; all trained kernels where absent. */
  readonly parameters?: readonly string[] | undefined;
  /** The name in events; "l2" where absent. */
  readonly name?: string | undefined;
}

/** The penalty on the kernels of a network, or on some of its parameters. @throws ProxbitError `argument` */
export function l2(options: L2Options): LossTerm {
  const subject: Subject = { code: "argument", what: "losses.l2" };
  const given = plainObject(options, ["factor", "parameters", "name"], subject);
  const factor = numberIn(given.factor, 0, 1e6, "factor", subject);
  const name = safeName(given.name ?? "l2", "name", subject);
  const parameters =
    given.parameters === undefined
      ? undefined
      : listOf(given.parameters, 1, 65536, "parameters", subject).map((parameter) => {
          if (typeof parameter !== "string") reject(subject, "parameters", "a list of names", parameter);
          return parameter;
        });
  return {
    name,
    parameters,
    facts: { factor, parameters: parameters ?? null },
    check: (_network, layout) => {
      for (const parameter of parameters ?? []) {
        if (!hasMagnitude(layout.tensors.get(parameter) as TrainedTensor)) throw noMagnitude(parameter, name);
      }
      if (penalized(layout, parameters).length === 0) throw nothingToPenalize(name);
    },
    plan: ({ layers }) => planPenalty(penalized(layers.parameters, parameters), factor),
  };
}

function planPenalty(tensors: readonly TrainedTensor[], factor: number): TermPlan {
  const names = new Set(tensors.map(({ parameter }) => parameter.name));
  const pieces = tensors.flatMap(({ parameter: { node }, value, size }) =>
    Array.from({ length: Math.ceil(size / CHUNK) }, (_, i) => {
      const first = i * CHUNK;
      return { node, weights: at(value, 4 * first), count: Math.min(CHUNK, size - first) };
    }),
  );
  return {
    results: { names: ["squares"], shares: pieces.length },
    value: ([squares = 0]) => (factor / 2) * squares,
    write: ({ emit, share }) => {
      for (const [i, { node, weights, count }] of pieces.entries()) {
        emit(node).task([k.squaredDistance({ a: weights, b: null, count, result: share(i) })]);
      }
    },
    addTo: (parameter, { weights, gradient, count }) =>
      names.has(parameter)
        ? [k.addDifference({ a: weights, b: null, factor, accumulate: true, y: gradient, count })]
        : [],
  };
}

/** The parameters called `names`; without names, all whose magnitude is trained and that have an axis beside the channels. */
const penalized = ({ tensors }: ParameterLayout, names: readonly string[] | undefined): readonly TrainedTensor[] =>
  [...tensors.values()].filter((tensor) => {
    const { name, shape } = tensor.parameter;
    return names === undefined ? shape.length > 1 && hasMagnitude(tensor) : names.includes(name);
  });

/** Statistics are not trained, and weights that Bop flips are -1 or +1 whatever their gradient. */
const hasMagnitude = ({ optimizer }: TrainedTensor): boolean => optimizer !== null && !isBop(optimizer);

const noMagnitude = (parameter: string, term: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the loss term "${term}" makes weights smaller, and the magnitude of "${parameter}" is not trained`,
    "Name real or latent weights only, or leave parameters out for all trained kernels.",
  );

const nothingToPenalize = (term: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the loss term "${term}" finds no kernel whose magnitude is trained`,
    "Leave the term out, or train the kernels with an optimizer of latent weights, such as optimizers.adam().",
  );
