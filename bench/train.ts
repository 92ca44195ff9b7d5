/**
 * Images a second while the demo network trains, with one and with two workers, interleaved in one run. The figures are of
 * whole steps as a user sees them: forward, backward and update, in the soft phase of BNN++ (which is nine tenths of a run).
 */
import { cpus } from "node:os";
import { mnist } from "../ts/io/mnist.ts";
import { take } from "../ts/io/split.ts";
import { cnn } from "../ts/nn/models/cnn.ts";
import { Trainer } from "../ts/train/trainer.ts";
import { benchmarkOptions } from "./options.ts";

const BATCH = 128;

const options = benchmarkOptions("train", "Images a second of the demo network with 1 and 2 workers.");

const [warmUp, measured, rounds] = options.quick ? [4, 12, 5] : [4, 24, 11];
const data = await mnist();
const few = { ...data, train: take(data.train, BATCH * (warmUp + measured + 1)) };
const graph = cnn({ weightQuantizer: "bnn++", activationQuantizer: "poly" });

/** Images a second over `measured` steps, after the first ones. */
async function imagesPerSecond(trainer: Trainer): Promise<number> {
  let began = 0;
  for await (const event of trainer.fit(few, { epochs: 100, batchSize: BATCH, validate: false })) {
    if (event.type !== "step") continue;
    if (event.step === warmUp) began = performance.now();
    if (event.step === warmUp + measured) break;
  }
  return (1000 * measured * BATCH) / (performance.now() - began);
}

const median = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
};

const one = await Trainer.create(graph, { workers: 1, seed: 1 });
const two = await Trainer.create(graph, { workers: 2, seed: 1 });
const [withOne, withTwo]: [number[], number[]] = [[], []];
for (let round = 0; round < rounds; round++) {
  withOne.push(await imagesPerSecond(one));
  withTwo.push(await imagesPerSecond(two));
}
const ratio = median(withTwo.map((rate, round) => rate / (withOne[round] as number)));
const machine = `${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores, Node ${process.version}`;
const row = (workers: number, rates: readonly number[]): string =>
  `${workers} worker${workers > 1 ? "s" : " "}  ${median(rates).toFixed(0).padStart(6)} images/s  (${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)})`;
if (options.json) {
  const ours = { workers: 2, imagesPerSecond: median(withTwo) };
  const peer = { name: "1 worker", imagesPerSecond: median(withOne) };
  console.log(
    JSON.stringify({ type: "comparison", name: "training step of the demo network", ours, peer, ratio, machine }),
  );
} else {
  console.log(
    `training the demo network, batch ${BATCH}, ${rounds} rounds of ${measured} steps; ${machine}; core ${two.variant}`,
  );
  console.log(row(1, withOne));
  console.log(row(2, withTwo));
  console.log(`2 workers train ${ratio.toFixed(2)} times as fast as 1`);
}
one.close();
two.close();
