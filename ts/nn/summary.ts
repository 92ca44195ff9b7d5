/**
 * The weight of a network. Each layer has its output shape, parameters, bits per weight, bytes and multiply-accumulates
 * of one image. The products are told apart. Everything is judged for the network as it is shipped, with every
 * quantizer hardened:
 *
 *   ff  real times real        fb  real times +-1, either way round        bb  +-1 times +-1
 *
 * Packed bytes are those of the model file. A 1-bit kernel takes ceil(K / 8) bytes a filter (K weights a filter), all
 * else 4 bytes a number. A file is smaller yet where 3x3 kernels are few different ones (`ts/io/codewords.ts`). Float bytes
 * are 4 a parameter, running statistics included.
 */

import { reading } from "../base/checks.ts";
import { groupBy } from "../base/group.ts";
import { type Column, formatTable, grouped } from "../show/table.ts";
import type { Graph, GraphNode, OpName, Parameter, Shape } from "./graph.ts";
import { shapesOf } from "./network.ts";
import { worksOf } from "./nodes.ts";
import { operandsOf, type Product, productOf, productsOf } from "./operands.ts";
import { packedParametersOf, parametersOf } from "./parameters.ts";
import { elementsOf, kernelMatrix } from "./shapes.ts";

/** A product of a layer, and its work on one image. */
export interface ProductWork {
  readonly product: Product;
  readonly multiplyAccumulates: number;
}

export interface SummaryRow {
  readonly name: string;
  readonly op: OpName;
  readonly inputs: readonly string[];
  /** The batch axis is left out. */
  readonly outputShape: Shape;
  /** Elements of all the layer's parameters, running statistics included. */
  readonly parameters: number;
  /** 1 for a kernel kept as signs, 32 for a real one, null for a layer without a kernel. */
  readonly bitsPerWeight: 1 | 32 | null;
  readonly packedBytes: number;
  readonly floatBytes: number;
  /** The product with the fewest bits, where there are several; null for a layer that multiplies no matrices. */
  readonly product: Product | null;
  /** Each of its products with its share of the work. */
  readonly products: readonly ProductWork[];
  /** The work of the forward pass on one image. */
  readonly multiplyAccumulates: number;
}

export interface SummaryTotals {
  readonly parameters: number;
  readonly packedBytes: number;
  readonly floatBytes: number;
  /** floatBytes / packedBytes; 1 for a network without parameters. */
  readonly compression: number;
  readonly multiplyAccumulates: Readonly<Record<Product, number>>;
}

export interface Summary {
  readonly name: string;
  readonly rows: readonly SummaryRow[];
  readonly totals: SummaryTotals;
}

function packedBytesOf(parameter: Parameter): number {
  if (parameter.role !== "latent") return 4 * elementsOf(parameter.shape);
  const [rows, filters] = kernelMatrix(parameter);
  return filters * Math.ceil(rows / 8);
}

/** The lists that the summary looks a node up in. */
interface Lists {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly parameters: ReadonlyMap<string, readonly Parameter[]>;
  readonly packed: ReadonlyMap<string, readonly Parameter[]>;
}

function rowOf(node: GraphNode, { shapes, parameters, packed }: Lists): SummaryRow {
  const outputShape = shapes.get(node.name) ?? [];
  const inputs = node.inputs.map((name) => shapes.get(name) ?? []);
  const tensors = packed.get(node.name) ?? [];
  const weights = operandsOf(node).find(({ operand }) => operand === "weight");
  const kernel = tensors.find(({ key }) => key === weights?.at);
  const works = worksOf(node, inputs, outputShape);
  const products = productsOf(node).map((product, i) => ({ product, multiplyAccumulates: works[i] ?? 0 }));
  const count = (parameters.get(node.name) ?? []).reduce((total, { shape }) => total + elementsOf(shape), 0);
  return {
    name: node.name,
    op: node.op,
    inputs: node.inputs,
    outputShape,
    parameters: count,
    bitsPerWeight: kernel === undefined ? null : kernel.role === "latent" ? 1 : 32,
    packedBytes: tensors.reduce((total, parameter) => total + packedBytesOf(parameter), 0),
    floatBytes: 4 * count,
    product: productOf(node),
    products,
    multiplyAccumulates: works.reduce((sum, work) => sum + work, 0),
  };
}

/** The summary of `graph`. Throws "shape" or "graph" for a graph whose nodes do not fit together. */
export function summary(graph: Graph): Summary {
  const byNode = (parameters: readonly Parameter[]) => groupBy(parameters, ({ node }) => node);
  const lists: Lists = {
    shapes: shapesOf(graph),
    // Tensors of quantizers are for training alone.
    parameters: byNode(parametersOf(graph).filter(({ ofQuantizer }) => ofQuantizer !== true)),
    packed: byNode(packedParametersOf(graph)),
  };
  const rows = graph.nodes.map((node) => rowOf(node, lists));
  const total = (measure: (row: SummaryRow) => number): number => rows.reduce((sum, row) => sum + measure(row), 0);
  const packedBytes = total((row) => row.packedBytes);
  const floatBytes = total((row) => row.floatBytes);
  const macs = (product: Product): number =>
    total((row) => workOf(row.products.filter((own) => own.product === product)));
  return {
    name: graph.name,
    rows,
    totals: {
      parameters: total((row) => row.parameters),
      packedBytes,
      floatBytes,
      compression: packedBytes === 0 ? 1 : floatBytes / packedBytes,
      multiplyAccumulates: { ff: macs("ff"), fb: macs("fb"), bb: macs("bb") },
    },
  };
}

const workOf = (products: readonly ProductWork[]): number =>
  products.reduce((sum, { multiplyAccumulates }) => sum + multiplyAccumulates, 0);

const columns: readonly Column[] = [
  { title: "layer" },
  { title: "output" },
  { title: "parameters", align: "right" },
  { title: "bits", align: "right" },
  { title: "packed bytes", align: "right" },
  { title: "float bytes", align: "right" },
  { title: "product" },
  { title: "multiply-adds", align: "right" },
];

function cellsOf(row: SummaryRow): readonly string[] {
  const nothing = "";
  const hasParameters = row.parameters > 0;
  return [
    row.name,
    row.outputShape.join(" x "),
    hasParameters ? grouped(row.parameters) : nothing,
    row.bitsPerWeight === null ? nothing : String(row.bitsPerWeight),
    hasParameters ? grouped(row.packedBytes) : nothing,
    hasParameters ? grouped(row.floatBytes) : nothing,
    [...new Set(row.products.map(({ product }) => product))].join(" + "),
    row.product === null ? nothing : grouped(row.multiplyAccumulates),
  ];
}

/** The summary as an aligned table for a terminal or a log, without a line break at its end. */
export const formatSummary = (value: Summary): string =>
  reading("formatSummary", "the result of summary()", () => textSummaryOf(value));

function textSummaryOf(value: Summary): string {
  const { totals } = value;
  const macs = totals.multiplyAccumulates;
  const sums = [
    "total",
    "",
    grouped(totals.parameters),
    "",
    grouped(totals.packedBytes),
    grouped(totals.floatBytes),
    "",
    grouped(macs.ff + macs.fb + macs.bb),
  ];
  const products = (["ff", "fb", "bb"] as const)
    .filter((product) => macs[product] > 0)
    .map((product) => `${product} ${grouped(macs[product])}`)
    .join(", ");
  return [
    value.name,
    formatTable(columns, value.rows.map(cellsOf), sums),
    `${totals.compression.toFixed(1)} times smaller than float; multiply-adds per image: ${products || "none"}`,
  ].join("\n");
}
