/** Quantizers with options as texts of the command line: the same values as their makers give, or a named fault. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { networksOf, quantizerList, taskList } from "../ts/cli/grid.ts";
import { optimizerFrom } from "../ts/cli/optimizer.ts";
import { quantizersFrom } from "../ts/cli/options.ts";
import { type Cell, cellsOf } from "../ts/compare/grid.ts";
import { runPath } from "../ts/compare/run-file.ts";
import { networkOf } from "../ts/nn/network.ts";
import { evaluateSchedule, quantizer, quantizers, schedules, stateAt } from "../ts/quantizers/index.ts";
import { quantizerEntries } from "../ts/quantizers/text.ts";
import { rejected, withFolder } from "./io-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomDataset } from "./oracle/compare.ts";

const { bnnPlusPlus, dorefaWeights, edePlus, parq, pc, polyPlus } = quantizers;
const { logLinear, linear, window, sequence, step, warmup, parqRho, cosine, accumulated } = schedules;

it.each([
  // The candidates of "Schedules, measured here".
  ["bnn++:beta=logLinear(1,5),hardenAt=0.5", bnnPlusPlus({ beta: logLinear(1, 5), hardenAt: 0.5 })],
  ["bnn++:beta=5,hardenAt=0.5", bnnPlusPlus({ beta: 5, hardenAt: 0.5 })],
  ["bnn++:beta=logLinear(1,5),harden-at=0.3", bnnPlusPlus({ beta: logLinear(1, 5), hardenAt: 0.3 })],
  ["poly+:hardenAt=0.5", polyPlus({ hardenAt: 0.5 })],
  // A soft phase with its own course, then another in the hard phase, with the pair's own B.
  [
    "bnn++: beta = sequence(0.5, logLinear(1, 5), 2), hardenAt = 0.5",
    bnnPlusPlus({ beta: sequence([0.5], [logLinear(1, 5), 2]), hardenAt: 0.5 }),
  ],
  ["ede+:t=window(0.1,0.5,logLinear(1e-3,10))", edePlus({ t: window(0.1, 0.5, logLinear(1e-3, 10)) })],
  [
    "pc:rho=parqRho(0,0.5),hardenAt=0.5,scale=filter",
    pc({ rho: parqRho({ end: 0.5 }), hardenAt: 0.5, scale: "filter" }),
  ],
  ["pc:rho=step(0.25,2,0.25,0.5)", pc({ rho: step(0.25, 2, [0.25, 0.5]) })],
  ["pc:rho=warmup(0.2,linear(0,1)),varrho=0.5", pc({ rho: warmup(0.2, linear(0, 1)), varrho: 0.5 })],
  ["bnn++:beta=accumulated(cosine(0.003),90)", bnnPlusPlus({ beta: accumulated(cosine(0.003), 90) })],
  ["bnn++:name=sharp,beta=7", bnnPlusPlus({ name: "sharp", beta: 7 })],
  ["parq:end=0.5,steepness=20", parq({ end: 0.5, steepness: 20 })],
  ["dorefa-weights-4:name=four", dorefaWeights({ bits: 4, name: "four" })],
  ["bnn++:", undefined],
])("reads %s", (text, value) => {
  if (value === undefined) expect(thrownBy(() => quantizer(text)).message).toContain("no option=value");
  else expect(quantizer(text)).toEqual(value);
});

it.each([
  ["bnn+++:beta=5", "unknown-name", "bnn+++"],
  ["bnn++:betta=5", "argument", 'has no option "betta"'],
  ["bnn++:beta", "argument", '"beta" is no option=value'],
  ["bnn++:beta=5,beta=6", "argument", "a second beta"],
  ["bnn++:beta=five", "argument", '"five"'],
  ["bnn++:beta=logLin(1,5)", "unknown-name", "logLin"],
  ["bnn++:beta=logLinear(1)", "argument", "no logLinear(from, to)"],
  ["bnn++:beta=logLinear(1,x)", "argument", "neither number nor schedule"],
  ["bnn++:beta=logLinear(1,5", "argument", "logLinear(1,5"],
  ["bnn++:beta=logLinear(linear(1,2),5)", "argument", "from must be a number"],
  ["bnn++:beta=sequence(0.5,3)", "argument", "no sequence("],
  ["bnn++:beta=sequence(1,3,4)", "argument", "moments between 0 and 1"],
  ["bnn++:beta=0", "argument", "beta"],
  ["bnn++:hardenAt=2", "argument", "hardenAt"],
  ["bnn++:__proto__=2", "argument", "no option=value"],
  ["bnn++:constructor=2", "argument", 'has no option "constructor"'],
  [`bnn++:beta=${"(".repeat(2000)}`, "argument", "characters"],
])("refuses %s", (text, code, message) => {
  const error = thrownBy(() => quantizer(text));
  expect(error.code).toBe(code);
  expect(error.message).toContain(message);
});

it("tells the entries of a list from the options of one", () => {
  expect(quantizerEntries("fp, bnn++:beta=sequence(0.5,1,2),hardenAt=0.5,poly,poly+:hardenAt=0.5")).toEqual([
    ...["fp", "bnn++:beta=sequence(0.5,1,2),hardenAt=0.5", "poly", "poly+:hardenAt=0.5"],
  ]);
  expect(quantizerList("bnn++,bnn++:beta=5,hardenAt=0.5")).toEqual(["bnn++", "bnn++:beta=5,hardenAt=0.5"]);
  expect(thrownBy(() => quantizerList("bc,beta=5")).code).toBe("unknown-name");
  expect(thrownBy(() => quantizerList("bc,bnn++:bta=5")).message).toContain('has no option "bta"');
  expect(taskList("bw,BWA")).toEqual(["bw", "bwa"]);
});

it("hardens weights and activations at moments of their own", () => {
  const [weights, activations] = ["bnn++:beta=5,hardenAt=0.3", "poly+:hardenAt=0.6"];
  const operands = quantizersFrom({ quantizer: weights, activationQuantizer: activations });
  expect(operands).toMatchObject({ weightQuantizer: weights, activationQuantizer: activations });
  const hardAt = (text: string) => [0.29, 0.3, 0.59, 0.6].map((progress) => stateAt(quantizer(text), progress).hard);
  expect(hardAt(weights)).toEqual([false, true, true, true]);
  expect(hardAt(activations)).toEqual([false, false, false, true]);
  const error = thrownBy(() => quantizersFrom({ quantizer: "bnn++:soft=1" }));
  expect(error.message).toContain('has no option "soft"');
});

it("keeps the pair's own B with its course in the hard phase", () => {
  const pair = quantizer("bnn++:beta=sequence(0.5,logLinear(1,5),2),hardenAt=0.5");
  const at = (progress: number) => stateAt(pair, progress);
  expect([at(0), at(0.5), at(1)].map(({ parameters: [beta], hard }) => [beta, hard])).toEqual([
    ...[
      [1, false],
      [2, true],
      [2, true],
    ],
  ]);
  expect(at(0.25).parameters[0]).toBeCloseTo(Math.sqrt(5), 12);
  expect(at(0.75).backwardMap).toBe(at(0).backwardMap);
});

it("begins the course of the step size anew where it is told to, warmed up once", () => {
  const rateOf = (options: Partial<Parameters<typeof optimizerFrom>[0]>) => {
    const optimizer = optimizerFrom({ optimizer: "adam", schedule: "cosine", learningRate: 1, ...options });
    const { learningRate } = optimizer as Extract<typeof optimizer, { readonly kind: "adam" }>;
    return (progress: number) => Number(evaluateSchedule(learningRate, progress).toFixed(9));
  };
  const restarted = rateOf({ restartAt: [0.5] });
  expect([0, 0.25, 0.5, 0.75, 1].map(restarted)).toEqual([1, 0.5, 1, 0.5, 0]);
  const warmed = rateOf({ restartAt: [0.5], warmup: 0.25 });
  expect([0, 0.125, 0.25, 0.375, 0.5, 0.75, 1].map(warmed)).toEqual([0, 0.5, 1, 0.5, 1, 0.5, 0]);
  expect([0, 0.25, 0.5].map(rateOf({ warmup: 0.25 }))).toEqual([0, 1, 0.75]);
  expect(thrownBy(() => rateOf({ restartAt: [0.2], warmup: 0.25 })).message).toContain("ends behind --restart-at 0.2");
  expect(thrownBy(() => rateOf({ restartAt: [0.5, 0.4] })).message).toContain("ascending");
});

it("makes the networks of a comparison with the options, and refuses a module that has the name alone", () =>
  withFolder(async (folder) => {
    const text = "bnn++:beta=5,hardenAt=0.5";
    const data = randomDataset(1, [2, 2], [8, 8, 1], 2);
    const [cell] = cellsOf({ quantizers: [text], tasks: ["bwa"] }) as [Cell];
    const { graphOf, detailsOf } = await networksOf("small", [cell], data);
    const [latent] = [...networkOf(graphOf(cell)).quantizers.values()];
    expect(latent).toEqual(bnnPlusPlus({ beta: 5, hardenAt: 0.5 }));
    expect(detailsOf(cell)).toEqual({});
    const deaf = join(folder, "deaf.ts");
    const nn = JSON.stringify(new URL("../ts/nn/index.ts", import.meta.url).href);
    await writeFile(
      deaf,
      `import { model } from ${nn};
      export default (given) => model("small", { ...given, weightQuantizer: "bnn++" });`,
    );
    const { message } = await rejected("graph", networksOf(deaf, [cell], data));
    expect(message).toContain(`weightQuantizer bnn++ with other options than those of ${text}`);
  }));

it("names a run's file without signs that file systems refuse", () => {
  const path = runPath("runs", {
    ...{ quantizer: "bnn++:beta=logLinear(1,5),hardenAt=0.5", task: "bw", seed: 1, key: "0123456789abcdefgh" },
    identity: {} as Parameters<typeof runPath>[1]["identity"],
  });
  expect(path.replaceAll("\\", "/")).toBe("runs/bnn++-beta-logLinear-1-5-hardenAt-0.5-bw-seed1-0123456789abcdef.json");
});
