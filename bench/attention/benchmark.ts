/** Attention and its products over bits against the same over reals, and how both grow with the tokens. */
import { instantiate } from "../../ts/runtime/instantiate.ts";
import { loadModule } from "../../ts/runtime/load.ts";
import { detectVariant } from "../../ts/runtime/variants.ts";
import { type Benchmark, paceOf } from "../frame/benchmark.ts";
import { compare, medianOf } from "../frame/finding.ts";
import { race, type Timing } from "../frame/race.ts";
import { milliseconds, times } from "../frame/text.ts";
import { ownVersion } from "../frame/version.ts";
import { type Growth, growthPicture } from "./growth.ts";
import { FORMS, matmul } from "./matmul.ts";
import { attention, HEADS, type Kind, TOKENS, WIDTH } from "./problem.ts";

const GROWTH = "Growth with the tokens";
/** Without an exponential, with a learned scale behind the softmax, and with a matrix that stays real. */
const KINDS: readonly Kind[] = ["threshold", "elastic", "softmax"];

export const attentionBenchmark: Benchmark = {
  title: "Attention",
  about:
    `Attention of one image, ${HEADS} heads of ${WIDTH} features, queries, keys and values +-1, one thread: from bits, ` +
    "against our own kernels over reals, which write the whole matrix. Both give the same bits, which is checked first. Behind " +
    "them stand products of two values of signs (`matmul`): rows of 64 terms by such, a matrix of tokens by tokens by rows of " +
    "64, and the two gradients of the first. Those have an operand of signs each, and sums in another order.",
  async *run(context) {
    const pace = paceOf(context.quick);
    const variant = await detectVariant({ shared: false });
    const instance = instantiate(await loadModule(variant), {});
    context.expect((KINDS.length + FORMS.length) * TOKENS.length * (pace.rounds + pace.warmUp));
    const rows: string[][] = [];
    const growth: Growth[] = [];
    const problems = [
      ...KINDS.map((kind) => [kind, (tokens: number) => attention(instance, kind, tokens)] as const),
      ...FORMS.map((form) => [form, (tokens: number) => matmul(instance, form, tokens)] as const),
    ];
    for (const [name, problem] of problems) {
      for (const tokens of TOKENS) {
        const { bits, reals, agree, multiplyAccumulates } = problem(tokens);
        bits();
        reals();
        if (!agree()) throw new Error(`${name}, ${tokens} tokens: bits and reals differ`);
        const contestants = [
          { name: "bits", version: ownVersion, run: bits },
          { name: "reals", version: ownVersion, run: reals },
        ];
        const [ours, peer] = (await race(contestants, pace, context.tick)) as readonly [Timing, Timing];
        yield compare(`${name}, ${tokens} tokens`, ours, peer, { threads: 1, variant });
        const [own, other] = [medianOf(ours), medianOf(peer)];
        const rate = (multiplyAccumulates / own / 1e6).toFixed(0);
        growth.push({ name, tokens, bits: own, reals: other });
        rows.push([name, String(tokens), milliseconds(own), milliseconds(other), times(other / own), rate]);
      }
    }
    yield { type: "picture", title: GROWTH, svg: growthPicture(GROWTH, growth) };
    yield {
      type: "table",
      title: GROWTH,
      columns: ["what", "tokens", "bits, ms", "reals, ms", "ratio", "bits, G MAC/s"],
      rows,
    };
  },
};
