/** The examples' own arithmetic is that of their definitions, on the data that they ship, and their programs learn it. */
import { describe, expect, test } from "vitest";
import { accuracyOf, boost } from "../examples/gb-gnn/boosting.ts";
import { adjacencyOf, aggregate, type Network } from "../examples/gb-gnn/graph.ts";
import { karate } from "../examples/gb-gnn/karate.ts";

describe("the karate club", () => {
  test("has the friendships and sides of its source", () => {
    const friends = (member: number): number =>
      karate.edges.filter((edge) => edge.some((node) => node === member - 1)).length;
    expect(karate.edges).toHaveLength(78);
    expect(new Set(karate.edges.map(String)).size).toBe(78);
    expect([1, 2, 3, 12, 33, 34].map(friends)).toEqual([16, 9, 10, 1, 12, 17]);
    expect(karate.labels.filter((side) => side === 1)).toHaveLength(17);
    expect([1, 9, 10, 34].map((member) => karate.labels[member - 1])).toEqual([0, 0, 1, 1]);
  });
});

const path: Network = {
  ...{ nodes: 3, classes: ["one", "other"], labels: [0, 0, 1] },
  edges: [
    [0, 1],
    [1, 2],
  ],
};

describe("a scale", () => {
  test("is a mean over a node and its neighbours, by their degrees", () => {
    const side = 1 / Math.sqrt(6);
    const wanted = [0.5, side, 0, side, 1 / 3, side, 0, side, 0.5];
    const adjacency = adjacencyOf(path);
    for (const [i, entry] of adjacency.entries()) expect(entry).toBeCloseTo(wanted[i] as number, 12);
    const twice = aggregate(adjacency, Float64Array.of(1, 2, 4, 0, 0, 8));
    for (const [i, entry] of [0.5 + 4 * side, 1, side + 4 / 3, 2 * side + 8 * side, 4 * side, 4].entries())
      expect(twice[i]).toBeCloseTo(entry, 12);
  });
});

describe("boosting", () => {
  const known = [0, 5, 10, 15, 20, 25];
  const options = { scales: 3, steps: 30, units: 16, weightQuantizer: "bnn", seed: 1 } as const;

  test("learns most sides from six, with binary weights", async () => {
    const first = await boost(karate, known, options);
    expect(first.scales.at(-1)?.accuracy).toBeGreaterThan(0.8);
    expect(accuracyOf(karate, known, first.classes)).toBe(first.scales.at(-1)?.accuracy);
    for (const { error, alpha } of first.scales) {
      expect(alpha).toBeCloseTo(Math.log(1 / Math.max(0.01, error) - 1), 9);
    }
  });

  test("gives those more weight that a learner gets wrong", async () => {
    // All three have the same features, so every learner gives them one class.
    const edges = [...path.edges, [0, 2]] as const;
    const { scales } = await boost({ ...path, edges }, [0, 1, 2], { ...options, scales: 2 });
    expect(scales[0]?.error).toBeCloseTo(1 / 3, 9);
    // The wrong one then weighs as much as both others together.
    expect(scales[1]?.error).toBeCloseTo(1 / 2, 9);
  });
});
