/**
 * A packed model beside tfjs. The weights of the file go into the trainer's evaluation, each layer of which is compared with
 * tfjs on its own input; the session, with its fused thresholds and packed bits, must give that evaluation's logits bit
 * for bit, by every kernel.
 */

import type { Split } from "../data/dataset.ts";
import { load } from "../inference/session.ts";
import { unpackSigns } from "../io/bits.ts";
import { decodeModel, type PackedModel } from "../io/model-file.ts";
import type { Graph, Parameter } from "../nn/graph.ts";
import { networkOf, parameterName } from "../nn/network.ts";
import { learnedKey } from "../nn/ops/quantizer-parameters.ts";
import { packedParametersOf, parametersOf } from "../nn/parameters.ts";
import { kernelMatrix } from "../nn/shapes.ts";
import { quantizedValue } from "../quantizers/maps.ts";
import { learnedNumbers } from "../quantizers/operand-kinds.ts";
import { standardizedWeights, weightScale } from "../quantizers/weight-quantizers.ts";
import { createPool } from "../runtime/pool.ts";
import { BINARY_KERNELS } from "../runtime/probe.ts";
import { optimizers } from "../train/optimizers/optimizers.ts";
import { createEngine } from "../train/run/engine.ts";
import { observeEvaluation } from "../train/run/observe.ts";
import { writeWeights } from "../train/run/trained-weights.ts";
import { compareNumbers } from "./compare.ts";
import { momentOf } from "./maps.ts";
import type { Row } from "./report.ts";
import { FEW } from "./rounding.ts";
import { compareForward } from "./step.ts";
import type { TensorFlow } from "./tensorflow.ts";

/** The same network has run here already, so a bound would come too late. The command line holds the file against its own before. */
const UNBOUNDED = { maxMemory: Number.MAX_SAFE_INTEGER, maxOperations: Number.MAX_SAFE_INTEGER };

export interface PackedCheck {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly split: Split;
  readonly workers: number;
}

/** Every layer of the model, the loss, and the logits of the session. */
export async function* comparePacked(tf: TensorFlow, check: PackedCheck): AsyncGenerator<Row, void, undefined> {
  const { subject, bytes, split, workers } = check;
  const model = decodeModel(bytes);
  const { graph } = model;
  const pool = await createPool({ workers });
  try {
    const packed = floatsOf(model);
    const engine = await createEngine(graph, optimizers.sgd(), pool, { observed: true, packed });
    await writeWeights(engine, weightsOf(model));
    const seen = await observeEvaluation(engine, split, split.count);
    yield* compareForward(tf, { subject, graph, split, seen, packed, kind: "evaluate" });
    const floats = Float32Array.from(split.images, (byte) => byte * split.scale + split.offset);
    const wanted = seen.values.get(networkOf(graph).owners.get(graph.output) as string) as Float32Array;
    for (const kernel of BINARY_KERNELS) {
      const session = await load(bytes, { kernel, ...UNBOUNDED });
      const label = { subject, node: `${graph.output} (${kernel})`, quantity: "packed logits" } as const;
      const nothing = new Float32Array(wanted.length);
      yield compareNumbers(
        { ...label, other: "in the trainer" },
        session.run(floats, { count: split.count }),
        wanted,
        nothing,
      );
    }
  } finally {
    pool.close();
  }
}

/** The weights in a file beside the ones that were packed: signs of what is latent, all else as it is. */
export function* compareFile(
  subject: string,
  bytes: Uint8Array,
  latent: ReadonlyMap<string, Float32Array>,
): Generator<Row, void, undefined> {
  const model = decodeModel(bytes);
  const found = new Map([...floatsOf(model), ...weightsOf(model)]);
  for (const parameter of packedParametersOf(model.graph)) {
    const label = { subject, node: parameter.name, quantity: "packed weights", other: "before packing" } as const;
    const { values, distance } = packedNumbers(model.graph, parameter, latent);
    const tolerances = Float64Array.from(values, (value) => distance * Math.abs(value));
    yield compareNumbers(label, found.get(parameter.name) as Float32Array, values, tolerances);
  }
}

/** The numbers that a file is to hold of a parameter, in f64, and the relative distance of an f32 from them. */
function packedNumbers(
  graph: Graph,
  { name, node, key, role }: Parameter,
  latent: ReadonlyMap<string, Float32Array>,
): { readonly values: ArrayLike<number>; readonly distance: number } {
  const { parameters, quantizers } = networkOf(graph);
  const isOwn = parameters.some((own) => own.name === name);
  // A scale and a shift are derived from the latent weights of their node.
  const isSource = (own: Parameter): boolean =>
    isOwn ? own.name === name : own.node === node && quantizers.has(own.name);
  const source = parameters.find(isSource) as Parameter;
  const quantizer = quantizers.get(source.name);
  const kernel = latent.get(source.name) as Float32Array;
  if (quantizer === undefined) return { values: kernel, distance: 0 };
  const [, filters] = kernelMatrix(source);
  const { value, affine } = standardizedWeights(quantizer, kernel, filters);
  if (key === "scale") {
    return { values: affine?.scale ?? (weightScale(quantizer, kernel, filters) as Float64Array), distance: FEW };
  }
  // A mean may be much smaller than the weights that it is the mean of.
  if (key === "shift") return { values: Float32Array.from(affine?.shift ?? []), distance: FEW };
  if (role === "latent") return { values: value.map((weight) => (weight >= 0 ? 1 : -1)), distance: 0 };
  const learned = learnedNumbers(quantizer).map(({ name: number }) => {
    const own = parameterName({ name: node }, learnedKey("weightQuantizer", number));
    return (latent.get(own) as Float32Array)[0] as number;
  });
  const moment = momentOf(quantizer, 1, true);
  const maps = learned.length === 0 ? moment : { ...moment, parameters: learned };
  return { values: value.map((weight) => quantizedValue(maps, weight)), distance: FEW };
}

/** The bits of the file as -1 and +1, and the other tensors as they are, but for what is derived. */
function weightsOf({ graph, parameters }: PackedModel): Map<string, Float32Array> {
  // A file has what a quantizer made of weights, and not what it learned for them.
  const own = parametersOf(graph).filter(({ ofQuantizer }) => ofQuantizer !== true);
  return new Map(
    own.map((parameter) => {
      const { name } = parameter;
      const tensor = parameters.get(name) as Uint8Array | Float32Array;
      return [name, tensor instanceof Float32Array ? tensor : unpackSigns(tensor, kernelMatrix(parameter))];
    }),
  );
}

/** The tensors of the file that are no bits. */
function floatsOf({ parameters }: PackedModel): Map<string, Float32Array> {
  return new Map([...parameters].flatMap(([name, data]) => (data instanceof Float32Array ? [[name, data]] : [])));
}
