/** The network's outputs for examples, as they are: logits, or numbers. */
import { integerIn, plainObject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { type Examples, isStream, type Split } from "../../data/dataset.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { rangeOf } from "../../program/place.ts";
import { type MetricName, measure } from "../metrics/metrics.ts";
import { checkSplit } from "./check-split.ts";
import type { Engine } from "./engine.ts";
import { DEFAULT_BATCH, LARGEST_BATCH, notFinite, stopped } from "./evaluate.ts";

export interface PredictOptions {
  /** Examples at a time; does not change the result. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The metrics of the hard-signed network on `split`. */
export async function measureSplit(
  engine: Engine,
  split: Examples,
  names: readonly MetricName[],
  options: PredictOptions,
): Promise<Readonly<Record<string, number>>> {
  if (isStream(split)) {
    throw new ProxbitError(
      "argument",
      "metrics are of examples in memory, and these are a stream",
      "Give a split as the test examples, or leave metrics out.",
    );
  }
  const outputs = await predict(engine, split, options);
  return measure(names, { outputs, size: outputs.length / split.count, split });
}

/** The outputs of the hard-signed network, `[count][elements]`. Labels and targets are not looked at. */
export async function predict(engine: Engine, split: Split, options: PredictOptions = {}): Promise<Float32Array> {
  const subject: Subject = { code: "argument", what: "predict" };
  plainObject(options, ["batchSize", "signal"], subject);
  checkSplit(engine, split, new Set());
  const batch = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  const elements = elementsOf(engine.shapes.get(engine.graph.output) as Shape);
  const outputs = new Float32Array(split.count * elements);
  for (let first = 0; first < split.count; first += batch) {
    if (options.signal?.aborted) throw stopped("the prediction");
    const valid = Math.min(batch, split.count - first);
    const values = await engine.withPlan(batch, async (plan) => {
      const images = Uint32Array.from({ length: valid }, (_, image) => first + image);
      const inputs = engine.inputs(plan, images, { kind: "evaluate", progress: null });
      const [lane] = plan.lanes;
      const place = plan.context.value(engine.graph.output, lane as (typeof plan.lanes)[number]);
      const { failure, reads } = await engine.pool.run(
        await engine.forwardStep(plan, await engine.dataAt(split)),
        [inputs],
        [rangeOf(place, 4 * valid * elements)],
      );
      if (failure !== null) throw notFinite(failure.node, "the prediction");
      return reads[0]?.[0] as Uint8Array;
    });
    outputs.set(new Float32Array(values.slice().buffer), first * elements);
  }
  return outputs;
}
