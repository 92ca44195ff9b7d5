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
    yield* compareForward(tf, { subject, graph, labels: split.labels, seen, kind: "evaluate" });
    const floats = Float32Array.from(split.images, (byte) => byte * split.scale + split.offset);
    for (const kernel of BINARY_KERNELS) {
      const session = await load(bytes, { kernel });
      const label = { subject, node: `${graph.output} (${kernel})`, quantity: "packed logits", exact: true } as const;
      const logits = session.run(floats);
      yield compareNumbers(label, logits, seen.values.get(graph.output) as Float32Array, logits);
    }
  } finally {
    pool.close();
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
