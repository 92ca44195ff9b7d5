/** The network's outputs for examples, as they are: logits, or numbers; and the metrics of them. */
import { integerIn, plainObject, type Subject, signalOf } from "../../base/checks.ts";
import { type Examples, isStream, type Split, type Stream } from "../../data/dataset.ts";
import { section } from "../../data/subset.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { rangeOf } from "../../program/place.ts";
import { type MetricName, metricMeter } from "../metrics/metrics.ts";
import { checkExamples } from "./check-split.ts";
import type { Engine } from "./engine.ts";
import { DEFAULT_BATCH, LARGEST_BATCH, notFinite, stopped } from "./evaluate.ts";
import { feedOf } from "./feed.ts";

export interface PredictOptions {
  /** Examples at a time; does not change the result. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The metrics of the hard-signed network on `examples`. A stream is read once more, in its own order, and no more of it is kept
 * than is on its way.
 */
export async function measureExamples(
  engine: Engine,
  examples: Examples,
  names: readonly MetricName[],
  options: PredictOptions,
): Promise<Readonly<Record<string, number>>> {
  const meter = metricMeter(names);
  const meaning = engine.objective.find(({ isScore }) => isScore === true)?.meaning ?? "sides";
  const size = elementsOf(engine.shapes.get(engine.graph.output) as Shape);
  const waiting: Split[] = isStream(examples) ? [] : [examples];
  const watched = isStream(examples) ? watch(examples, (part) => waiting.push(part)) : examples;
  await eachBatch(engine, watched, options, (outputs) => {
    // Windows of a stream end where the source likes, batches do not.
    for (let first = 0; first < outputs.length / size; ) {
      const part = waiting.shift() as Split;
      const count = Math.min(part.count, outputs.length / size - first);
      const answers = { outputs: outputs.subarray(first * size, (first + count) * size), size };
      if (count < part.count) waiting.unshift(section(part, count, part.count));
      meter.add({ ...answers, split: section(part, 0, count), meaning });
      first += count;
    }
  });
  return meter.values();
}

/** `stream`, whose examples are shown to `see` in the order in which they are read. */
function watch(stream: Stream, see: (part: Split) => void): Stream {
  return {
    ...stream,
    pass: (order, from) => {
      const pass = stream.pass(order, from);
      const next = async (count: number): Promise<Split> => {
        const part = await pass.next(count);
        see(part);
        return part;
      };
      return { next, end: pass.end };
    },
  };
}

/** The outputs of the hard-signed network, `[count][elements]`. Labels and targets are not looked at. */
export async function predict(engine: Engine, split: Split, options: PredictOptions = {}): Promise<Float32Array> {
  checkExamples(engine, split, new Set());
  const elements = elementsOf(engine.shapes.get(engine.graph.output) as Shape);
  const outputs = new Float32Array(split.count * elements);
  let at = 0;
  await eachBatch(engine, split, options, (some) => {
    outputs.set(some, at);
    at += some.length;
  });
  return outputs;
}

/** Gives `take` the outputs for batch after batch of `examples`, in their order. */
async function eachBatch(
  engine: Engine,
  examples: Examples,
  options: PredictOptions,
  take: (outputs: Float32Array) => void,
): Promise<void> {
  const subject: Subject = { code: "argument", what: "predict" };
  const given: PredictOptions = plainObject(options, ["batchSize", "signal"], subject);
  checkExamples(engine, examples, new Set());
  const batch = integerIn(given.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  const signal = signalOf(given.signal, "signal", subject);
  const elements = elementsOf(engine.shapes.get(engine.graph.output) as Shape);
  const passed = { order: null, batch, total: examples.count, signal, truth: new Set<never>() };
  const feed = feedOf(engine, examples, passed);
  try {
    for (let first = 0; first < examples.count; ) {
      const valid = Math.min(batch, examples.count - first);
      if (signal?.aborted) throw stopped("the prediction");
      await feed.ready(first, valid);
      if (signal?.aborted) throw stopped("the prediction");
      const start = first;
      const values = await engine.withPlan(batch, async (plan) => {
        const inputs = engine.inputs(plan, feed.rows(start, valid), { kind: "evaluate", progress: null });
        const [lane] = plan.lanes;
        const place = plan.context.value(engine.graph.output, lane as (typeof plan.lanes)[number]);
        const { failure, reads } = await engine.pool.run(
          await engine.forwardStep(plan, await feed.places()),
          [inputs],
          [rangeOf(place, 4 * valid * elements)],
        );
        if (failure !== null) throw notFinite(failure.node, "the prediction");
        return reads[0]?.[0] as Uint8Array;
      });
      take(new Float32Array(values.slice().buffer));
      first += valid;
    }
  } finally {
    feed.end();
  }
}
