/** Every operation of the table against its definition, written down here a second time and counted naively. */

import { describe, expect, it } from "vitest";
import { layers } from "../ts/nn/index.ts";
import { checkOperation, multiplyAccumulates, nodeOf, outputShape, parameterSpecs, worksOf } from "../ts/nn/nodes.ts";
import { productOf, productsOf } from "../ts/nn/operands.ts";
import { type OpName, opNames, opOf } from "../ts/nn/ops/index.ts";
import { elementsOf, rowsOf, type Shape } from "../ts/nn/shapes.ts";
import { quantizer } from "../ts/quantizers/registry.ts";
import fc from "./fast-check.ts";
import { thrownBy } from "./nn-arbitrary.ts";

type Sides = readonly [number, number];
type Numbers = Readonly<Record<string, unknown>>;

interface Definition {
  /** Options that have no default, and the attributes that come of them alone. */
  readonly required: Numbers;
  readonly attributes: Numbers;
  /** Numbers of axes that an input may have, of 1 to 4. */
  readonly ranks: readonly number[];
  /** Other attributes to try beside the defaults. */
  readonly varied?: readonly Numbers[];
  /** The shapes of its inputs; all that of the first where absent. */
  readonly inputs?: (input: Shape, attributes: Numbers) => readonly Shape[];
  readonly shape: (input: Shape, attributes: Numbers) => Shape;
  /** Role and shape of each parameter. */
  readonly parameters?: (input: Shape, attributes: Numbers) => Readonly<Record<string, readonly [string, Shape]>>;
  readonly work?: (input: Shape, attributes: Numbers) => number;
}

const anyRank = [1, 2, 3, 4];
const channelsOf = (input: Shape): number => input[input.length - 1] as number;

/**
 * The number of windows that start inside the image along an axis. Without "same" they end there too, and borders of
 * pixels count as image.
 */
function windows(image: number, kernel: number, stride: number, padding: unknown, axis: 0 | 1): number {
  const borders = Array.isArray(padding) ? (padding as readonly Sides[])[axis] : undefined;
  const size = image + (borders?.[0] ?? 0) + (borders?.[1] ?? 0);
  let count = 0;
  for (let start = 0; start < size; start += stride) if (padding === "same" || start + kernel <= size) count++;
  return count;
}

function windowed(input: Shape, attributes: Numbers, kernel: Sides): Sides {
  const strides = attributes.strides as Sides;
  const along = (axis: 0 | 1): number =>
    windows(input[axis] as number, kernel[axis], strides[axis], attributes.padding, axis);
  return [along(0), along(1)];
}

const oneBefore = [1, 0];
const twoBehind = [0, 2];

const pool: Definition = {
  required: {},
  attributes: { poolSize: [2, 2], strides: [2, 2], padding: "valid" },
  varied: [
    { poolSize: [3, 1], strides: [1, 2] },
    { poolSize: [2, 3], padding: "same" },
    { poolSize: [2, 3], padding: [oneBefore, twoBehind] },
  ],
  ranks: [3],
  shape: (input, attributes) => [...windowed(input, attributes, attributes.poolSize as Sides), channelsOf(input)],
};

const kept: Definition = { required: {}, attributes: {}, ranks: anyRank, shape: (input) => input };

const kernel = {
  useBias: true,
  kernelInitializer: "glorotUniform",
  weightQuantizer: null,
  activationQuantizer: null,
};
const product = { ...kernel, accumulator: null };

/** Each kernel weight is met once for each output, of which there are `filters` a pixel. */
function countedWork(pixels: number, taps: number, filters: number): number {
  let work = 0;
  for (let pixel = 0; pixel < pixels; pixel++) for (let filter = 0; filter < filters; filter++) work += taps;
  return work;
}

const sides = (attributes: Numbers): Sides => attributes.kernelSize as Sides;

/** Pixels from the first tap to the last. */
const extents = (attributes: Numbers): Sides => {
  const { dilationRate = [1, 1] } = attributes;
  const [[height, width], [rows, columns]] = [sides(attributes), dilationRate as Sides];
  return [height + (height - 1) * (rows - 1), width + (width - 1) * (columns - 1)];
};

const definitions: { readonly [Name in OpName]: Definition } = {
  input: { required: { shape: [5, 4, 3] }, attributes: { shape: [5, 4, 3] }, ranks: anyRank, shape: () => [5, 4, 3] },
  conv2d: {
    required: { filters: 3, kernelSize: [3, 2] },
    attributes: { filters: 3, kernelSize: [3, 2], strides: [1, 1], padding: "valid", padValue: "zero", ...product },
    varied: [
      { strides: [2, 3], useBias: false },
      { padding: "same", strides: [3, 2] },
      { padding: [oneBefore, twoBehind], strides: [2, 1] },
      { dilationRate: [1, 3] },
    ],
    ranks: [3],
    shape: (input, attributes) => [...windowed(input, attributes, extents(attributes)), attributes.filters as number],
    parameters: (input, attributes) => ({
      kernel: ["real", [...sides(attributes), channelsOf(input), 3]],
      ...(attributes.useBias === true ? { bias: ["real", [3]] as const } : {}),
    }),
    work: (input, attributes) => {
      const [height, width] = windowed(input, attributes, extents(attributes));
      return countedWork(height * width, sides(attributes)[0] * sides(attributes)[1] * channelsOf(input), 3);
    },
  },
  depthwiseConv2d: {
    required: { kernelSize: [3, 2] },
    attributes: {
      ...{ kernelSize: [3, 2], strides: [1, 1], padding: "valid", depthMultiplier: 1, dilationRate: [1, 1] },
      ...kernel,
    },
    varied: [{ strides: [2, 3], useBias: false }, { padding: "same", depthMultiplier: 3 }, { dilationRate: [1, 3] }],
    ranks: [3],
    shape: (input, attributes) => [
      ...windowed(input, attributes, extents(attributes)),
      channelsOf(input) * (attributes.depthMultiplier as number),
    ],
    parameters: (input, attributes) => {
      const multiplier = attributes.depthMultiplier as number;
      return {
        kernel: ["real", [...sides(attributes), channelsOf(input), multiplier]],
        ...(attributes.useBias === true ? { bias: ["real", [channelsOf(input) * multiplier]] as const } : {}),
      };
    },
    work: (input, attributes) => {
      const [height, width] = windowed(input, attributes, extents(attributes));
      const filters = channelsOf(input) * (attributes.depthMultiplier as number);
      return countedWork(height * width, sides(attributes)[0] * sides(attributes)[1], filters);
    },
  },
  dense: {
    required: { units: 7 },
    attributes: { units: 7, ...product },
    varied: [{ useBias: false }],
    ranks: anyRank,
    shape: (input) => input.map((size, at) => (at === input.length - 1 ? 7 : size)),
    parameters: (input, { useBias }) => ({
      kernel: ["real", [channelsOf(input), 7]],
      ...(useBias === true ? { bias: ["real", [7]] as const } : {}),
    }),
    work: (input) =>
      countedWork(
        input.slice(0, -1).reduce((rows, size) => rows * size, 1),
        channelsOf(input),
        7,
      ),
  },
  batchNorm: {
    ...kept,
    attributes: { momentum: 0.9, epsilon: 1e-3 },
    parameters: (input) => ({
      gamma: ["real", [channelsOf(input)]],
      beta: ["real", [channelsOf(input)]],
      movingMean: ["statistic", [channelsOf(input)]],
      movingVariance: ["statistic", [channelsOf(input)]],
    }),
  },
  layerNorm: {
    ...kept,
    attributes: { epsilon: 1e-3 },
    parameters: (input) => ({ gamma: ["real", [channelsOf(input)]], beta: ["real", [channelsOf(input)]] }),
  },
  maxPool2d: pool,
  avgPool2d: pool,
  globalAvgPool2d: { ...kept, ranks: [3], shape: (input) => [channelsOf(input)] },
  activation: { ...kept, required: { activation: "relu" }, attributes: { activation: "relu" } },
  leakyRelu: { ...kept, attributes: { negativeSlope: 0.3 } },
  elu: { ...kept, attributes: { alpha: 1 } },
  shift: { ...kept, parameters: (input) => ({ beta: ["real", [channelsOf(input)]] }) },
  prelu: { ...kept, parameters: (input) => ({ alpha: ["real", [channelsOf(input)]] }) },
  adaptiveSign: { ...kept, parameters: () => ({ alpha: ["real", [1]], beta: ["real", [1]] }) },
  softmax: kept,
  flatten: { ...kept, shape: (input) => [input.reduce((sum, size) => sum * size, 1)] },
  add: kept,
  concatenate: {
    ...kept,
    attributes: { axis: -1 },
    varied: [{ axis: 0 }],
    // Of two inputs of one shape.
    shape: (input, { axis }) =>
      input.map((size, at) => (at === (axis === 0 ? 0 : input.length - 1) ? size + size : size)),
  },
  multiply: kept,
  matmul: {
    ...kept,
    attributes: { transposeSecond: false, firstQuantizer: null, secondQuantizer: null },
    ranks: [2, 3],
    inputs: (input, { transposeSecond }) => [
      input,
      transposeSecond === true ? input : [...input.slice(0, -2), ...input.slice(-2).toReversed()],
    ],
    varied: [{ transposeSecond: true }],
    // Of a matrix and itself, transposed.
    shape: (input) => [...input.slice(0, -1), input.at(-2) as number],
    work: (input) =>
      countedWork(
        1,
        input.reduce((product, size) => product * size, 1),
        input.at(-2) as number,
      ),
  },
  attention: {
    required: { heads: 1 },
    attributes: { heads: 1, matrix: "softmax", queryQuantizer: null, keyQuantizer: null, valueQuantizer: null },
    varied: [{ matrix: "threshold" }, { matrix: "elastic" }, { matrix: "boolean" }, { matrix: "sign" }],
    ranks: [2],
    shape: (input) => input,
    parameters: (_input, { matrix }) => {
      if (matrix === "elastic") return { alpha: ["real", [1]] };
      return matrix === "sign" ? { offset: ["real", [1]] } : {};
    },
    // A score of each pair of tokens, and what it takes of a value.
    work: ([tokens = 0, features = 0]) => 2 * countedWork(tokens, features, tokens),
  },
  reshape: {
    required: { targetShape: [-1, 1] },
    attributes: { targetShape: [-1, 1] },
    varied: [{ targetShape: [1, 1, -1] }],
    ranks: anyRank,
    shape: (input, { targetShape }) =>
      (targetShape as Shape).map((size) => (size === 1 ? 1 : input.reduce((product, other) => product * other, 1))),
  },
  permute: {
    required: { dims: [3, 1, 2] },
    attributes: { dims: [3, 1, 2] },
    varied: [{ dims: [1, 3, 2] }, { dims: [2, 3, 1] }],
    ranks: [3],
    shape: (input, { dims }) => (dims as Shape).map((axis) => input[axis - 1] as number),
  },
  upSampling2d: {
    required: {},
    attributes: { size: [2, 2] },
    varied: [{ size: [1, 3] }],
    ranks: [3],
    shape: ([height = 0, width = 0, channels = 0], { size }) => {
      const [down, right] = size as Sides;
      return [height * down, width * right, channels];
    },
  },
  zeroPadding2d: {
    required: {},
    attributes: {
      padding: [
        [1, 1],
        [1, 1],
      ],
    },
    varied: [
      {
        padding: [
          [0, 2],
          [3, 1],
        ],
      },
    ],
    ranks: [3],
    shape: ([height = 0, width = 0, channels = 0], { padding }) => {
      const [rows, columns] = padding as readonly [Sides, Sides];
      return [rows[0] + height + rows[1], columns[0] + width + columns[1], channels];
    },
  },
  dropout: { ...kept, required: { rate: 0.5 }, attributes: { rate: 0.5 }, varied: [{ rate: 0 }] },
  dropPath: { ...kept, required: { rate: 0.5 }, attributes: { rate: 0.5 }, varied: [{ rate: 0 }] },
  layerScale: {
    ...kept,
    attributes: { initialValue: 0.1 },
    varied: [{ initialValue: 2 }],
    parameters: (input) => ({ gamma: ["real", [channelsOf(input)]] }),
  },
  positionEmbedding: { ...kept, parameters: (input) => ({ positions: ["real", input] }) },
  classToken: {
    ...kept,
    ranks: [2],
    shape: ([tokens = 0, features = 0]) => [tokens + 1, features],
    parameters: (input) => ({ token: ["real", [channelsOf(input)]] }),
  },
  slice: {
    ...kept,
    attributes: { axis: 0, start: 0, size: 1 },
    varied: [
      { start: 2, size: 2 },
      { axis: -1, start: 1, size: 3 },
    ],
    shape: (input, { axis, size }) =>
      input.map((all, at) => (at === (axis === 0 ? 0 : input.length - 1) ? (size as number) : all)),
  },
  globalAvgPool1d: { ...kept, ranks: [2], shape: (input) => [channelsOf(input)] },
  unitDeviation: { ...kept, required: {}, attributes: { epsilon: 1e-5 }, varied: [{ epsilon: 1e-3 }] },
};

const subject = { code: "graph", what: 'layer "it"' } as const;
const nodeWith = (name: OpName, attributes: Numbers) =>
  nodeOf(checkOperation(name, attributes, subject), "it", ["a", "b", "c"].slice(0, opOf(name).inputs));
/** Inputs of one shape, as many as the operation takes, where its definition says no others. */
const inputsOf = (name: OpName, input: Shape, attributes: Numbers = {}): readonly Shape[] =>
  definitions[name].inputs?.(input, attributes) ?? [input, input, input].slice(0, opOf(name).inputs);

/** Values that no field takes; -1 may be the last axis. */
const junk = [Number.NaN, -1.5, "no such word", "", [], {}, Symbol("no"), () => 1, [Number.NaN, 1], 5n];

/** The attributes of the layer that the function `name` of `layers` makes. */
function made(name: OpName, options: Numbers): Numbers {
  if (name === "input") return layers.input(options as never).layer.operation.attributes;
  return layers[name](options as never).operation.attributes;
}

describe.each(opNames)("%s", (name) => {
  const definition = definitions[name];
  const variants = [{}, ...(definition.varied ?? [])].map((more) => ({ ...definition.attributes, ...more }));
  const shapes = fc.constantFrom(...definition.ranks).chain((rank) => {
    const axis = fc.integer({ min: 4, max: 12 });
    return fc.array(axis, { minLength: rank, maxLength: rank });
  });

  it("has the defaults that its layer gives, in the order of a graph's attributes", () => {
    const attributes = made(name, definition.required);
    expect(attributes).toEqual(definition.attributes);
    const written = Object.entries(opOf(name).fields).filter(([, { isNeutral }]) => isNeutral !== true);
    expect(Object.keys(attributes)).toEqual(written.map(([key]) => key));
  });

  it("refuses what a field does not take, and names it", () => {
    for (const [key, field] of Object.entries(opOf(name).fields)) {
      expect(field.describe).toMatch(/\w/);
      for (const value of junk) {
        const given = { ...definition.attributes, [key]: value };
        const error = thrownBy(() => checkOperation(name, given, subject));
        expect([error.code, error.message]).toEqual(["graph", expect.stringContaining(`layer "it": ${key}`)]);
        const asked = thrownBy(() => made(name, { ...definition.required, [key]: value, name: "it" }));
        expect(["argument", "unknown-name"]).toContain(asked.code);
      }
    }
  });

  it("refuses an attribute that no field declares", () => {
    const error = thrownBy(() => checkOperation(name, { ...definition.attributes, surplus: 1 }, subject));
    expect(error.message).toBe('layer "it" has no option "surplus"');
  });

  it("takes inputs with the axes that its definition says, and no others", () => {
    const taken = [0, ...anyRank, 5].filter((rank) => {
      try {
        outputShape(nodeWith(name, definition.attributes), inputsOf(name, new Array(rank).fill(6)));
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: "shape", message: expect.stringContaining('layer "it": expected') });
        return false;
      }
    });
    expect(taken.filter((rank) => rank > 0 && rank < 5)).toEqual(definition.ranks);
    if (opOf(name).is?.perRow === true) expect(taken).toEqual(anyRank);
  });

  it("has the shape, parameters and work of its definition", () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(...variants), (input, attributes) => {
        const [node, inputs] = [nodeWith(name, attributes), inputsOf(name, input, attributes)];
        const output = outputShape(node, inputs);
        expect(output).toEqual(definition.shape(input, attributes));
        const own = Object.entries(parameterSpecs(node, inputs)).map(([key, { role, shape }]) => [key, [role, shape]]);
        expect(own).toEqual(Object.entries(definition.parameters?.(input, attributes) ?? {}));
        expect(multiplyAccumulates(node, inputs, output)).toBe(definition.work?.(input, attributes) ?? 0);
      }),
    );
  });
});

describe("an attention of several heads", () => {
  const shapeOf = (heads: number, ...inputs: Shape[]) =>
    outputShape(nodeWith("attention", { ...definitions.attention.attributes, heads }), inputs);

  it("takes keys and values of other sizes, and has parameters by head", () => {
    const inputs = [
      [5, 12],
      [7, 12],
      [7, 9],
    ] as const;
    expect(shapeOf(3, ...inputs)).toEqual([5, 9]);
    const own = (matrix: string) =>
      parameterSpecs(nodeWith("attention", { ...definitions.attention.attributes, heads: 3, matrix }), inputs);
    const near = { role: "real", shape: [3], initializer: 1 / 7, isNearStart: true };
    expect(own("elastic")).toEqual({ alpha: near });
    expect(own("sign")).toEqual({ offset: near });
    const node = nodeWith("attention", { ...definitions.attention.attributes, heads: 3 });
    expect(worksOf(node, inputs, [5, 9])).toEqual([5 * 7 * 12, 5 * 7 * 9]);
  });

  it("refuses inputs that do not fit, with what would", () => {
    const refused = (heads: number, ...inputs: Shape[]) => {
      const { code, message, remedy } = thrownBy(() => shapeOf(heads, ...inputs));
      return [code, message, remedy];
    };
    const layer = 'layer "it": expected';
    expect(refused(5, [4, 12], [4, 12], [4, 12])).toEqual([
      "shape",
      `${layer} a query whose features 5 heads divide, was given [4, 12]`,
      "Give heads: 4.",
    ]);
    expect(refused(16, [4, 12], [4, 12], [4, 12])[2]).toBe("Give heads: 12.");
    expect(refused(2, [4, 12], [4, 10], [4, 12])).toEqual([
      "shape",
      `${layer} a key of 12 features, which the query has, was given [4, 10]`,
      "Make query and key with dense layers of as many units.",
    ]);
    expect(refused(2, [4, 12], [5, 12], [6, 12])[1]).toBe(
      `${layer} a value of 5 tokens, which the key has, was given [6, 12]`,
    );
    expect(refused(2, [4, 12], [4, 4, 12], [4, 12])[2]).toContain("layers.reshape({ targetShape: [-1, features] })");
    expect(refused(1, [2 ** 15, 1], [2 ** 15, 1], [2 ** 15, 1])[1]).toContain("268435456 scores");
  });

  it("tells its two products by their bits", () => {
    const productsFor = (attributes: Numbers) => {
      const node = nodeWith("attention", { ...definitions.attention.attributes, ...attributes });
      return [productOf(node), ...productsOf(node)];
    };
    const [signs, soft] = [quantizer("bnn"), quantizer("dorefa-activations")];
    expect(productsFor({})).toEqual(["ff", "ff", "ff"]);
    expect(productsFor({ matrix: "boolean", queryQuantizer: signs })).toEqual(["ff", "ff", "ff"]);
    expect(productsFor({ matrix: "boolean", keyQuantizer: signs, valueQuantizer: signs })).toEqual(["ff", "ff", "ff"]);
    expect(productsFor({ queryQuantizer: signs, keyQuantizer: signs, valueQuantizer: soft })).toEqual([
      "ff",
      "bb",
      "ff",
    ]);
    const all = { queryQuantizer: signs, keyQuantizer: signs, valueQuantizer: signs };
    expect(productsFor(all)).toEqual(["ff", "bb", "ff"]);
    expect(productsFor({ ...all, matrix: "threshold" })).toEqual(["bb", "bb", "bb"]);
  });
});

describe("rowsOf", () => {
  it("sees 1 to 4 axes as rows of channels", () => {
    const shape = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shape, (given) => {
        const { rows, channels } = rowsOf(given);
        expect([rows * channels, channels]).toEqual([elementsOf(given), given.at(-1)]);
      }),
    );
    expect(rowsOf([7])).toEqual({ rows: 1, channels: 7 });
    expect(rowsOf([2, 3, 4, 5])).toEqual({ rows: 24, channels: 5 });
  });
});
