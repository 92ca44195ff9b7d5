/** The answers of a teacher as targets of examples, for `losses.distillation`. */
import { isArrayOf } from "../../base/arrays.ts";
import { reading } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Dataset, Split } from "../../data/dataset.ts";
import { unpackSigns } from "../../io/bits.ts";
import { decodeModel, type PackedTensor } from "../../io/model-file.ts";
import { kernelMatrix } from "../../nn/shapes.ts";
import { createPool } from "../../runtime/pool.ts";
import { optimizers } from "../optimizers/optimizers.ts";
import { createEngine } from "./engine.ts";
import { type PredictOptions, predict } from "./predict.ts";
import { writeWeights } from "./trained-weights.ts";

/** Whoever can say what the outputs for examples are, such as a trainer. */
export interface Predictor {
  predict(split: Split, options?: PredictOptions): Promise<Float32Array>;
}

/** The bytes of a model file, a trainer, or logits of the training examples, `[count][classes]`. */
export type Teacher = Uint8Array | Predictor | Float32Array;

/**
 * `data` with the teacher's logits as targets of its training examples. They are those of the examples as they are: random
 * views are for the network that learns.
 *
 * @throws ProxbitError `argument` for anything but a teacher, `shape` for one of other inputs, `model-file` for a corrupt file.
 */
export async function withTeacher<Examples extends Split>(
  data: Dataset<Examples>,
  teacher: Teacher,
  options: PredictOptions = {},
): Promise<Dataset<Examples>> {
  const wanted = "a data set, and the bytes of a model file, a trainer or logits";
  const own = reading("withTeacher", wanted, () => {
    const { train } = data;
    // A spread of undefined is empty, and a property of it is none.
    void train.count;
    return {
      data: { ...data },
      train: { ...train },
      isPredictor: typeof (teacher as Predictor)?.predict === "function",
    };
  });
  const targets = await logitsOf(teacher, own.isPredictor, own.train, options);
  return { ...own.data, train: { ...own.train, targets } };
}

async function logitsOf(
  teacher: Teacher,
  isPredictor: boolean,
  split: Split,
  options: PredictOptions,
): Promise<Float32Array> {
  if (isArrayOf(teacher, "Float32Array")) return teacher;
  if (isArrayOf(teacher, "Uint8Array")) return fileLogits(teacher, split, options);
  if (isPredictor) return (teacher as Predictor).predict(split, options);
  throw new ProxbitError(
    "argument",
    "withTeacher takes the bytes of a model file, a trainer, or logits as a Float32Array",
    "Read the file first, or give await trainer.predict(data.train).",
  );
}

const isReal = (data: PackedTensor): data is Float32Array => isArrayOf(data, "Float32Array");

/** The network of the file as it is packed: signs with what the file says of them. */
async function fileLogits(bytes: Uint8Array, split: Split, options: PredictOptions): Promise<Float32Array> {
  const model = decodeModel(bytes);
  const pool = await createPool({ workers: 1 });
  try {
    const real = new Map([...model.parameters].flatMap(([name, data]) => (isReal(data) ? [[name, data]] : [])));
    const engine = await createEngine(model.graph, optimizers.sgd(), pool, { packed: real });
    const held = engine.parameters.filter(({ ofQuantizer }) => ofQuantizer !== true);
    const signs = held.map((parameter): [string, Float32Array] => {
      const data = model.parameters.get(parameter.name) as PackedTensor;
      return [parameter.name, isReal(data) ? data : unpackSigns(data, kernelMatrix(parameter))];
    });
    await writeWeights(engine, new Map(signs));
    return await predict(engine, split, options);
  } finally {
    pool.close();
  }
}
