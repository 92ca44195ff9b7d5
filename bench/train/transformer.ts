/** A training step of a binary vision transformer against our own real products and PyTorch. */
import { vit32 } from "../../ts/nn/models/vit32.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import { compare } from "../frame/finding.ts";
import { type Contestant, type Pace, race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { noise, type Stepper, stepper } from "./ours.ts";
import { profileTable } from "./profile.ts";
import { pytorch } from "./pytorch.ts";

const BATCH = 64;

const graph = vit32({ weightQuantizer: "bnn", activationQuantizer: "bnn" });

const contestant = (name: string, { step }: Stepper): Contestant => ({ name, version: ownVersion, run: step });

export const trainTransformer: Benchmark = {
  title: "A training step of a binary vision transformer",
  about:
    `Forward, backward and update (Adam) of vit32 on random 32x32 images, batch ${BATCH}, one thread. Weights, activations, ` +
    "queries, keys and values are signs, straight through where |x| <= 1, and the attention matrix is 0 or 1. Peers: the same " +
    "step with our products of real numbers (ff) alone; PyTorch, the same network (bench/pytorch_vit32.py). In turns.",
  async *run(context) {
    const pace: Pace = context.quick
      ? { rounds: 3, warmUp: 1, sliceMilliseconds: 0 }
      : { rounds: 15, warmUp: 3, sliceMilliseconds: 0 };
    context.expect(pace.rounds + pace.warmUp);
    const data = noise([32, 32, 3], 16 * BATCH);
    const ours = await stepper(graph, data, BATCH, 1, context);
    const real = await stepper(graph, data, BATCH, 1, context, { products: "ff" });
    const torch = await pytorch("pytorch_vit32.py", 1, BATCH, context);
    const contestants = [contestant("proxbit", ours), contestant("proxbit, ff alone", real)];
    const available = "missing" in torch ? contestants : [...contestants, torch];
    const [own, ...others] = (await race(available, pace, context.tick)) as readonly [Timing, ...Timing[]];
    const name = `a step of vit32, batch ${BATCH}`;
    for (const peer of others) yield compare(name, own, peer, { threads: 1, variant: ours.variant });
    if ("missing" in torch) yield { type: "note", text: torch.missing };
    yield profileTable("Where our step's time goes", await ours.profile(pace.rounds));
    for (const { close } of [ours, real]) close();
  },
};
