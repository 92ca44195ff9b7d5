/** The products with one real and one +-1 operand, which training lives by, against the same with two reals. */
import { instantiate } from "../../ts/runtime/instantiate.ts";
import { loadModule } from "../../ts/runtime/load.ts";
import { detectVariant } from "../../ts/runtime/variants.ts";
import { type Benchmark, paceOf } from "../frame/benchmark.ts";
import { clock, giga } from "../frame/clock.ts";
import { compare, medianOf, perRound } from "../frame/finding.ts";
import { race, type Timing } from "../frame/race.ts";
import { shareOfLimit } from "../frame/text.ts";
import { ownVersion } from "../frame/version.ts";
import { products, SHAPES } from "./problem.ts";

/** The limit of two loads of 16 bytes a cycle. Each load brings a table row: four products for four lanes. */
const MACS_PER_CYCLE = 32;

export const productsBenchmark: Benchmark = {
  title: "Real x +-1 products",
  about:
    "Forward products, filter gradient and input gradient of 3x3 convolutions with one +-1 operand, one thread: by tables of " +
    "signed sums (fb), against the same with two real operands (ff). Layouts that a step makes once for all products are " +
    "there already; results are compared in the run.",
  async *run(context) {
    const pace = paceOf(context.quick);
    const variant = await detectVariant({ shared: false });
    const instance = instantiate(await loadModule(variant), {});
    context.expect(SHAPES.length * (pace.rounds + pace.warmUp));
    const rows: string[][] = [];
    for (const shape of SHAPES) {
      const problem = products(instance, shape);
      for (const { name, tables, reals, difference } of problem.products) {
        tables();
        reals();
        // Thousands of additions in another order.
        if (!(difference() < 1e-4)) throw new Error(`${problem.shape}, ${name}: fb and ff differ by ${difference()}`);
      }
      const version = ownVersion;
      const contestants = problem.products.flatMap(({ tables, reals }) => [
        { name: "fb", version, run: tables },
        { name: "ff", version, run: reals },
      ]);
      const [ticks, ...timings] = (await race([await clock(), ...contestants], pace, context.tick)) as readonly [
        Timing,
        ...Timing[],
      ];
      for (const [i, { name }] of problem.products.entries()) {
        const [fb, ff] = [timings[2 * i] as Timing, timings[2 * i + 1] as Timing];
        yield compare(`${name}, ${problem.shape}`, fb, ff, { threads: 1, variant });
        const rate = (ms: number): number => problem.multiplyAccumulates / ms / 1e6;
        const part = perRound(fb, ticks, (ms, tick) => rate(ms) / giga(tick) / MACS_PER_CYCLE);
        const rates = [fb, ff].map((timing) => rate(medianOf(timing)).toFixed(0));
        rows.push([problem.shape, name, ...rates, shareOfLimit(part)]);
      }
    }
    yield {
      type: "table",
      title: `Rates, and the share of the limit of ${MACS_PER_CYCLE} multiply-accumulates a cycle that loading tables sets`,
      columns: ["what", "product", "fb, G MAC/s", "ff, G MAC/s", "fb of its limit (best tenth)"],
      rows,
    };
  },
};
