/**
 * A packed model beside tfjs. The weights of the file go into the trainer's evaluation, each layer of which is compared with
 * tfjs on its own input; the session, with its fused thresholds and packed bits, must give that evaluation's logits bit for bit, by every kernel.
 */
import { load } from "../inference/session.ts";
import { unpackSigns } from "../io/bits.ts";
import type { Split } from "../io/dataset.ts";
import { decodeModel, type PackedModel } from "../io/model-file.ts";
import { parametersOf } from "../nn/parameters.ts";
import { createPool } from "../runtime/pool.ts";
import { BINARY_KERNELS } from "../runtime/probe.ts";
import { createEngine } from "../train/engine.ts";
import { observeEvaluation } from "../train/observe.ts";
import { optimizers } from "../train/optimizers.ts";
import { ownerOf } from "../train/plan.ts";
import { writeWeights } from "../train/weights.ts";
import { compareNumbers } from "./compare.ts";
import type { Row } from "./report.ts";
import { compareForward } from "./step.ts";
import type { TensorFlow } from "./tensorflow.ts";

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
    const engine = await createEngine(graph, optimizers.sgd(), pool, { observed: true });
    await writeWeights(engine, weightsOf(model));
    const seen = await observeEvaluation(engine, split, split.count);
    yield* compareForward(tf, { subject, graph, split, seen, kind: "evaluate" });
    const floats = Float32Array.from(split.images, (byte) => byte * split.scale + split.offset);
    const wanted = seen.values.get(ownerOf(graph, graph.output)) as Float32Array;
    for (const kernel of BINARY_KERNELS) {
      const session = await load(bytes, { kernel });
      const label = { subject, node: `${graph.output} (${kernel})`, quantity: "packed logits" } as const;
      const nothing = new Float32Array(wanted.length);
      yield compareNumbers({ ...label, other: "in the trainer" }, session.run(floats), wanted, nothing);
    }
  } finally {
    pool.close();
  }
}

/** The weights in a file beside the ones that were packed: signs of what is latent, all else as it is. */
export function* compareFile(
  subject: string,
  bytes: Uint8Array,
  packed: ReadonlyMap<string, Float32Array>,
): Generator<Row, void, undefined> {
  const model = decodeModel(bytes);
  const found = weightsOf(model);
  for (const { name, role } of parametersOf(model.graph)) {
    const values = packed.get(name) as Float32Array;
    const wanted = role === "latent" ? values.map((weight) => (weight >= 0 ? 1 : -1)) : values;
    const label = { subject, node: name, quantity: "packed weights", other: "before packing" } as const;
    yield compareNumbers(label, found.get(name) as Float32Array, wanted, new Float32Array(wanted.length));
  }
}

/** What the bits of the file stand for: -1 and +1; the other tensors as they are. */
function weightsOf({ graph, parameters }: PackedModel): Map<string, Float32Array> {
  return new Map(
    parametersOf(graph).map(({ name, shape }) => {
      const tensor = parameters.get(name) as Uint8Array | Float32Array;
      return [name, tensor instanceof Float32Array ? tensor : unpackSigns(tensor, shape)];
    }),
  );
}
