import { describe, expect, it } from "vitest";
import { nearestName } from "../ts/base/names.ts";
import {
  elementsOf,
  formatSummary,
  layers,
  model,
  modelNames,
  parametersOf,
  sequential,
  shapesOf,
  summary,
} from "../ts/nn/index.ts";
import { isProduct } from "../ts/nn/nodes.ts";
import fc from "./fast-check.ts";
import { graphs, thrownBy } from "./nn-arbitrary.ts";

describe("summary", () => {
  it("counts a small network to the byte", () => {
    const graph = sequential({ inputShape: [5, 5, 3], name: "small" }, [
      layers.conv2d({ filters: 4, kernelSize: 2 }),
      layers.batchNorm(),
      layers.binaryConv2d({ filters: 6, kernelSize: 3, strides: 2 }),
      layers.flatten(),
      layers.binaryDense({ units: 7, activationQuantizer: null }),
    ]);
    const { rows, totals } = summary(graph);
    const conv = { outputShape: [4, 4, 4], parameters: 52, bitsPerWeight: 32, packedBytes: 208, floatBytes: 208 };
    expect(rows[1]).toMatchObject({ ...conv, product: "ff", multiplyAccumulates: 16 * 48 });
    expect(rows[2]).toMatchObject({
      parameters: 16,
      bitsPerWeight: null,
      packedBytes: 64,
      floatBytes: 64,
      product: null,
    });
    // 36 weights a filter are 5 bytes.
    expect(rows[3]).toMatchObject({ parameters: 216, bitsPerWeight: 1, packedBytes: 6 * 5, floatBytes: 864 });
    expect(rows[3]).toMatchObject({ product: "bb", multiplyAccumulates: 4 * 216 });
    expect(rows[5]).toMatchObject({ parameters: 168, packedBytes: 7 * 3, product: "fb", multiplyAccumulates: 168 });
    expect(totals).toEqual({
      parameters: 52 + 16 + 216 + 168,
      packedBytes: 208 + 64 + 30 + 21,
      floatBytes: 4 * 452,
      compression: (4 * 452) / 323,
      multiplyAccumulates: { ff: 768, fb: 168, bb: 864 },
    });
  });

  it("has a row a node, whose sums are the totals and the parameters' sizes", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const { rows, totals } = summary(graph);
        const shapes = shapesOf(graph);
        expect(rows.map((row) => [row.name, row.outputShape])).toEqual([...shapes]);
        // Numbers that quantizers of weights learn are for training alone.
        const own = parametersOf(graph).filter(({ ofQuantizer }) => ofQuantizer !== true);
        const elements = own.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0);
        expect(totals.parameters).toBe(elements);
        expect(totals.floatBytes).toBe(4 * elements);
        expect(rows.reduce((sum, row) => sum + row.packedBytes, 0)).toBe(totals.packedBytes);
        const { ff, fb, bb } = totals.multiplyAccumulates;
        expect(rows.reduce((sum, row) => sum + row.multiplyAccumulates, 0)).toBe(ff + fb + bb);
      }),
    );
  });

  it("calls a network without parameters its own size", () => {
    expect(summary(sequential({ inputShape: [3] }, [layers.relu()])).totals.compression).toBe(1);
  });

  it("prints an aligned table", () => {
    const graph = sequential({ inputShape: [1200], name: "tiny" }, [
      layers.binaryDense({ units: 8 }),
      layers.batchNorm(),
    ]);
    expect(formatSummary(summary(graph)).split("\n")).toEqual([
      "tiny",
      "layer         output  parameters  bits  packed bytes  float bytes  product  multiply-adds",
      "─────────────────────────────────────────────────────────────────────────────────────────",
      "input         1200",
      "binary_dense  8            9,600     1         1,200       38,400  bb               9,600",
      "batch_norm    8               32                 128          128",
      "─────────────────────────────────────────────────────────────────────────────────────────",
      "total                      9,632               1,328       38,528                   9,600",
      "29.0 times smaller than float; multiply-adds per image: bb 9,600",
    ]);
  });
});

describe("models", () => {
  it("end in one value a class, for other images and classes too", () => {
    for (const name of modelNames) {
      const graph = model(name, { inputShape: [32, 32, 3], classes: 7 });
      expect(shapesOf(graph).get(graph.output), name).toEqual([7]);
    }
  });

  it("cnn costs 5 to 8 million multiply-accumulates, nearly all between bits, and packs 25 times smaller", () => {
    const { totals } = summary(model("cnn"));
    const { ff, fb, bb } = totals.multiplyAccumulates;
    expect(ff + fb + bb).toBeGreaterThan(5e6);
    expect(ff + fb + bb).toBeLessThan(8e6);
    expect(bb / (ff + fb + bb)).toBeGreaterThan(0.97);
    expect(totals.compression).toBeGreaterThan(25);
    expect(totals.packedBytes).toBeLessThan(100_000);
  });

  /** Those without shortcuts. */
  const chains = ["mlp", "cnn"];

  it("take the sign straight after batch norm, so that both fuse into a threshold", () => {
    for (const name of chains) {
      const { nodes } = model(name);
      for (const [index, node] of nodes.entries()) {
        if (!isProduct(node) || node.attributes.activationQuantizer === null) continue;
        const before = nodes[index - 1]?.op === "flatten" ? nodes[index - 2] : nodes[index - 1];
        expect(before?.op, `${name}: ${node.name}`).toBe("batchNorm");
      }
    }
  });

  it("have a float twin with a nonlinearity between any two products", () => {
    for (const name of chains) {
      const { nodes } = model(name, { weightQuantizer: null, activationQuantizer: null });
      expect(parametersOf(model(name, { weightQuantizer: null })).filter(({ role }) => role === "latent")).toEqual([]);
      let bent = true;
      for (const node of nodes) {
        if (node.op === "activation") bent = true;
        if (!isProduct(node)) continue;
        expect(bent, `${name}: ${node.name}`).toBe(true);
        bent = false;
      }
    }
  });

  it("resnet20 has 18 binary layers, each with a shortcut of its own", () => {
    const graph = model("resnet20");
    const { rows, totals } = summary(graph);
    expect(rows[0]?.outputShape).toEqual([32, 32, 3]);
    const binary = rows.filter(({ product }) => product === "bb");
    expect(binary).toHaveLength(18);
    expect(binary.map(({ outputShape }) => outputShape.join("x"))).toEqual([
      ...Array(6).fill("32x32x16"),
      ...Array(6).fill("16x16x32"),
      ...Array(6).fill("8x8x64"),
    ]);
    expect(rows.filter(({ op }) => op === "add")).toHaveLength(18);
    expect(rows.filter(({ op }) => op === "avgPool2d")).toHaveLength(2);
    // He et al. count 0.27 million. The 1x1 convolutions of the shortcuts and all four numbers of batch norm come on
    // top.
    const kernels = 3 * 9 * 16 + 9 * (6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64);
    const shortcuts = 16 * 32 + 32 * 64;
    const norms = 4 * (16 + 6 * (16 + 32 + 64) + 32 + 64);
    expect(totals.parameters).toBe(kernels + shortcuts + norms + 64 * 10 + 10);
    const { bb, ff } = totals.multiplyAccumulates;
    expect(bb).toBe(9 * (6 * 32 ** 2 * 16 ** 2 + 16 ** 2 * (16 * 32 + 5 * 32 ** 2) + 8 ** 2 * (32 * 64 + 5 * 64 ** 2)));
    expect(bb / (bb + ff)).toBeGreaterThan(0.98);
  });

  // Weights are handed from one model to another by name. A name that counts layers would shift with every change.
  it.each(["resnet20", "birealnet18", "fashion"])("%s names every layer by its place", (name) => {
    for (const node of model(name).nodes) expect(node.name).toMatch(/^(input|pool|head|stem_\w+|stage\d_\d+(_\w+)?)$/);
  });

  it("birealnet18 is ResNet-18 to the parameter", () => {
    const { rows, totals } = summary(model("birealnet18"));
    // torchvision's resnet18 has 11,689,512; it does not count the two running statistics of its 4,800 normalised channels.
    expect(totals.parameters).toBe(11_689_512 + 2 * 4800);
    expect(rows.filter(({ product }) => product === "bb")).toHaveLength(16);
    expect(rows.filter(({ op }) => op === "avgPool2d")).toHaveLength(3);
    expect(rows.map(({ outputShape }) => outputShape.join("x"))).toEqual(
      expect.arrayContaining(["112x112x64", "56x56x64", "28x28x128", "14x14x256", "7x7x512", "512", "1000"]),
    );
    const { bb, ff, fb } = totals.multiplyAccumulates;
    expect(fb).toBe(0);
    expect(bb + ff).toBeCloseTo(1.81e9, -7);
    expect(bb / (bb + ff)).toBeGreaterThan(0.92);
  });

  it.each([1, 7, 32, 33])("the residual models take images of %i pixels a side, and real operands", (size) => {
    for (const name of ["resnet20", "birealnet18"]) {
      const inputShape = [size, size, 2];
      for (const quantizers of [{}, { weightQuantizer: null, activationQuantizer: null }]) {
        const graph = model(name, { inputShape, classes: 3, ...quantizers });
        expect(shapesOf(graph).get("head")).toEqual([3]);
        const bent = graph.nodes.filter(({ op }) => op === "activation");
        const binary = graph.nodes.filter(({ name: node }) => /^stage.*_\d_conv$/.test(node));
        expect(bent).toHaveLength("weightQuantizer" in quantizers ? binary.length + 1 : 0);
      }
    }
  });

  it("the residual models have the layers of ReActNet where asked", () => {
    for (const name of ["fashion", "resnet20", "birealnet18"]) {
      const inputShape = [16, 16, 2];
      const graph = model(name, { inputShape, classes: 3, reactnet: true });
      const count = (op: string): number => graph.nodes.filter((node) => node.op === op).length;
      const binary = graph.nodes.filter(({ name: node }) => /^stage.*_\d_conv$/.test(node));
      expect([count("prelu"), count("shift")]).toEqual([binary.length, 3 * binary.length]);
      for (const node of binary) expect(node.inputs).toEqual([node.name.replace("_conv", "_rsign")]);
      // The float twin has the same parameters; its thresholds are relu's.
      const real = { weightQuantizer: null, activationQuantizer: null };
      const float = model(name, { inputShape, classes: 3, reactnet: true, ...real });
      expect(parametersOf(float).map((own) => own.name)).toEqual(parametersOf(graph).map((own) => own.name));
      const before = new Map(float.nodes.map(({ name: node, op, inputs }) => [node, { op, inputs }]));
      for (const { name: node } of binary) {
        const bent = before.get(before.get(node)?.inputs[0] ?? "");
        expect(bent).toEqual({ op: "activation", inputs: [node.replace("_conv", "_rsign")] });
      }
    }
    expect(() => model("mlp", { reactnet: true })).toThrow(/reactnet/);
  });

  it("pass the quantizers on", () => {
    const graph = model("mlp", { weightQuantizer: "ede+", activationQuantizer: "bnn" });
    const names = graph.nodes.flatMap((node) =>
      node.op === "dense" ? [[node.attributes.weightQuantizer?.name, node.attributes.activationQuantizer?.name]] : [],
    );
    expect(names).toEqual([
      ["ede+", undefined],
      ["ede+", "bnn"],
      [undefined, undefined],
    ]);
  });

  it("refuse unknown names, options and numbers of classes", () => {
    const error = thrownBy(() => model("cnm"));
    expect(error.code).toBe("unknown-name");
    expect(error.remedy).toContain('Did you mean "cnn"?');
    expect(thrownBy(() => model("mlp", { clases: 3 } as never)).remedy).toContain('"classes"');
    expect(thrownBy(() => model("birealnet18", { classes: 65537 })).message).toContain("from 2 to 65536");
    expect(thrownBy(() => model("mlp", { classes: 1 })).message).toContain('model "mlp": classes');
    expect(thrownBy(() => model("cnn", { weightQuantizer: "bnm" })).code).toBe("unknown-name");
    expect(thrownBy(() => model("cnn", { inputShape: [784] })).code).toBe("shape");
  });
});

describe("nearestName", () => {
  it("is any name with one character changed, dropped or doubled, whatever its case", () => {
    const known = ["mnist", "fashion-mnist", "cifar-10", "adam", "bnn++"];
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(), fc.constantFrom("_", "", "xx"), (name, at, put) => {
        const place = at % name.length;
        const mistyped = name.slice(0, place) + put + name.slice(place + 1);
        expect(nearestName(mistyped.toUpperCase(), known)).toBe(name);
      }),
    );
  });

  it("is undefined where nothing is near", () => {
    expect(nearestName("resnet", ["mlp", "cnn"])).toBeUndefined();
    expect(nearestName("", ["mlp", "cnn"])).toBeUndefined();
    expect(nearestName("ab", ["cd"])).toBeUndefined();
    expect(nearestName("m".repeat(65), ["m".repeat(64)])).toBeUndefined();
  });
});
