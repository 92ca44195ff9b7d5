/**
 * The binary convolution against the fastest kernels for WebAssembly that others ship: the four 3x3 convolutions of a ResNet-18
 * body, batch 1, one thread each, in one process and in interleaved rounds. What counts are the ratios; absolute times drift
 * with the machine. The sums are checked in the same run, every one of them, against f32.
 */
import { cpus } from "node:os";
import { detectVariant, type Variant } from "../ts/runtime/variants.ts";
import { type Contestant, onnxruntime, ours, outputScale, type Problem, tfjs } from "./conv-contestants.ts";
import { benchmarkOptions } from "./options.ts";

const SHAPES = [
  [56, 64],
  [28, 128],
  [14, 256],
  [7, 512],
] as const;

const options = benchmarkOptions("conv", "The binary 3x3 convolution against tfjs-backend-wasm and onnxruntime-web.");
const rounds = options.quick ? 7 : 31;
/** A round runs a contestant until this many milliseconds have passed. */
const sliceMilliseconds = options.quick ? 8 : 12;

/** +-1 from a fixed sequence (xorshift32). */
function signs(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state < 0 ? -1 : 1;
  });
}

interface Times {
  readonly contestant: Contestant;
  /** Milliseconds of one operation: middle, best, and the quarters around the middle. */
  readonly ms: number;
  readonly best: number;
  readonly quartiles: readonly [number, number];
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.round(q * (sorted.length - 1))] as number;

async function slice(contestant: Contestant): Promise<number> {
  const began = performance.now();
  for (let runs = 1; ; runs++) {
    await contestant.run();
    const passed = performance.now() - began;
    if (passed > sliceMilliseconds) return passed / runs;
  }
}

async function race(contestants: readonly Contestant[]): Promise<Times[]> {
  const times = contestants.map((): number[] => []);
  for (let round = -2; round < rounds; round++) {
    for (const [at, contestant] of contestants.entries()) {
      const milliseconds = await slice(contestant);
      if (round >= 0) times[at]?.push(milliseconds);
    }
  }
  return contestants.map((contestant, at) => {
    const sorted = (times[at] ?? []).toSorted((a, b) => a - b);
    return {
      contestant,
      ms: quantile(sorted, 0.5),
      best: quantile(sorted, 0),
      quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
    };
  });
}

/** The greatest difference between a contestant's sums and the reference's. */
async function difference(contestant: Contestant, reference: ArrayLike<number>): Promise<number> {
  await contestant.run();
  const sums = await contestant.sums();
  if (sums.length !== reference.length) return Number.POSITIVE_INFINITY;
  let greatest = 0;
  for (let at = 0; at < sums.length; at++) {
    greatest = Math.max(greatest, Math.abs((sums[at] as number) - (reference[at] as number)));
  }
  return greatest;
}

async function compare(size: number, channels: number, variants: readonly Variant[]): Promise<boolean> {
  const problem: Problem = {
    ...{ size, channels },
    x: signs(size * size * channels, 1),
    kernel: signs(9 * channels * channels, 2),
  };
  const mine = (await Promise.all(variants.map((variant) => ours(variant, problem)))).flat();
  const peers = [await tfjs(problem), await onnxruntime(problem)];
  const [float, quantised] = peers as [Contestant, Contestant];

  await float.run();
  const reference = await float.sums();
  let exact = true;
  for (const contestant of mine) {
    const off = await difference(contestant, reference);
    if (off !== 0) console.error(`${contestant.name}: a sum differs from f32 by ${off}`);
    exact &&= off === 0;
  }
  // Its output has 256 levels, each this wide.
  const level = outputScale(channels);
  const clipped = Array.from(reference, (sum) => Math.min(127 * level, Math.max(-128 * level, sum)));
  const off = await difference(quantised, clipped);
  if (off > 0.51 * level) console.error(`${quantised.name}: a sum differs by ${off}, a level is ${level}`);

  const name = `conv 3x3 ${size}x${size}x${channels}->${channels}`;
  const times = await race([...mine, ...peers]);
  const macs = size * size * channels * channels * 9;
  report(name, macs, times.slice(0, mine.length), times.slice(mine.length));
  for (const contestant of [...mine, ...peers]) await contestant.dispose();
  return exact;
}

function report(name: string, macs: number, mine: readonly Times[], peers: readonly Times[]): void {
  const best = mine.reduce((fastest, times) => (times.ms < fastest.ms ? times : fastest));
  if (options.json) {
    for (const peer of peers) {
      const { name: peerName, version } = peer.contestant;
      console.log(
        JSON.stringify({
          ...{ type: "comparison", name },
          ours: { kernel: best.contestant.name, ms: best.ms, best: best.best, quartiles: best.quartiles },
          peer: { name: peerName, version, ms: peer.ms, best: peer.best, quartiles: peer.quartiles },
          ...{ ratio: peer.ms / best.ms, ratioOfBest: peer.best / best.best, machine },
        }),
      );
    }
    return;
  }
  console.log(`\n${name}`);
  for (const times of [...mine, ...peers]) {
    const [low, high] = times.quartiles;
    const rate = `${(macs / times.ms / 1e6).toFixed(0).padStart(4)} (best ${(macs / times.best / 1e6).toFixed(0)})`;
    const spread = `${times.ms.toFixed(3)} ms (${low.toFixed(3)} to ${high.toFixed(3)})`;
    const ratios = peers
      .map((peer) => `${(peer.ms / times.ms).toFixed(1)}x (best ${(peer.best / times.best).toFixed(1)}x)`.padStart(20))
      .join(" ");
    console.log(
      `  ${times.contestant.name.padEnd(34)} ${spread.padEnd(30)} ${rate} G MAC/s  ${mine.includes(times) ? ratios : ""}`,
    );
  }
}

const machine = `${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores, Node ${process.version}`;
const best = await detectVariant({ shared: false });
const variants: readonly Variant[] = best === "plain" ? ["plain"] : ["relaxed", "plain"];
if (!options.json) {
  console.log(`one thread each, batch 1, ${rounds} interleaved rounds, medians (quartiles); ${machine}`);
  console.log("ratios: tfjs-backend-wasm f32, onnxruntime-web uint8");
}
let exact = true;
for (const [size, channels] of SHAPES) exact = (await compare(size, channels, variants)) && exact;
if (!options.json) console.log(exact ? "\nall sums equal those of f32" : "\nSOME SUMS ARE WRONG");
process.exit(exact ? 0 : 1);
