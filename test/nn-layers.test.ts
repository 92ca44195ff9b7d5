import { describe, expect, it } from "vitest";
import {
  type Borders,
  functional,
  type GivenPadding,
  type GraphNode,
  initialValues,
  input,
  type Layer,
  layers,
  parametersOf,
  sequential,
} from "../ts/nn/index.ts";
import { type Quantizer, quantizer, quantizers } from "../ts/quantizers/index.ts";
import { thrownBy } from "./nn-arbitrary.ts";

function onlyNode(layer: Layer, inputShape: readonly number[] = [8, 8, 2]): GraphNode {
  const node = sequential({ inputShape }, [layer]).nodes[1];
  if (node === undefined) throw new Error("no node");
  return node;
}

describe("defaults", () => {
  it("conv2d has Keras's", () => {
    expect(onlyNode(layers.conv2d({ filters: 4, kernelSize: 3 }))).toEqual({
      op: "conv2d",
      name: "conv2d",
      inputs: ["input"],
      attributes: {
        filters: 4,
        kernelSize: [3, 3],
        strides: [1, 1],
        padding: "valid",
        padValue: "zero",
        useBias: true,
        kernelInitializer: "glorotUniform",
        weightQuantizer: null,
        activationQuantizer: null,
        accumulator: null,
      },
    });
  });

  it("binaryConv2d binarises both operands, pads, and has no bias", () => {
    const node = onlyNode(layers.binaryConv2d({ filters: 4, kernelSize: [3, 1] }));
    expect(node.name).toBe("binary_conv2d");
    expect(node.attributes).toEqual({
      filters: 4,
      kernelSize: [3, 1],
      strides: [1, 1],
      padding: "same",
      padValue: "zero",
      useBias: false,
      kernelInitializer: "glorotUniform",
      weightQuantizer: quantizer("bnn++"),
      activationQuantizer: quantizer("poly"),
      accumulator: null,
    });
  });

  it("a null quantizer keeps that operand real, also where the default is another", () => {
    const { attributes } = onlyNode(layers.binaryDense({ units: 3, activationQuantizer: null }), [5]);
    expect(attributes).toMatchObject({
      weightQuantizer: quantizer("bnn++"),
      activationQuantizer: null,
      useBias: false,
    });
  });

  it("an undefined option is an absent one", () => {
    const node = onlyNode(layers.dense({ units: 3, useBias: undefined, name: undefined }), [5]);
    expect(node).toMatchObject({ name: "dense", attributes: { useBias: true } });
  });

  it("padding in pixels is that of both sides, of two sides each, or of each side", () => {
    const expectPadding = (padding: GivenPadding, wanted: Borders): void => {
      for (const layer of [layers.conv2d({ filters: 1, kernelSize: 3, padding }), layers.maxPool2d({ padding })]) {
        expect(onlyNode(layer).attributes).toMatchObject({ padding: wanted });
      }
    };
    const [one, above] = [[1, 1] as const, [1, 0] as const];
    expectPadding(1, [one, one]);
    expectPadding([1, 0], [one, [0, 0]]);
    expectPadding([above, one], [above, one]);
  });

  it.each([
    [
      "a side below 0",
      [
        [0, -1],
        [0, 0],
      ],
      "a whole number from 0 to 256",
    ],
    ["a side past 256", 257, "a whole number from 0 to 256"],
    ["three sides", [1, 2, 3], "a list of 2 values"],
    [
      "half a pixel",
      [
        [0.5, 0],
        [0, 0],
      ],
      "a whole number from 0 to 256",
    ],
  ])("padding refuses %s", (_, padding, expected) => {
    const error = thrownBy(() => layers.maxPool2d({ padding: padding as never }));
    expect([error.code, error.message]).toEqual(["argument", expect.stringContaining("padding must be")]);
    expect(error.message).toContain(expected);
  });

  it("a pool strides by its own size", () => {
    expect(onlyNode(layers.maxPool2d()).attributes).toEqual({ poolSize: [2, 2], strides: [2, 2], padding: "valid" });
    expect(onlyNode(layers.maxPool2d({ poolSize: [3, 2] })).attributes).toMatchObject({ strides: [3, 2] });
    expect(onlyNode(layers.maxPool2d({ poolSize: 3, strides: 1 })).attributes).toMatchObject({ strides: [1, 1] });
  });

  it("an average pool has a maximum pool's options", () => {
    const options = { poolSize: [3, 2], padding: "same" } as const;
    const [mean, most] = [onlyNode(layers.avgPool2d(options)), onlyNode(layers.maxPool2d(options))];
    expect(mean).toEqual({ ...most, op: "avgPool2d", name: "avg_pool2d" });
    expect(onlyNode(layers.avgPool2d()).attributes).toEqual(onlyNode(layers.maxPool2d()).attributes);
    expect(onlyNode(layers.globalAvgPool2d())).toMatchObject({ op: "globalAvgPool2d", attributes: {} });
  });

  it("relu and hardTanh are activations", () => {
    expect(onlyNode(layers.relu())).toMatchObject({
      op: "activation",
      name: "relu",
      attributes: { activation: "relu" },
    });
    expect(onlyNode(layers.activation({ activation: "hardTanh" })).attributes).toEqual(
      onlyNode(layers.hardTanh()).attributes,
    );
  });

  it("RPReLU is a chain of a shift, a prelu and a shift, to be spread or applied", () => {
    const spread = sequential({ inputShape: [2, 2, 3] }, [layers.rsign(), ...layers.rprelu({ name: "bend" })]);
    const start = input({ shape: [2, 2, 3] });
    const applied = layers.rprelu({ name: "bend" }).apply(layers.rsign().apply(start));
    expect(functional({ inputs: start, outputs: applied })).toEqual(spread);
    expect(spread.nodes.map(({ op, name }) => [op, name])).toEqual([
      ["input", "input"],
      ["shift", "rsign"],
      ["shift", "bend_shift"],
      ["prelu", "bend_prelu"],
      ["shift", "bend"],
    ]);
    const unnamed = sequential({ inputShape: [3] }, [...layers.rprelu(), ...layers.rprelu()]);
    expect(unnamed.nodes.map(({ name }) => name)).toContain("rprelu_prelu_1");
    expect(thrownBy(() => layers.rprelu({ name: "a b" })).message).toContain('"a b');
    expect(thrownBy(() => layers.rprelu({ slope: 1 } as never)).message).toContain("slope");
  });

  it("what layers learn for a channel or a tensor starts with nothing moved", () => {
    const chain = [layers.shift(), layers.prelu(), layers.adaptiveSign()];
    const parameters = parametersOf(sequential({ inputShape: [2, 2, 3] }, chain));
    expect(parameters.map(({ name, role, shape }) => [name, role, shape])).toEqual([
      ["shift/beta", "real", [3]],
      ["prelu/alpha", "real", [3]],
      ["adaptive_sign/alpha", "real", [1]],
      ["adaptive_sign/beta", "real", [1]],
    ]);
    const starts = parameters.map((parameter) => [...initialValues(parameter, 1)]);
    expect(starts).toEqual([[0, 0, 0], [0.25, 0.25, 0.25], [1], [0]]);
  });

  it("an accumulator may be given by its overflow", () => {
    const { attributes } = onlyNode(layers.binaryConv2d({ filters: 1, kernelSize: 1, accumulator: "saturate" }));
    expect(attributes).toMatchObject({ accumulator: { bits: 8, overflow: "saturate" } });
  });

  it("a quantizer may be a value", () => {
    const own = quantizers.bnnPlusPlus({ name: "own", beta: 3 });
    const { attributes } = onlyNode(layers.conv2d({ filters: 1, kernelSize: 1, weightQuantizer: own }));
    expect(attributes).toMatchObject({ weightQuantizer: own });
  });
});

describe("options are checked", () => {
  it.each<[string, () => unknown, string, string]>([
    ["a missing one", () => layers.conv2d({ filters: 3 } as never), 'layer "conv2d"', "kernelSize must be a list of 2"],
    [
      "zero filters",
      () => layers.conv2d({ filters: 0, kernelSize: 3, name: "a" }),
      'layer "a"',
      "filters must be a whole",
    ],
    [
      "half a unit",
      () => layers.dense({ units: 1.5 }),
      'layer "dense"',
      "units must be a whole number from 1 to 65536",
    ],
    ["units in words", () => layers.dense({ units: "10" as never }), 'layer "dense"', 'not "10"'],
    [
      "a stride of 0",
      () => layers.conv2d({ filters: 1, kernelSize: 1, strides: 0 }),
      "strides",
      "from 1 to 256, not 0",
    ],
    ["three strides", () => layers.maxPool2d({ strides: [1, 1, 1] as never }), "strides", "a list of 2 values"],
    ["a pool of 1024", () => layers.maxPool2d({ poolSize: 32 }), "poolSize", "at most 256 pixels"],
    ["a mean of 1024", () => layers.avgPool2d({ poolSize: 32 }), 'layer "avg_pool2d"', "at most 256 pixels"],
    [
      "a global pool with a size",
      () => layers.globalAvgPool2d({ poolSize: 2 } as never),
      'layer "global_avg_pool2d"',
      "poolSize",
    ],
    ["momentum past 1", () => layers.batchNorm({ momentum: 1.1 }), 'layer "batch_norm"', "momentum must be"],
    ["epsilon of 0", () => layers.batchNorm({ epsilon: 0 }), 'layer "batch_norm"', "epsilon must be"],
    ["a name with a slash", () => layers.flatten({ name: "a/b" }), "a/b", "name must be"],
    ["a name every object has", () => layers.flatten({ name: "constructor" }), "constructor", "name must be"],
    [
      "useBias where there is none",
      () => layers.binaryDense({ units: 1, useBias: true } as never),
      "useBias",
      "no option",
    ],
    ["no options", () => layers.dense(undefined as never), 'layer "dense"', "must be a plain object, not undefined"],
    ["a rank of 5", () => input({ shape: [1, 1, 28, 28, 1] }), "shape", "another shape of 1 to 4 axes"],
    ["a rank of 0", () => input({ shape: [] }), "shape", "another shape of 1 to 4 axes"],
    ["an empty axis", () => input({ shape: [28, 0, 1] }), "shape", "not 0"],
    ["a huge input", () => input({ shape: [2 ** 20, 2 ** 20, 1] }), "shape", "at most 268435456 elements"],
    [
      "an accumulator without a quantizer of the activations",
      () => layers.conv2d({ filters: 1, kernelSize: 1, weightQuantizer: "bnn", accumulator: "wrap" }),
      'layer "conv2d"',
      "has no activationQuantizer",
    ],
    [
      "a broken quantizer",
      () => layers.dense({ units: 1, weightQuantizer: {} as Quantizer }),
      "weightQuantizer",
      "name",
    ],
  ])("%s", (_, call, first, second) => {
    const error = thrownBy(call);
    expect(error.code).toBe("argument");
    expect(error.message).toContain(first);
    expect(error.message).toContain(second);
    expect(error.remedy.length).toBeGreaterThan(0);
  });

  it.each<[string, () => unknown, string, string]>([
    ["a mistyped option", () => layers.conv2d({ filters: 1, kernalSize: 3 } as never), "argument", "kernelSize"],
    ["a mistyped padding", () => layers.maxPool2d({ padding: "sane" as never }), "argument", "same"],
    ["a mistyped overflow", () => layers.binaryDense({ units: 1, accumulator: "warp" as never }), "argument", "wrap"],
    ["a mistyped activation", () => layers.activation({ activation: "hardtanh" as never }), "argument", "hardTanh"],
    [
      "a mistyped quantizer",
      () => layers.binaryDense({ units: 1, weightQuantizer: "bnn++x" }),
      "unknown-name",
      "bnn++",
    ],
  ])("%s gets a suggestion", (_, call, code, nearest) => {
    const error = thrownBy(call);
    expect(error.code).toBe(code);
    expect(error.remedy).toContain(`Did you mean "${nearest}"?`);
  });
});

describe("names", () => {
  it("are numbered by kind within each network, passing over names the user took", () => {
    const names = () =>
      sequential({ inputShape: [8, 8, 1] }, [
        layers.conv2d({ filters: 2, kernelSize: 3 }),
        layers.batchNorm(),
        layers.conv2d({ filters: 2, kernelSize: 3, name: "conv2d_1" }),
        layers.batchNorm({ name: "middle" }),
        layers.conv2d({ filters: 2, kernelSize: 3 }),
        layers.batchNorm(),
      ]).nodes.map((node) => node.name);
    const expected = ["input", "conv2d", "batch_norm", "conv2d_1", "middle", "conv2d_2", "batch_norm_1"];
    expect(names()).toEqual(expected);
    expect(names()).toEqual(expected);
  });

  it("may not repeat", () => {
    const chain = [layers.relu({ name: "a" }), layers.relu({ name: "a" })];
    const error = thrownBy(() => sequential({ inputShape: [1] }, chain));
    expect(error.code).toBe("graph");
    expect(error.message).toBe('two layers are called "a"');
  });
});

describe("the two forms", () => {
  const make = () => [
    layers.binaryConv2d({ filters: 4, kernelSize: 3 }),
    layers.maxPool2d(),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 6, name: "hidden" }),
    layers.batchNorm(),
    layers.dense({ units: 3 }),
  ];

  it("give the same plain graph for the same network", () => {
    const start = input({ shape: [6, 6, 2] });
    const end = make().reduce((tensor, layer) => layer.apply(tensor), start);
    const chain = sequential({ inputShape: [6, 6, 2] }, make());
    expect(functional({ inputs: start, outputs: end })).toEqual(chain);
    expect(JSON.parse(JSON.stringify(chain))).toEqual(chain);
    expect(structuredClone(chain)).toEqual(chain);
  });

  it("a residual block joins in topological order, first branch first", () => {
    const start = input({ shape: [6, 6, 4], name: "pixels" });
    const branch = layers.batchNorm().apply(layers.binaryConv2d({ filters: 4, kernelSize: 3 }).apply(start));
    const sum = layers.add().apply([branch, start]);
    const graph = functional({ inputs: start, outputs: layers.relu().apply(sum), name: "block" });
    expect(graph.name).toBe("block");
    expect(graph.output).toBe("relu");
    expect(graph.nodes.map((node) => [node.name, ...node.inputs])).toEqual([
      ["pixels"],
      ["binary_conv2d", "pixels"],
      ["batch_norm", "binary_conv2d"],
      ["add", "batch_norm", "pixels"],
      ["relu", "add"],
    ]);
  });

  it("builds long chains without exhausting the stack, up to the limit", () => {
    const start = input({ shape: [1] });
    const chain = (length: number) => {
      let tensor = start;
      for (let index = 0; index < length; index += 1) tensor = layers.relu().apply(tensor);
      return functional({ inputs: start, outputs: tensor });
    };
    expect(chain(4095).nodes.length).toBe(4096);
    expect(thrownBy(() => chain(4096)).code).toBe("graph");
    expect(thrownBy(() => chain(9000)).code).toBe("graph");
  });

  it("refuses add in a chain, an empty chain, and what is no layer", () => {
    expect(thrownBy(() => sequential({ inputShape: [3] }, [layers.add()])).remedy).toContain("functional");
    expect(thrownBy(() => sequential({ inputShape: [3] }, [])).message).toContain("no layer but its input");
    expect(thrownBy(() => sequential({ inputShape: [3] }, [{} as Layer])).code).toBe("argument");
    expect(thrownBy(() => sequential({ inputShape: [3] }, 3 as never)).code).toBe("argument");
    expect(thrownBy(() => sequential({} as never, [layers.relu()])).message).toContain("shape must be");
    expect(thrownBy(() => sequential({ inputshape: [3] } as never, [])).remedy).toContain("inputShape");
  });

  it("refuses a second input, foreign outputs and wrong numbers of tensors", () => {
    const [one, two] = [input({ shape: [3] }), input({ shape: [3] })];
    const sum = layers.add().apply([one, two]);
    expect(thrownBy(() => functional({ inputs: one, outputs: sum })).message).toContain("need 2 inputs");
    const elsewhere = layers.relu().apply(two);
    expect(thrownBy(() => functional({ inputs: one, outputs: elsewhere })).message).toContain("do not come from");
    expect(thrownBy(() => functional({ inputs: elsewhere, outputs: elsewhere })).code).toBe("argument");
    expect(thrownBy(() => layers.add().apply(one)).code).toBe("graph");
    expect(thrownBy(() => layers.relu().apply([one, two])).code).toBe("graph");
    expect(thrownBy(() => layers.relu().apply(3 as never)).code).toBe("graph");
    expect(thrownBy(() => layers.relu().apply({ layer: 1, inputs: [], shape: [] } as never)).code).toBe("graph");
    expect(thrownBy(() => functional({ inputs: {}, outputs: sum } as never)).code).toBe("argument");
  });

  it("cannot be changed afterwards", () => {
    const graph = sequential({ inputShape: [6, 6, 2] }, make());
    const frozen = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(graph)).toBe(true);
  });
});

describe("parametersOf", () => {
  it("lists kernels, biases and batch norm's four tensors in the graph's order", () => {
    const graph = sequential({ inputShape: [8, 8, 2] }, [
      layers.conv2d({ filters: 4, kernelSize: [3, 2], kernelInitializer: "heNormal" }),
      layers.batchNorm(),
      layers.flatten(),
      layers.binaryDense({ units: 5 }),
    ]);
    expect(parametersOf(graph).map(({ name, role, shape, initializer }) => [name, role, shape, initializer])).toEqual([
      ["conv2d/kernel", "real", [3, 2, 2, 4], "heNormal"],
      ["conv2d/bias", "real", [4], "zeros"],
      ["batch_norm/gamma", "real", [4], "ones"],
      ["batch_norm/beta", "real", [4], "zeros"],
      ["batch_norm/movingMean", "statistic", [4], "zeros"],
      ["batch_norm/movingVariance", "statistic", [4], "ones"],
      ["binary_dense/kernel", "latent", [6 * 7 * 4, 5], "glorotUniform"],
    ]);
  });
});
