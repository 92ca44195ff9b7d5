import { describe, expect, it } from "vitest";
import {
  checkQuantizer,
  constant,
  evaluateSchedule,
  linear,
  logLinear,
  type Quantizer,
  quantizer,
  quantizerNames,
  quantizers,
  schedules,
  stateAt,
} from "../ts/quantizers/index.ts";
import { thrownBy } from "./nn-arbitrary.ts";

describe("named quantizers", () => {
  it("pair the maps of the literature", () => {
    const pairs = quantizerNames.map((name) => [name, quantizer(name).forward, quantizer(name).backward]);
    expect(pairs).toEqual([
      ["fp", "identity", "one"],
      ["bc", "sign", "one"],
      ["pc", "piecewiseLinear", "one"],
      ["parq", "piecewiseLinear", "one"],
      ["pq", "proxQuant", "one"],
      ["rpc", "identity", "one"],
      ["bnn", "sign", "box"],
      ["bnn+", "sign", "signSwishPrime"],
      ["bnn++", "signSwish", "signSwishPrime"],
      ["poly", "sign", "polyPrime"],
      ["poly+", "poly", "polyPrime"],
      ["ede", "sign", "edePrime"],
      ["ede+", "ede", "edePrime"],
      ["rbnn", "sign", "rbnnPrime"],
      ["rbnn-activations", "sign", "rbnnPrime"],
      ["reste", "sign", "restePrime"],
      ["fda", "sign", "fdaPrime"],
      ["dorefa-activations", "unitLevels", "unitBox"],
      ["elastic", "elasticSign", "elasticBox"],
      ["elastic-unit", "elasticUnit", "elasticUnitBox"],
      ["xnor", "sign", "one"],
      ["magnitude-aware", "sign", "box"],
      ["recu", "sign", "clippedBox"],
      ["adabin", "sign", "edePrime"],
      ["dorefa-weights", "sign", "one"],
      ["biper", "identity", "one"],
      ["siman", "sign", "one"],
    ]);
  });

  it("all end as the hard sign but those that stay what they are, and only bnn and pq clip their latents", () => {
    const levelled = ["fp", "dorefa-activations", "elastic", "elastic-unit"];
    expect(quantizerNames.filter((name) => !stateAt(quantizer(name), 0.9).hard)).toEqual(levelled);
    expect(quantizerNames.filter((name) => !stateAt(quantizer(name), 1).hard)).toEqual(levelled);
    expect(quantizerNames.filter((name) => quantizer(name).hard === "levels")).toEqual(levelled);
    expect(quantizerNames.filter((name) => quantizer(name).clipLatent !== 0)).toEqual(["pq", "bnn"]);
  });

  it("survive JSON and a worker's clone unchanged", () => {
    for (const name of quantizerNames) {
      const value = quantizer(name);
      expect(quantizer(JSON.parse(JSON.stringify(value)) as Quantizer)).toEqual(value);
      expect(quantizer(structuredClone(value))).toEqual(value);
    }
  });

  it("may leave out the fields that came later, which are neutral then", () => {
    const neutral = { proximal: "identity", restart: "identity", table: null, scale: "none" };
    for (const name of ["bc", "pc", "bnn", "bnn+", "bnn++", "poly", "poly+", "ede", "ede+"]) {
      const { forward, backward, parameters, hardenAt, clipLatent } = quantizer(name);
      const early = { name, forward, backward, parameters, hardenAt, clipLatent };
      expect(quantizer(early)).toEqual(quantizer(name));
      expect(quantizer(early)).toMatchObject({ ...neutral, standardize: "none", hard: "sign" });
    }
  });

  it("pc hardens along PARQ's normalised logistic of steepness 10, to the sign in the middle of the run", () => {
    const [rho = constant(0)] = quantizers.pc().parameters;
    const [top, bottom] = [1 / (1 + Math.exp(-5)), 1 / (1 + Math.exp(5))];
    for (let f = 0; f <= 1; f += 1 / 64) {
      const inverseSlope = (1 / (1 + Math.exp(10 * (f - 0.5))) - bottom) / (top - bottom);
      expect(1 - evaluateSchedule(rho, 0.5 * f)).toBeCloseTo(inverseSlope, 12);
    }
    expect(evaluateSchedule(rho, 0.55)).toBe(1);
  });
});

describe("quantizer", () => {
  it.each([
    ["bnn+++", "bnn++"],
    ["BNN++", "bnn++"],
    ["polly", "poly"],
    ["ede++", "ede+"],
  ])("answers %s with %s", (given, nearest) => {
    const error = thrownBy(() => quantizer(given));
    expect(error.code).toBe("unknown-name");
    expect(error.message).toBe(`no quantizer is called "${given}"`);
    expect(error.remedy).toContain(`Did you mean "${nearest}"?`);
    expect(error.remedy).toContain(quantizerNames.join(", "));
  });

  it("suggests nothing for a name that is near to none, or a property of every object", () => {
    for (const name of ["straight-through", "constructor", "__proto__", "x".repeat(100_000)]) {
      const error = thrownBy(() => quantizer(name));
      expect(error.code).toBe("unknown-name");
      expect(error.remedy).toMatch(/^Known: fp, bc, /);
      expect(error.message.length).toBeLessThan(120);
    }
  });

  const good = quantizers.bnnPlusPlus();
  const table = { from: -1, to: 1, forward: [-1, 1], backward: [1, 1] };
  const tabled = { ...quantizers.bc(), forward: "table", backward: "table", table };
  const levelled = { ...quantizers.bc(), forward: "unitLevels", backward: "unitBox", parameters: [constant(3)] };
  it.each([
    ["beta of 0", { ...good, parameters: [constant(0)] }, "beta must be a number from 0.000001"],
    ["a schedule that reaches 0", { ...good, parameters: [linear(1, 0)] }, "beta must be a number"],
    ["too few parameters", { ...good, parameters: [] }, "parameters must be a list of 1 values"],
    [
      "a parameter for sign",
      { ...quantizers.bc(), parameters: [constant(1)] },
      "parameters must be a list of 0 values",
    ],
    ["hardenAt past the end", { ...good, hardenAt: 1.5 }, "hardenAt must be a number from 0 to 1, not 1.5"],
    ["a negative clip", { ...good, clipLatent: -1 }, "clipLatent must be"],
    ["an unknown map", { ...good, forward: "signSwisch" }, 'forward is "signSwisch"'],
    ["an unknown key", { ...good, hardenAfter: 1 }, 'has no option "hardenAfter"'],
    ["no name", { ...good, name: "" }, "name must be"],
    [
      "maps that mean different things by their parameters",
      { ...quantizers.pc(), backward: "signSwishPrime" },
      "forward map piecewiseLinear reads [rho, varrho] where backward map signSwishPrime reads [beta]",
    ],
    ["an unknown proximal map", { ...good, proximal: "prox" }, 'proximal is "prox"'],
    ["a proximal map that falls", { ...good, proximal: "signSwish" }, 'proximal is "signSwish"'],
    ["a proximal map of samples", { ...good, proximal: "table" }, 'proximal is "table"'],
    [
      "a proximal map without its parameters",
      { ...good, proximal: "piecewiseLinear" },
      "parameters must be a list of 3 values",
    ],
    ["a table that no map reads", { ...good, table }, "table must be null"],
    ["a map without its table", { ...tabled, table: null }, "table must be a plain object"],
    ["samples that end before they start", { ...tabled, table: { ...table, to: -2 } }, "to must be more than from"],
    [
      "samples that f32 cannot tell apart",
      { ...tabled, table: { ...table, from: 1e6 - 1, to: 1e6 } },
      "forward must be few enough samples",
    ],
    ["a single sample", { ...tabled, table: { ...table, forward: [1] } }, "forward must be a list of 2 to"],
    ["too few slopes", { ...tabled, table: { ...table, backward: [1] } }, "backward must be a list of 2"],
    [
      "more slopes than samples",
      { ...tabled, table: { ...table, backward: [1, 1, 1] } },
      "backward must be a list of 2",
    ],
    [
      "fewer slopes than samples",
      { ...tabled, table: { ...table, forward: [-1, 0, 0, 1], backward: [1, 1, 1] } },
      "backward must be a list of 4",
    ],
    [
      "a sample that is no number",
      { ...tabled, table: { ...table, forward: [0, Number.NaN] } },
      "forward must be a number from",
    ],
    ["half a level", { ...levelled, parameters: [constant(1.5)] }, "levels must be a whole number"],
    ["levels that change", { ...levelled, parameters: [linear(1, 3)] }, "levels must be the same number throughout"],
    ["a restart of other parameters", { ...good, restart: "tanh" }, "restart tanh reads [t]"],
    ["a restart that falls", { ...good, restart: "signSwish" }, 'restart is "signSwish"'],
    [
      "a restart of weights that are standardised",
      { ...quantizers.pq(), standardize: "filter" },
      'standardize "filter" maps others',
    ],
    ["an unknown scale", { ...good, scale: "layer" }, 'scale is "layer"'],
    ["an unknown standard", { ...good, standardize: "batch" }, 'standardize is "batch"'],
    ["an unknown end", { ...good, hard: "soft" }, 'hard is "soft"'],
    [
      "levels that turn into the sign",
      { ...good, hard: "levels" },
      `never turns into the sign, and hardenAt is ${good.hardenAt}`,
    ],
    ["two levels that are the sign", { ...quantizers.bc(), hard: "levels" }, "whose two levels are bits"],
    ["a null", null, "quantizer must be a plain object, not null"],
  ])("refuses %s", (_, value, message) => {
    const error = thrownBy(() => quantizer(value as Quantizer));
    expect(error.code).toBe("argument");
    expect(error.message).toContain(message);
  });

  it("takes tables and proximal maps, P's parameters first", () => {
    expect(quantizer(tabled as Quantizer)).toEqual(tabled);
    const parameters = [constant(0.5), constant(0), constant(5)];
    const composed = { ...good, proximal: "piecewiseLinear", parameters } as const;
    expect(quantizer(composed)).toEqual(composed);
    expect(stateAt(composed, 0)).toEqual({
      proximalMap: 2,
      forwardMap: 4,
      backwardMap: 3,
      parameters: [0.5, 0, 5, 0],
      hard: false,
    });
  });

  it("takes varrho from 0 to 1 and rho from 0", () => {
    expect(quantizers.pc({ rho: 0, varrho: 1 }).parameters).toEqual([constant(0), constant(1)]);
    expect(thrownBy(() => quantizers.pc({ varrho: 1.01 })).message).toContain("varrho");
    expect(thrownBy(() => quantizers.pc({ rho: -0.01 })).message).toContain("rho");
  });

  it("carries the caller's error code, for graphs from files", () => {
    const error = thrownBy(() => checkQuantizer({}, { code: "model-file", what: "x" }));
    expect(error.code).toBe("model-file");
  });
});

describe("makers", () => {
  it("make as many levels as bits say, and refuse others", () => {
    expect(quantizers.dorefaActivations({ bits: 4 }).parameters).toEqual([constant(15)]);
    expect(quantizers.dorefaActivations({ name: "own" }).name).toBe("own");
    expect(thrownBy(() => quantizers.dorefaActivations({ bits: 9 })).message).toContain("bits must be a whole number");
    expect(thrownBy(() => quantizers.fp({ hardenAt: 0.5 } as object)).message).toContain("hardenAt");
  });

  it("are found by DoReFa's name with its bits behind a dash", () => {
    expect(quantizer("dorefa-activations-4")).toEqual(quantizers.dorefaActivations({ bits: 4 }));
    expect(quantizer("dorefa-activations-2")).toEqual(quantizer("dorefa-activations"));
    expect(quantizer("dorefa-weights-8")).toEqual(quantizers.dorefaWeights({ bits: 8 }));
    expect(quantizer("dorefa-weights-1")).toEqual(quantizer("dorefa-weights"));
    expect(quantizer("dorefa-weights-8").name).toBe("dorefa-weights-8");
    expect(thrownBy(() => quantizer("dorefa-weights-9")).code).toBe("unknown-name");
    expect(thrownBy(() => quantizer("bnn-4")).message).toContain("bnn-4");
  });

  it("keep RBNN's t for activations from 1 on", () => {
    expect(thrownBy(() => quantizers.rbnnActivations({ t: 0.5 })).message).toContain("t must be a number from 1 to");
    expect(quantizers.rbnnActivations({ t: 1 }).parameters).toEqual([constant(1)]);
  });

  it("take PARQ's course for L", () => {
    expect(quantizers.parq({ start: 0.2, end: 0.7, steepness: 5 })).toEqual(
      quantizers.pc({ name: "parq", rho: schedules.parqRho({ start: 0.2, end: 0.7, steepness: 5 }), hardenAt: 0.7 }),
    );
  });

  it("take numbers and schedules for their parameters, and leave the rest at its default", () => {
    const value = quantizers.bnnPlusPlus({ name: "steady", beta: 7, hardenAt: 0.5 });
    expect(value).toEqual({ ...quantizer("bnn++"), name: "steady", parameters: [constant(7)], hardenAt: 0.5 });
    expect(quantizers.edePlus({ t: logLinear(1e-3, 10) }).parameters).toEqual([logLinear(1e-3, 10)]);
  });

  it("refuse options of another family, with the nearest of their own", () => {
    const error = thrownBy(() => quantizers.bnnPlus({ Beta: 3 } as object));
    expect(error.message).toContain('quantizer "bnn+" has no option "Beta"');
    expect(error.remedy).toContain('Did you mean "beta"?');
  });
});

describe("stateAt", () => {
  it("gives the core's numbers and the parameters at that moment", () => {
    const value = quantizer("bnn++");
    const rest = { proximalMap: 0, backwardMap: 3 };
    expect(stateAt(value, 0)).toEqual({ ...rest, forwardMap: 4, parameters: [1, 0, 0, 0], hard: false });
    const quarter = stateAt(value, 0.25);
    expect(quarter.parameters[0]).toBeCloseTo(5 ** 0.25, 10);
    expect(quarter.hard).toBe(false);
    expect(stateAt(value, 1)).toEqual({ ...rest, forwardMap: 1, parameters: [5, 0, 0, 0], hard: true });
  });

  it("hardens at hardenAt, from the start for 0, and never for 1", () => {
    const hard = (hardenAt: number, at: number) => stateAt(quantizers.polyPlus({ hardenAt }), at).hard;
    expect([hard(0.9, 0.899), hard(0.9, 0.9), hard(0, 0), hard(1, 1)]).toEqual([false, true, true, false]);
    expect(stateAt(quantizer("bc"), 0).hard).toBe(true);
  });

  it("refuses a progress outside the run, also for a quantizer without parameters", () => {
    expect(thrownBy(() => stateAt(quantizer("ede"), 2)).code).toBe("argument");
    expect(thrownBy(() => stateAt(quantizer("bc"), 2)).code).toBe("argument");
  });
});
