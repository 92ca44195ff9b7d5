/** Every entry's types, used as a program uses them. */
import { type Dataset, type Graph, layers, sequential, Trainer } from "proxbit";
import { datasetNames, type Split, take } from "proxbit/data";
import { load, loadParallel, type Session } from "proxbit/inference";
import { type CheckReport, check } from "proxbit/reference";

const graph: Graph = sequential({ inputShape: [2, 2, 1] }, [layers.flatten(), layers.dense({ units: 2 })]);

export async function train(data: Dataset): Promise<Uint8Array> {
  const trainer = await Trainer.create(graph, { seed: 1, workers: 2 });
  const few: Split = take(data.train, 10);
  for await (const event of trainer.fit({ ...data, train: few }, { epochs: 1 })) {
    if (event.type === "epoch") event.epoch.toFixed();
  }
  return trainer.pack();
}

export async function run(bytes: Uint8Array): Promise<Float32Array> {
  const session: Session = await load(bytes);
  const parallel = await loadParallel(bytes, { workers: 2 });
  await parallel.run(new Uint8Array(4));
  return session.run(new Uint8Array(4));
}

export const report = (): Promise<CheckReport> => check({ backend: "cpu" });
export const names: readonly string[] = datasetNames;
// @ts-expect-error A number is no shape: the types are there, and not `any`.
sequential({ inputShape: 3 }, []);
