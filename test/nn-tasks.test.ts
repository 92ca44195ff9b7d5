/** Tasks: the operands that each makes +-1, and the ends that ready-made models give them. */

import { describe, expect, it } from "vitest";
import {
  distinctModelNames,
  type Graph,
  model,
  productOf,
  shapesOf,
  taskNames,
  taskQuantizers,
} from "../ts/nn/index.ts";
import { isProduct } from "../ts/nn/nodes.ts";
import { thrownBy } from "./nn-arbitrary.ts";

const small = { inputShape: [8, 8, 2], classes: 3 } as const;

/** The products of a graph's layers, first to last. */
const productNodes = (graph: Graph) => graph.nodes.flatMap((node) => (isProduct(node) ? [node] : []));
const productsOf = (graph: Graph): readonly string[] => productNodes(graph).flatMap((node) => productOf(node) ?? []);

describe("taskQuantizers", () => {
  it("quantizes the operands of the task", () => {
    expect(taskNames).toEqual(["bw", "ba", "bwa", "bwaa"]);
    const of = (task: (typeof taskNames)[number]) => Object.values(taskQuantizers(task, "bnn++"));
    expect(of("bw")).toEqual(["bnn++", null, null]);
    expect(of("ba")).toEqual([null, "bnn++", null]);
    expect(of("bwa")).toEqual(["bnn++", "bnn++", null]);
    expect(of("bwaa")).toEqual(["bnn++", "bnn++", { bits: 8, overflow: "saturate" }]);
  });

  it("takes another quantizer for activations, and wrapping sums", () => {
    const options = { activationQuantizer: "poly", overflow: "wrap" } as const;
    expect(taskQuantizers("bwaa", "ede", options)).toEqual({
      weightQuantizer: "ede",
      activationQuantizer: "poly",
      accumulator: { bits: 8, overflow: "wrap" },
    });
  });

  it("leaves a network real where there is no quantizer", () => {
    for (const task of taskNames) expect(Object.values(taskQuantizers(task, null))).toEqual([null, null, null]);
  });

  it("a quantizer for weights alone leaves the activations to poly, and is refused where there are only those", () => {
    expect(taskQuantizers("bwa", "recu")).toMatchObject({ weightQuantizer: "recu", activationQuantizer: "poly" });
    expect(taskQuantizers("bw", "recu")).toMatchObject({ weightQuantizer: "recu", activationQuantizer: null });
    const error = thrownBy(() => taskQuantizers("ba", "recu"));
    expect(error).toMatchObject({ code: "argument", message: expect.stringContaining('"recu" is for weights') });
    expect(taskQuantizers("ba", "recu", { activationQuantizer: "bnn" }).activationQuantizer).toBe("bnn");
  });

  it("suggests the nearest task", () => {
    const error = thrownBy(() => taskQuantizers("bwaaa" as never, "bnn"));
    expect(error.code).toBe("unknown-name");
    expect(error.remedy).toContain('Did you mean "bwaa"?');
  });
});

describe("models", () => {
  const middle = { bw: "fb", ba: "fb", bwa: "bb", bwaa: "bb" } as const;

  it.each(distinctModelNames.flatMap((name) => taskNames.map((task) => [name, task] as const)))(
    "%s under %s",
    (name, task) => {
      const options = { ...small, ...taskQuantizers(task, "bnn") };
      const graph = model(name, { ...options, binaryStem: false });
      const products = productsOf(graph);
      // Shortcuts of residual models are real, and so is all that makes tokens.
      expect(new Set(products.slice(1, -1).filter((product) => product !== "ff"))).toEqual(new Set([middle[task]]));
      expect([products[0], products.at(-1)]).toEqual(["ff", "ff"]);
      for (const { attributes } of productNodes(graph)) {
        const isBinary = attributes.weightQuantizer !== null && attributes.activationQuantizer !== null;
        expect(attributes.accumulator).toEqual(isBinary ? options.accumulator : null);
      }

      const whole = model(name, { ...options, binaryStem: true, binaryHead: true });
      const [first, ...rest] = productNodes(whole);
      const last = rest.at(-1);
      expect(first?.attributes.weightQuantizer?.name).toBe(options.weightQuantizer ?? undefined);
      expect(first?.attributes.activationQuantizer).toBeNull();
      expect(last?.attributes).toMatchObject({ accumulator: options.accumulator, useBias: false });
      expect(productsOf(whole).at(-1)).toBe(middle[task]);
      expect(whole.nodes.at(-1)?.op).toBe("batchNorm");
      expect(shapesOf(whole).get(whole.output)).toEqual([3]);
    },
  );

  it("the perceptron's first layer is binary by default, those of the others are real", () => {
    for (const name of distinctModelNames) {
      expect(productsOf(model(name, small))[0]).toBe(name === "mlp" ? "fb" : "ff");
    }
  });

  /** The layer whose values `node` reads, where pools and flattens are looked through. */
  const readBy = (graph: Graph, node: Graph["nodes"][number]): Graph["nodes"][number] | undefined => {
    const before = graph.nodes.find(({ name }) => name === node.inputs[0]);
    return before !== undefined && /Pool2d$|^flatten$/.test(before.op) ? readBy(graph, before) : before;
  };
  const heads = ["small", "mlp", "cnn"].flatMap((name) =>
    taskNames.flatMap((task) => [true, false].map((binaryHead) => [name, task, binaryHead] as const)),
  );

  it.each(heads)(
    "%s under %s (binary head: %s) has a nonlinearity where the next layer takes no sign, and only there",
    (name, task, binaryHead) => {
      const graph = model(name, { ...small, ...taskQuantizers(task, "bnn"), binaryHead });
      const [, ...rest] = productNodes(graph);
      expect(rest.length).toBeGreaterThan(0);
      for (const node of rest) {
        // The sign of a relu's output is +1 everywhere. Without a relu, two layers of real numbers would merge.
        const wanted = node.attributes.activationQuantizer === null ? "activation" : "batchNorm";
        expect([node.name, readBy(graph, node)?.op]).toEqual([node.name, wanted]);
      }
    },
  );

  it("refuse an accumulator for real operands, and what is no truth value", () => {
    expect(thrownBy(() => model("cnn", { weightQuantizer: null, accumulator: "wrap" })).message).toContain(
      "has no weightQuantizer",
    );
    expect(thrownBy(() => model("mlp", { binaryHead: "yes" as never })).message).toContain(
      'model "mlp": binaryHead must be true or false, not "yes"',
    );
  });
});
