/** The binary convolution against the fastest kernels for WebAssembly that others ship. */
import type { Benchmark } from "../frame/benchmark.ts";
import { paceOf } from "../frame/benchmark.ts";
import { giga } from "../frame/clock.ts";
import { compare, type Finding, medianOf, perRound, type Table } from "../frame/finding.ts";
import { milliseconds, shareOfLimit } from "../frame/text.ts";
import { ownVersion } from "../frame/version.ts";
import { CODEWORDS, type Measured, measure, roundsOf } from "./measure.ts";
import { SHAPES } from "./problem.ts";

/** The limit that the look-up kernel is held against: 128 multiply-accumulates a cycle. */
const [SHUFFLES, MACS_PER_SHUFFLE] = [2, 64] as const;

export const conv: Benchmark = {
  title: "Binary 3x3 convolutions",
  about:
    "The four 3x3 convolutions of a ResNet-18 body, batch 1, one thread each. Ours: f32 activations to bits, product, batch " +
    "norm and sign as thresholds, bits for the next layer. Peers: conv2d from f32 to f32; QLinearConv from uint8 to uint8. " +
    "Every result is checked in the run against f32.",
  async *run(context) {
    const pace = paceOf(context.quick);
    context.expect(SHAPES.length * roundsOf(pace));
    const all: Measured[] = [];
    const { measureThere, browser } = context.browser
      ? await (await import("./chromium.ts")).openBenchmarkPage(context)
      : { measureThere: measure, browser: undefined };
    for (const [size, channels] of SHAPES) {
      const measured = await measureThere(size, channels, pace, ownVersion, context.tick);
      all.push(measured);
      yield* comparisons(measured);
    }
    yield kernels(all);
    yield fewCodewords(all);
    yield limits(all);
    if (browser !== undefined) yield { type: "note", text: `Browser: ${browser}.` };
  },
};

function* comparisons({ name, ours, peers }: Measured): Generator<Finding> {
  for (const { variant, kernel, whole } of ours) {
    for (const peer of peers) yield compare(name, whole[kernel], peer, { threads: 1, variant });
  }
}

function kernels(all: readonly Measured[]): Table {
  return {
    type: "table",
    title: "Our kernels, the whole operation (* chosen by the start-up probe), ms",
    columns: ["what", "core", "lookup", "popcnt8", "popcnt64"],
    rows: all.flatMap(({ name, ours }) =>
      ours.map(({ variant, kernel, whole }) => [
        name,
        variant,
        ...(["lookup", "popcnt8", "popcnt64"] as const).map(
          (one) => `${milliseconds(medianOf(whole[one]))}${one === kernel ? " *" : ""}`,
        ),
      ]),
    ),
  };
}

function fewCodewords(all: readonly Measured[]): Table {
  return {
    type: "table",
    title: `From bits to bits, 3x3 kernels that are ${CODEWORDS} different ones: the look-up of codewords against that of any kernels`,
    columns: ["what", "core", "codewords, ms", "lookup, ms", "ratio"],
    rows: all.flatMap(({ name, ours }) =>
      ours.map(({ variant, few: { lookup, codewords } }) => {
        const { median: ratio } = perRound(lookup, codewords, (one, other) => one / other);
        const times = [codewords, lookup].map((one) => milliseconds(medianOf(one)));
        return [name, variant, ...times, `${ratio.toFixed(2)}x`];
      }),
    ),
  };
}

function limits(all: readonly Measured[]): Table {
  return {
    type: "table",
    title: `From bits to bits, against ${SHUFFLES} byte shuffles a cycle of ${MACS_PER_SHUFFLE} multiply-accumulates each`,
    columns: [
      ...["what", "core", "kernel", "ms", "G MAC/s", "clock, GHz", "shuffles a cycle"],
      ...["of the limit (best tenth)", "zero- against one-padding"],
    ],
    rows: all.flatMap(({ name, multiplyAccumulates, ours, clock, shuffles }) =>
      ours.map(({ variant, kernel, fromBits, fromBitsOnePadded }) => {
        const rate = (ms: number): number => multiplyAccumulates / ms / 1e6;
        const limit = (tick: number): number => SHUFFLES * MACS_PER_SHUFFLE * giga(tick);
        const price = perRound(fromBits, fromBitsOnePadded, (zero, one) => zero / one - 1).median;
        const got = shuffles && perRound(shuffles, clock, (one, tick) => giga(one) / giga(tick)).median;
        const ms = medianOf(fromBits);
        return [
          ...[name, variant, kernel, milliseconds(ms), rate(ms).toFixed(0), giga(medianOf(clock)).toFixed(2)],
          ...[got?.toFixed(2) ?? "", shareOfLimit(perRound(fromBits, clock, (one, tick) => rate(one) / limit(tick)))],
          `${price < 0 ? "" : "+"}${(100 * price).toFixed(1)} %`,
        ];
      }),
    ),
  };
}
