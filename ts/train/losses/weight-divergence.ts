/**
 * The divergence of the distribution that weights make from that of a teacher's weights (BD-BNN, 2022): factor times the mean over
 * kernels of KL(softmax(teacher / T) || softmax(w / T)), each softmax over all elements of a kernel.
 */
import { isArrayOf } from "../../base/arrays.ts";
import { numberIn, plainObject, reading, reject, type Subject, safeName } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { digestOf } from "../../io/digest.ts";
import { k } from "../../program/call.ts";
import { at } from "../../program/place.ts";
import type { TrainedTensor } from "../plan/layout.ts";
import { latentTensors, namesOf } from "./kernels.ts";
import type { LossContext, LossTerm, TermPlan } from "./term.ts";

export interface WeightDivergenceOptions {
  /** Weights by parameter name, such as `await teacher.weights()`. Of each, those are read that a latent kernel is called. */
  readonly teacher: ReadonlyMap<string, Float32Array>;
  /** At least 0; 200 where absent. */
  readonly factor?: number | undefined;
  /** T, from 0.01 to 1000; 4 where absent. */
  readonly temperature?: number | undefined;
  /** Names of parameters; all latent kernels where absent. */
  readonly parameters?: readonly string[] | undefined;
  /** The name in events; "weightDivergence" where absent. */
  readonly name?: string | undefined;
}

const subject: Subject = { code: "argument", what: "losses.weightDivergence" };

/** The term over the latent kernels of a network, beside the same network in float. @throws ProxbitError `argument` */
export function weightDivergence(options: WeightDivergenceOptions): LossTerm {
  const given = plainObject(options, ["teacher", "factor", "temperature", "parameters", "name"], subject);
  const factor = numberIn(given.factor ?? 200, 0, 1e6, "factor", subject);
  const temperature = numberIn(given.temperature ?? 4, 0.01, 1000, "temperature", subject);
  const name = safeName(given.name ?? "weightDivergence", "name", subject);
  const teacher = teacherOf(given.teacher);
  const parameters = namesOf(given.parameters, subject);
  return {
    name,
    parameters,
    facts: { factor, temperature, parameters: parameters ?? null, teacher: digest(teacher) },
    check: (_network, layout) => {
      for (const tensor of latentTensors(layout, parameters, name)) ofTeacher(teacher, tensor, name);
    },
    plan: (context) => planDivergence(context, teacher, { parameters, factor, temperature, name }),
  };
}

function teacherOf(value: unknown): ReadonlyMap<string, Float32Array> {
  const wanted = "a Map of Float32Arrays by the names of parameters";
  const found = reading(
    "losses.weightDivergence: teacher",
    wanted,
    () => new Map(value as Iterable<[string, Float32Array]>),
  );
  for (const [name, own] of found) {
    if (typeof name !== "string" || !isArrayOf(own, "Float32Array")) reject(subject, "teacher", wanted, value);
  }
  return found;
}

const digest = (teacher: ReadonlyMap<string, Float32Array>): string =>
  digestOf(
    [...teacher].map(([name, data]) => ({ name, shape: [data.length], dtype: "F32" as const, data })),
    {},
  );

/** The teacher's weights of a kernel. @throws ProxbitError "shape" where it has none of this size */
function ofTeacher(
  teacher: ReadonlyMap<string, Float32Array>,
  { parameter, size }: TrainedTensor,
  term: string,
): Float32Array {
  const found = teacher.get(parameter.name);
  if (found?.length === size) return found;
  throw new ProxbitError(
    "shape",
    `the loss term "${term}" needs ${size} weights of the teacher for "${parameter.name}", and has ${found?.length ?? 0}`,
    "Give the weights of the same network in float, on the command line a file trained with --quantizer none.",
  );
}

function planDivergence(
  { layers }: LossContext,
  teacher: ReadonlyMap<string, Float32Array>,
  given: Pick<WeightDivergenceOptions, "parameters"> & { factor: number; temperature: number; name: string },
): TermPlan {
  const { parameters, temperature, name } = given;
  const tensors = latentTensors(layers.parameters.layout, parameters, name);
  const factor = given.factor / tensors.length;
  const planned = new Map(
    tensors.map((tensor) => {
      const { parameter, value: weights, size: count } = tensor;
      const constant = layers.memory.constant(ofTeacher(teacher, tensor, name));
      const normalizers = layers.memory.allocate(4 * 8);
      return [parameter.name, { node: parameter.node, weights, count, teacher: constant, normalizers }];
    }),
  );
  return {
    results: { names: ["divergence"], shares: planned.size },
    value: ([sum = 0]) => factor * sum,
    write: ({ emit, share }) => {
      for (const [i, { node, ...own }] of [...planned.values()].entries()) {
        emit(node).job([k.weightDivergence({ ...own, temperature, result: share(i) })]);
      }
    },
    addTo: (parameter, { weights, gradient: y, count }) => {
      const own = planned.get(parameter);
      if (own === undefined) return [];
      const { normalizers } = own;
      const from = at(own.teacher, weights.offset - own.weights.offset);
      return [k.addDivergenceSlopes({ weights, teacher: from, normalizers, temperature, factor, y, count })];
    },
  };
}
