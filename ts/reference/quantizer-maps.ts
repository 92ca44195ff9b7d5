/**
 * The forward and backward map of every quantizer over the real line, as the core calculates them, beside tfjs: at the ends
 * and in the middle of its run, at zeros of both signs, at the kinks and around them, at large and at very small values.
 */
import { ProxbitError } from "../errors.ts";
import { randomStream } from "../nn/random.ts";
import { backwardMapNumbers, forwardMapNumbers } from "../quantizers/maps.ts";
import { quantizer, quantizerNames } from "../quantizers/registry.ts";
import { instantiate, type KernelInstance, pageBytes } from "../runtime/instantiate.ts";
import { loadModule } from "../runtime/load.ts";
import { detectVariant } from "../runtime/variants.ts";
import { compare, type Label } from "./compare.ts";
import { backwardMap, forwardMap, momentOf, type QuantizerMoment } from "./maps.ts";
import type { Row } from "./report.ts";
import type { TensorFlow } from "./tensorflow.ts";

/** Moments of a run: the start, the middle, and shortly before the end, when maps are steep and some have turned hard. */
const MOMENTS = [0, 0.5, 0.89, 1];
const POINTS = 4096;

/** Where to look: random points from 1e-6 to 1e6, and every place where a map or its slope has a kink or a jump. */
function points(): Float32Array {
  const stream = randomStream(1, "points");
  const random = Array.from(
    { length: POINTS },
    () => (stream.uniform() < 0.5 ? -1 : 1) * 10 ** (8 * stream.uniform() - 6),
  );
  const close = Array.from({ length: POINTS }, () => 4 * stream.uniform() - 2);
  const kinks = [0, 1, 0.5, 0.25, 2].flatMap((x) => [x, x * (1 + 2 ** -23), x * (1 - 2 ** -24)]);
  const ends = [2 ** -126, 1e-20, 1e20, 3e38];
  const both = [...kinks, ...ends].flatMap((x) => [x, -x]);
  return Float32Array.from([...random, ...close, ...both]);
}

/** Maps that no quantizer of a name has, or not with such parameters. */
const OTHERS: readonly Pick<QuantizerMoment, "forward" | "backward" | "parameters">[] = [
  { forward: "identity", backward: "one", parameters: [] },
  { forward: "hardTanh", backward: "box", parameters: [] },
  { forward: "piecewiseLinear", backward: "one", parameters: [0.25, 0.375] },
  { forward: "piecewiseLinear", backward: "one", parameters: [1.5, 0] },
];

/** What the rows of these belong to. */
export const OTHER_MAPS = "other maps";

/** The maps of all quantizers, and those that none has by default. */
export async function* compareMaps(tf: TensorFlow): AsyncGenerator<Row, void, undefined> {
  const core = await startCore();
  const x = points();
  for (const name of quantizerNames) {
    for (const progress of MOMENTS) {
      const label = { subject: `quantizer ${name}`, node: `at ${progress} of a run` };
      yield* compareAt(tf, core, label, momentOf(quantizer(name), progress), x);
    }
  }
  for (const maps of OTHERS) {
    const label = { subject: OTHER_MAPS, node: [maps.forward, ...maps.parameters].join(" ") };
    yield* compareAt(tf, core, label, maps, x);
  }
}

async function* compareAt(
  tf: TensorFlow,
  core: Core,
  label: Pick<Label, "subject" | "node">,
  { forward, backward, parameters }: (typeof OTHERS)[number],
  x: Float32Array,
): AsyncGenerator<Row, void, undefined> {
  const ours = core.forward(forwardMapNumbers[forward], x, parameters);
  const slopes = core.backward(backwardMapNumbers[backward], x, parameters);
  const forwardLabel: Label = { ...label, quantity: "forward map", exact: forward === "sign" };
  yield await compare(tf, forwardLabel, ours, () => forwardMap(tf, forward, tf.tensor1d(x), parameters));
  const backwardLabel: Label = { ...label, quantity: "backward map" };
  yield await compare(tf, backwardLabel, slopes, () => backwardMap(tf, backward, tf.tensor1d(x), parameters));
}

interface Core {
  readonly forward: (map: number, x: Float32Array, parameters: readonly number[]) => Float32Array;
  readonly backward: (map: number, x: Float32Array, parameters: readonly number[]) => Float32Array;
}

/** The core in this thread, over memory for three arrays and two parameters. */
async function startCore(): Promise<Core> {
  const variant = await detectVariant({ shared: false });
  const instance: KernelInstance = instantiate(await loadModule(variant));
  const { exports, memory } = instance;
  const size = 4 * points().length;
  const base = memory.grow(Math.ceil((3 * size + 64) / pageBytes) + 1) * pageBytes;
  const floats = (address: number, count: number) => new Float32Array(memory.buffer, address, count);
  const [input, gradient, output, settings] = [base, base + size, base + 2 * size, base + 3 * size];
  const run = (x: Float32Array, parameters: readonly number[], call: (count: number) => number): Float32Array => {
    floats(input, x.length).set(x);
    floats(gradient, x.length).fill(1);
    floats(settings, 2).set([parameters[0] ?? 0, parameters[1] ?? 0]);
    if (call(x.length) !== 0) {
      throw new ProxbitError(
        "not-finite",
        "a quantizer's map met NaN",
        "This is a fault of proxbit: please report it.",
      );
    }
    return floats(output, x.length).slice();
  };
  return {
    forward: (map, x, parameters) =>
      run(x, parameters, (count) => exports.quantize_forward(map, input, output, count, settings)),
    backward: (map, x, parameters) =>
      run(x, parameters, (count) => exports.quantize_backward(map, input, gradient, 0, output, count, settings)),
  };
}
