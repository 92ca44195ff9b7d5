/** One training step of a binary ResNet-20 against everything that can train it. */
import { resnet20 } from "../../ts/nn/models/resnet20.ts";
import { bytes, share } from "../../ts/show/table.ts";
import type { Benchmark, Context } from "../frame/benchmark.ts";
import { compare, type Finding, type Note } from "../frame/finding.ts";
import { type Contestant, type Pace, race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { tf, useWasmBackend } from "../peers/tfjs.ts";
import { noise, type Stepper, stepper } from "./ours.ts";
import { profileTable } from "./profile.ts";
import { pytorch } from "./pytorch.ts";
import { tfjsStep } from "./tfjs.ts";

const BATCH = 128;
/** tfjs-backend-cpu is plain JavaScript and gets this batch, because a step of 128 images would take half an hour. */
const SMALL_BATCH = 1;

const name = (batch: number): string => `a step of ResNet-20 at 32x32, batch ${batch}`;
const graph = resnet20({ weightQuantizer: "bnn", activationQuantizer: "bnn" });
const data = noise([32, 32, 3], 16 * BATCH);

export const peers: Benchmark = {
  title: "A training step of a binary ResNet-20",
  about:
    "Forward, backward and update (Adam) of a Bi-Real ResNet-20 on random 32x32 images; weights and activations are signs, " +
    "straight through where |x| <= 1. Peers: the same step with our products of real numbers (ff) alone; PyTorch, the same " +
    "network (bench/pytorch_resnet20.py, in NHWC, which is faster than NCHW); tfjs. Same cores, in turns.",
  async *run(context) {
    const pace = (rounds: number, warmUp: number): Pace => ({ rounds, warmUp, sliceMilliseconds: 0 });
    const [long, short] = context.quick ? [pace(3, 1), pace(1, 0)] : [pace(7, 2), pace(2, 1)];
    const settings = context.quick ? [1] : [1, 2];
    context.expect(settings.length * (long.rounds + long.warmUp) + short.rounds + short.warmUp);
    for (const threads of settings) yield* againstTraining(threads, long, context);
    yield* againstTfjs(short, context);
    yield await wasmCannot();
  },
};

/** Ours on all products, ours on `ff` alone and PyTorch, all on `threads` threads. */
async function* againstTraining(threads: number, pace: Pace, context: Context): AsyncGenerator<Finding> {
  const ours = await stepper(graph, data, BATCH, threads, context);
  const real = await stepper(graph, data, BATCH, threads, context, { products: "ff" });
  const torch = await pytorch("pytorch_resnet20.py", threads, BATCH, context);
  const contestants = [contestant("proxbit", ours), contestant("proxbit, ff alone", real)];
  const available = "missing" in torch ? contestants : [...contestants, torch];
  const [own, ...others] = (await race(available, pace, context.tick)) as readonly [Timing, ...Timing[]];
  for (const peer of others) yield compare(name(BATCH), own, peer, { threads, variant: ours.variant });
  if ("missing" in torch) yield { type: "note", text: torch.missing };
  const workers = threads === 1 ? "one worker" : `${threads} workers`;
  yield profileTable(`Where our step's time goes, ${workers}`, await ours.profile(pace.rounds));
  const { stepBytes, stateBytes, lowerBound } = ours.memory;
  const over = share((stepBytes + stateBytes) / lowerBound - 1);
  const text = `Memory of our step, ${workers}: ${bytes(stepBytes + stateBytes)}, ${over} above what any plan must keep.`;
  yield { type: "note", text };
  for (const { close } of [ours, real]) close();
}

const contestant = (label: string, { step }: Stepper): Contestant => ({ name: label, version: ownVersion, run: step });

async function* againstTfjs(pace: Pace, context: Context): AsyncGenerator<Finding> {
  const ours = await stepper(graph, data, SMALL_BATCH, 1, context);
  await tf.setBackend("cpu");
  const { step } = tfjsStep(graph, data.train, SMALL_BATCH);
  const contestants: readonly Contestant[] = [
    contestant("proxbit", ours),
    { name: "tfjs-backend-cpu", version: tf.version.tfjs, run: step },
  ];
  const [own, peer] = (await race(contestants, pace, context.tick)) as readonly [Timing, Timing];
  yield compare(name(SMALL_BATCH), own, peer, { threads: 1, variant: ours.variant });
}

/** tfjs-backend-wasm has no kernel for the gradient of a convolution's filters: it says so itself. */
async function wasmCannot(): Promise<Note> {
  await useWasmBackend();
  try {
    await tfjsStep(graph, data.train, SMALL_BATCH).step();
    return { type: "note", text: "tfjs-backend-wasm has made a training step: it belongs into the comparison now." };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { type: "note", text: `tfjs-backend-wasm cannot train a convolution. It says: ${text}` };
  }
}
