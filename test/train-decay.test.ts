/** Parameters that are left out of weight decay: by their name, by their layer's, by their key. */
import { describe, expect, test } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { parametersOf } from "../ts/nn/parameters.ts";
import { caseOptimizer, checkOptimizer, optimizerFor, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { checkFits } from "../ts/train/optimizers/updates.ts";
import { trainerOf } from "./train-helpers.ts";

const graph = sequential({ inputShape: [4, 4, 1] }, [
  layers.flatten(),
  layers.dense({ units: 4, name: "first", weightQuantizer: "bc" }),
  layers.batchNorm({ name: "norm" }),
  layers.dense({ units: 3, name: "first_head" }),
]);

const decaying = (noDecay: readonly string[]): readonly string[] => {
  const optimizer = optimizers.adamw({ weightDecay: 0.1, noDecay });
  return parametersOf(graph).flatMap((parameter) => {
    const own = optimizerFor(optimizer, parameter);
    return "weightDecay" in own && own.weightDecay === 0.1 ? [] : [parameter.name];
  });
};

describe("noDecay", () => {
  test.each([
    [["first/bias"], ["first/bias"]],
    [["first"], ["first/kernel", "first/bias"]],
    [["bias"], ["first/bias", "first_head/bias"]],
    [
      ["norm", "bias"],
      ["first/bias", "norm/gamma", "norm/beta", "norm/movingMean", "norm/movingVariance", "first_head/bias"],
    ],
  ])("%j leaves out %j", (names, wanted) => {
    expect(decaying(names)).toEqual(wanted);
  });

  test("is kept by copies, and absent where nobody gave it", () => {
    expect(checkOptimizer(optimizers.sgd({ noDecay: ["bias"] }))).toMatchObject({ noDecay: ["bias"] });
    expect(optimizers.adamw()).not.toHaveProperty("noDecay");
    expect(() => optimizers.lion({ noDecay: [] })).toThrow(/noDecay/);
    expect(() => optimizers.lion({ noDecay: [""] })).toThrow(/noDecay/);
  });

  test.each([
    optimizers.rmsprop({ weightDecay: 0.1, noDecay: ["bais"] }),
    caseOptimizer({ binary: optimizers.bop(), rest: optimizers.adamw({ noDecay: ["bais"] }) }),
  ])("must mean something", async (optimizer) => {
    await expect(trainerOf(graph, { optimizer })).rejects.toMatchObject({
      code: "unknown-name",
      message: expect.stringContaining('"bais"'),
    });
  });

  test("means parameters that its own part trains, or the other part has the word too", () => {
    const network = sequential({ inputShape: [4] }, [
      layers.dense({ units: 3, weightQuantizer: "bnn", name: "body" }),
      layers.dense({ units: 2, name: "head" }),
    ]);
    const sgd = (...noDecay: readonly string[]) =>
      optimizers.sgd({ weightDecay: 0.1, ...(noDecay.length === 0 ? {} : { noDecay }) });
    const check = (binary: readonly string[], rest: readonly string[]) => () =>
      checkFits(network, caseOptimizer({ binary: sgd(...binary), rest: sgd(...rest) }));
    const refused = expect.objectContaining({
      code: "argument",
      message: 'noDecay of the part "binary" has "bias", which the other part trains; this one trains body/kernel',
    });
    expect(check(["bias"], [])).toThrow(refused);
    expect(check([], ["body/kernel"])).toThrow(/noDecay of the part "rest" has "body\/kernel"/);
    for (const own of [check(["body"], ["bias"]), check(["bias", "kernel"], ["bias", "kernel"])]) {
      expect(own).not.toThrow();
    }
  });
});
