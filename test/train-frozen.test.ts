/**
 * Layers that training leaves alone. Their parameters stay, gradients pass through them, and all else moves as if they were
 * constants.
 */
import { describe, expect, test } from "vitest";
import {
  freeze,
  functional,
  type Graph,
  input,
  type Layer,
  layers,
  parametersOf,
  sequential,
  validateGraph,
} from "../ts/nn/index.ts";
import { createPool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { trainProgram } from "../ts/train/plan/programs.ts";
import { nowhere, trainMode } from "../ts/train/plan/reserve.ts";
import { createEngine, type Engine } from "../ts/train/run/engine.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(9, [24, 8], SHAPE, 3);

const network = (frozen: readonly string[]): Graph => {
  const standing = (name: string) => ({ name, trainable: !frozen.includes(name) });
  return sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, ...standing("stem") }),
    layers.batchNorm(standing("norm")),
    layers.binaryConv2d({ filters: 8, kernelSize: 3, weightQuantizer: "bnn++", ...standing("body") }),
    layers.batchNorm(standing("second_norm")),
    layers.flatten(),
    layers.dense({ units: 3, ...standing("head") }),
  ]);
};

async function after(graph: Graph, epochs = 2) {
  const trainer = await trainerOf(graph, { optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }) });
  const before = await trainer.weights();
  await eventsOf(trainer.fit(data, { epochs, batchSize: 8, validate: false }));
  return { before, weights: await trainer.weights() };
}

const moved = ({ before, weights }: Awaited<ReturnType<typeof after>>): readonly string[] =>
  [...weights].flatMap(([name, values]) => {
    const isStatistic = name.includes("/moving");
    return isStatistic || values.every((value, i) => value === before.get(name)?.[i]) ? [] : [name];
  });

describe("frozen layers", () => {
  test.each([[["stem", "norm"]], [["body"]], [["second_norm", "head"]]])(
    "%j stay, and the others move",
    async (names) => {
      const graph = network(names);
      const trained = parametersOf(graph).filter(({ role, node }) => role !== "statistic" && !names.includes(node));
      expect(moved(await after(graph))).toEqual(trained.map(({ name }) => name));
    },
  );

  test("let gradients through as constants do: the first step of the others is the same", async () => {
    const step = async (names: readonly string[]) => {
      const trainer = await trainerOf(network(names), { optimizer: optimizers.sgd({ learningRate: 0.1 }) });
      await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 24, validate: false }));
      return trainer.weights();
    };
    const [all, some] = [await step([]), await step(["body", "head"])];
    for (const name of ["stem/kernel", "norm/gamma", "second_norm/beta"]) expect(some.get(name)).toEqual(all.get(name));
    expect(some.get("body/kernel")).not.toEqual(all.get("body/kernel"));
  });

  test("keep no state of an optimizer, and nothing goes back below the last of them", async () => {
    const pool = await createPool({ workers: 1 });
    try {
      const optimizer = optimizers.adam();
      const [whole, tail] = await Promise.all(
        [[], ["stem", "norm", "body", "second_norm"]].map((names) => createEngine(network(names), optimizer, pool)),
      );
      const [more, less] = [whole, tail].map((engine) => (engine as Engine).measure(8).memory);
      expect(less?.stateBytes).toBeLessThan(more?.stateBytes as number);
      expect(less?.lowerBound).toBeLessThan(more?.lowerBound as number);
    } finally {
      pool.close();
    }
  });

  test("in the middle have no call for gradients at their parameters, as if those were constants", async () => {
    const pool = await createPool({ workers: 1 });
    /** Calls of the layer "middle" in a step: those for its parameters, and gradients that others write on the way. */
    const callsOf = async (middle: readonly Layer[], frozen: boolean) => {
      const graph = sequential({ inputShape: [6, 6, 2] }, [
        layers.conv2d({ filters: 8, kernelSize: 3, padding: "same" }),
        ...middle,
        layers.flatten(),
        layers.dense({ units: 3 }),
      ]);
      const engine = await createEngine(frozen ? freeze(graph, ["middle"]) : graph, optimizers.sgd(), pool);
      const calls = trainProgram(engine.measure(8), nowhere(), trainMode(0)).flat(2);
      const own = calls.filter(({ node }) => node === "middle");
      const gradients = own.flatMap(({ arguments: { dgamma = null, dbeta = null } }) => [dgamma, dbeta]);
      return {
        weights: own.filter(({ part }) => part === "weights").length,
        onTheWay: gradients.filter((place) => place !== null).length,
        others: own.filter(({ part }) => part === "forward" || part === "input").length,
      };
    };
    const window = { filters: 8, kernelSize: 3, name: "middle" } as const;
    try {
      for (const layer of [
        layers.conv2d(window),
        layers.binaryConv2d({ ...window, weightQuantizer: "xnor" }),
        layers.conv2d({ ...window, groups: 2, useBias: true }),
        layers.depthwiseConv2d({ kernelSize: 3, name: "middle" }),
        layers.shift({ name: "middle" }),
        layers.batchNorm({ name: "middle" }),
      ]) {
        const [moving, still] = [await callsOf([layer], false), await callsOf([layer], true)];
        expect(moving.weights + moving.onTheWay).toBeGreaterThan(0);
        expect(still).toEqual({ weights: 0, onTheWay: 0, others: moving.others });
      }
    } finally {
      pool.close();
    }
  });

  test("stand in the graph, survive JSON, and are shared with the layer's other places", async () => {
    const x = input({ shape: [5] });
    const shared = layers.dense({ units: 5, name: "twice", trainable: false });
    const graph = functional({ inputs: x, outputs: layers.dense({ units: 3 }).apply(shared.apply(shared.apply(x))) });
    expect(validateGraph(JSON.parse(JSON.stringify(graph)))).toEqual(graph);
    expect(parametersOf(graph).map(({ frozen }) => frozen)).toEqual([true, true, undefined, undefined]);
    expect(parametersOf(network([])).every((parameter) => !("frozen" in parameter))).toBe(true);
  });

  test("are made of a ready network by name", () => {
    expect(freeze(network([]), ["stem", "body"])).toEqual(network(["stem", "body"]));
    expect(() => freeze(network([]), ["stm"])).toThrow(/"stm"/);
  });

  test("leave something to train, or are refused", async () => {
    const all = ["stem", "norm", "body", "second_norm", "head"];
    await expect(trainerOf(network(all))).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("nothing to train"),
    });
    expect(() => layers.dense({ units: 3, trainable: "no" as unknown as boolean })).toThrow(/trainable/);
  });
});
