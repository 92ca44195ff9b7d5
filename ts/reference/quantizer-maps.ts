/**
 * The forward and backward map of every quantizer over the real line, as the core calculates them, beside tfjs: at the ends
 * and in the middle of its run, at zeros of both signs, at the kinks and around them, at large and at very small values.
 */

import { ProxbitError } from "../base/errors.ts";
import { randomStream } from "../nn/random.ts";
import { type KernelCall, kernelsOver } from "../program/call.ts";
import { ready } from "../program/exports.ts";
import { backwardMapNumbers, encodeTable, forwardMapNumbers } from "../quantizers/maps.ts";
import type { MapTable } from "../quantizers/quantizer.ts";
import { quantizer, quantizerNames } from "../quantizers/registry.ts";
import { instantiate, type KernelInstance, pageBytes } from "../runtime/instantiate.ts";
import { loadModule } from "../runtime/load.ts";
import { detectVariant } from "../runtime/variants.ts";
import { compare, type Label } from "./compare.ts";
import { momentOf, type QuantizerMoment, quantized, slope } from "./maps.ts";
import type { Row } from "./report.ts";
import type { TensorFlow } from "./tensorflow.ts";

/** Moments of a run: the start, the middle, and shortly before the end, when maps are steep and some have turned hard. */
const MOMENTS = [0, 0.15, 0.29, 0.7, 1];
const POINTS = 4096;

/** Where to look: random points from 1e-6 to 1e6, and every place where a map or its slope has a kink or a jump. */
function points(): Float32Array {
  const stream = randomStream(1, "points");
  const random = Array.from(
    { length: POINTS },
    () => (stream.uniform() < 0.5 ? -1 : 1) * 10 ** (8 * stream.uniform() - 6),
  );
  const close = Array.from({ length: POINTS }, () => 4 * stream.uniform() - 2);
  const kinks = [0, 1, 0.5, 0.25, 2, 0.1, 0.7, 1.5, 1 / 6, 6].flatMap((x) => [
    x,
    x * (1 + 2 ** -23),
    x * (1 - 2 ** -24),
  ]);
  const ends = [2 ** -126, 1e-20, 1e20, 3e38];
  const both = [...kinks, ...ends].flatMap((x) => [x, -x]);
  return Float32Array.from([...random, ...close, ...both]);
}

/** A bump and its slopes, from -1 to 2. */
const TABLE: MapTable = { from: -1, to: 2, forward: [-1, -0.25, 3, 0.5, 0.5], backward: [0, 0.75, 1, -2, 0] };

type Maps = Pick<QuantizerMoment, "forward" | "backward"> & Partial<QuantizerMoment>;

/** Maps that no quantizer of a name has, or not with such parameters; and some behind a proximal map. */
const OTHERS: readonly Maps[] = [
  { forward: "identity", backward: "one" },
  { forward: "hardTanh", backward: "box" },
  { forward: "piecewiseLinear", backward: "one", parameters: [0.25, 0.375] },
  { forward: "piecewiseLinear", backward: "one", parameters: [1.5, 0] },
  { forward: "tanh", backward: "tanhPrime", parameters: [0.25] },
  { forward: "tanh", backward: "tanhPrime", parameters: [12] },
  { forward: "proxQuant", backward: "one", parameters: [0.25] },
  { forward: "proxQuant", backward: "one", parameters: [1.5] },
  { forward: "unitLevels", backward: "unitBox", parameters: [1] },
  { forward: "unitLevels", backward: "unitBox", parameters: [15] },
  { forward: "symmetricLevels", backward: "one", parameters: [1] },
  { forward: "symmetricLevels", backward: "one", parameters: [7] },
  { forward: "sign", backward: "clippedBox", parameters: [0.5] },
  { forward: "sign", backward: "rbnnPrime", parameters: [0.25] },
  { forward: "sign", backward: "rbnnPrime", parameters: [10] },
  { forward: "sign", backward: "restePrime", parameters: [1] },
  { forward: "sign", backward: "restePrime", parameters: [3] },
  { forward: "sign", backward: "fdaPrime", parameters: [9] },
  { forward: "sign", backward: "fdaPrime", parameters: [18] },
  { forward: "relu", backward: "reluPrime" },
  { forward: "relu6", backward: "relu6Prime" },
  { forward: "sigmoid", backward: "sigmoidPrime" },
  { forward: "gelu", backward: "geluPrime" },
  { forward: "table", backward: "table", table: TABLE },
  { proximal: "hardTanh", forward: "poly", backward: "polyPrime" },
  { proximal: "piecewiseLinear", forward: "tanh", backward: "tanhPrime", parameters: [0.25, 0.125, 3] },
  { proximal: "proxQuant", forward: "signSwish", backward: "signSwishPrime", parameters: [0.5, 5] },
  { proximal: "tanh", forward: "table", backward: "table", parameters: [2], table: TABLE },
  { proximal: "ede", forward: "unitLevels", backward: "box", parameters: [0.5, 3] },
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
    const moment = { proximal: "identity", parameters: [], table: null, hard: false, ...maps } as const;
    const { proximal, forward, backward, parameters } = moment;
    const label = { subject: OTHER_MAPS, node: [proximal, forward, backward, ...parameters].join(" ") };
    yield* compareAt(tf, core, label, moment, x);
  }
}

async function* compareAt(
  tf: TensorFlow,
  core: Core,
  label: Pick<Label, "subject" | "node">,
  moment: QuantizerMoment,
  x: Float32Array,
): AsyncGenerator<Row, void, undefined> {
  const forwardLabel: Label = { ...label, quantity: "forward map", exact: moment.forward === "sign" };
  yield await compare(tf, forwardLabel, core.forward(moment, x), () => quantized(tf, moment, tf.tensor1d(x)));
  const backwardLabel: Label = { ...label, quantity: "backward map" };
  yield await compare(tf, backwardLabel, core.backward(moment, x), () => slope(tf, moment, tf.tensor1d(x)));
}

const k = kernelsOver<number>();

interface Core {
  readonly forward: (moment: QuantizerMoment, x: Float32Array) => Float32Array;
  readonly backward: (moment: QuantizerMoment, x: Float32Array) => Float32Array;
}

/** The core in this thread, over memory for three arrays, four parameters and a small table. */
async function startCore(): Promise<Core> {
  const variant = await detectVariant({ shared: false });
  const instance: KernelInstance = instantiate(await loadModule(variant));
  const { exports, memory } = instance;
  const size = 4 * points().length;
  const base = memory.grow(Math.ceil((3 * size + 1024) / pageBytes) + 1) * pageBytes;
  const floats = (address: number, count: number) => new Float32Array(memory.buffer, address, count);
  const [input, gradient, output, settings] = [base, base + size, base + 2 * size, base + 3 * size];
  const given = (moment: QuantizerMoment, count: number) => ({
    ...{ x: input, count, parameters: settings },
    table: moment.table === null ? null : settings + 16,
  });
  const run = (moment: QuantizerMoment, x: Float32Array, call: KernelCall<number>): Float32Array => {
    floats(input, x.length).set(x);
    floats(gradient, x.length).fill(1);
    floats(settings, 4).set(moment.parameters);
    const samples = moment.table === null ? new Float32Array() : encodeTable(moment.table);
    floats(settings + 16, samples.length).set(samples);
    if (ready(exports, call)() !== 0) {
      throw new ProxbitError(
        "not-finite",
        "a quantizer's map met NaN",
        "This is a fault of proxbit: please report it.",
      );
    }
    return floats(output, x.length).slice();
  };
  return {
    forward: (moment, x) => {
      const first = forwardMapNumbers[moment.hard || moment.forward === "sign" ? "identity" : moment.proximal];
      const second = forwardMapNumbers[moment.forward];
      const maps = { ...given(moment, x.length), proximal: first, map: second };
      return run(moment, x, k.quantizeForward({ ...maps, y: output }));
    },
    backward: (moment, x) => {
      const maps = { proximal: forwardMapNumbers[moment.proximal], map: backwardMapNumbers[moment.backward] };
      const operands = { ...given(moment, x.length), dy: gradient, accumulate: false, dx: output };
      return run(moment, x, k.quantizeBackward({ ...maps, ...operands }));
    },
  };
}
