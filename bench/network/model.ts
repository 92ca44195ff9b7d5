/** Networks with random weights, and random images for them. */
import type { Graph } from "../../ts/nn/graph.ts";
import { Trainer } from "../../ts/train/run/trainer.ts";
import { xorshift } from "../conv/problem.ts";

/** A packed model of `graph` with the weights that a trainer begins with. */
export async function randomModel(graph: Graph): Promise<Uint8Array> {
  const trainer = await Trainer.create(graph, { workers: 1, seed: 1 });
  try {
    return await trainer.pack();
  } finally {
    trainer.close();
  }
}

/** `count` images of 224 x 224 x 3 in [-1, 1). */
export function noise(count: number): Float32Array {
  const next = xorshift(5);
  return Float32Array.from({ length: count * 224 * 224 * 3 }, () => next() / 2 ** 31);
}
