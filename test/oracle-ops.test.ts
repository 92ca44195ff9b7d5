/**
 * The guarantee: the oracle's way back is the gradient of its way forward. Each gradient of each example is the central
 * difference (L(+h) - L(-h)) / 2h of L = sum dy y, in f64. Straight-through operations are held against a forward pass
 * whose jumps are straight lines with the stated slopes.
 *
 * The difference is off by its truncation, h^2 / 6 times the third derivative, which is a third of its distance from the
 * difference over 2h, up to higher orders; and by roundings: both L are sums of n terms, off by at most n 2^-53 of the
 * magnitudes, n being the numbers that the node reads and gives.
 */
import { describe, expect, it } from "vitest";
import { isPerRow, outputShape, parameterSpecs } from "../ts/nn/nodes.ts";
import { elementsOf, rowsOf } from "../ts/nn/shapes.ts";
import { appliedTo, gradientAt, type Numbers, numbersAwayFromJumps } from "./oracle/example-numbers.ts";
import { type Example, everyExample, examples } from "./oracle/examples.ts";
import type { Value } from "./oracle/layers.ts";
import { oracleOpOf } from "./oracle/ops/index.ts";

const STEP = 2 ** -10;
const UNIT = 2 ** -53;

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);

/** `numbers` with the element `i` of an input or of a parameter moved. */
function moved(numbers: Numbers, at: number | string, i: number, by: number): Numbers {
  const move = (data: Float64Array): Float64Array => data.map((x, k) => (k === i ? x + by : x));
  const { inputs, parameters } = numbers;
  return typeof at === "number"
    ? { ...numbers, inputs: inputs.map((x, place) => (place === at ? { ...x, data: move(x.data) } : x)) }
    : { ...numbers, parameters: { ...parameters, [at]: move(parameters[at] as Float64Array) } };
}

describe.each(everyExample)("$title", ({ name, example }) => {
  const numbers = numbersAwayFromJumps(example, 8 * STEP);
  const { node, inputs, parameters } = numbers;
  const operation = oracleOpOf(node.op);
  const given = appliedTo(numbers);
  const value: Value = operation.forward(given);
  const dy = gradientAt(value);
  const gradients = operation.backward(given, dy);

  it("is of the operation that it stands for, and has the shape that the graph gives it", () => {
    expect(node.op).toBe(name);
    expect(value.shape).toEqual(outputShape(node, example.shapes));
    expect(value.data).toHaveLength(value.images * elementsOf(value.shape));
  });

  it("gives a gradient to every input and every trained parameter", () => {
    const specs = Object.entries(parameterSpecs(node, example.shapes));
    const trained = specs.filter(([, { role }]) => role !== "statistic").map(([key]) => key);
    expect(Object.keys(gradients.parameters).toSorted()).toEqual(trained.toSorted());
    for (const key of trained) expect(gradients.parameters[key]).toHaveLength((parameters[key] as Float64Array).length);
    expect(gradients.inputs.map(({ length }) => length)).toEqual(inputs.map(({ data }) => data.length));
  });

  const forward = (to: Numbers): Value => {
    const moving = appliedTo(to);
    return example.straight?.(given, moving) ?? operation.forward(moving);
  };
  const read = [...inputs.map(({ data }) => data), ...Object.values(parameters)];
  const terms = read.reduce((sum, { length }) => sum + length, value.data.length);
  const magnitude = dot(
    dy.data.map(Math.abs),
    value.data.map((y) => Math.abs(y) + 1),
  );
  const rounding = terms * UNIT * magnitude;

  if (example.straight !== undefined) {
    it("goes through its value where what jumps is a straight line", () => {
      const off = forward(numbers).data.map((y, i) => Math.abs(y - (value.data[i] as number)));
      expect(Math.max(...off)).toBeLessThanOrEqual(rounding);
    });
  }

  it("has the gradient of its forward pass", () => {
    const lossAt = (to: Numbers): number => dot(dy.data, forward(to).data);
    for (const [at, gradient] of [...gradients.inputs.entries(), ...Object.entries(gradients.parameters)]) {
      gradient.forEach((own, i) => {
        const slope = (step: number): number =>
          (lossAt(moved(numbers, at, i, step)) - lossAt(moved(numbers, at, i, -step))) / (2 * step);
        const [near, far] = [slope(STEP), slope(2 * STEP)];
        const allowed = Math.abs(far - near) + rounding / STEP;
        expect(Math.abs(near - own), `${at}, element ${i}: ${own}, difference ${near}`).toBeLessThanOrEqual(allowed);
      });
    }
  });

  if (isPerRow(node)) {
    it("works row by row", () => {
      const rows = inputs.map(({ images, shape, data }) => {
        const { rows, channels } = rowsOf(shape);
        return { images: images * rows, shape: [channels], data };
      });
      const flat = operation.forward(appliedTo({ ...numbers, inputs: rows }));
      expect(flat.data).toEqual(value.data);
    });
  }
});

it("a dense layer takes the places of a value with more axes as rows", () => {
  const numbers = numbersAwayFromJumps(examples.dense[0] as Example<"dense">, 0);
  const asRows = ({ images, shape, data }: Value): Value => ({ images: 1, shape: [images, ...shape], data });
  const { forward, backward } = oracleOpOf("dense");
  const [flat, deep] = [appliedTo(numbers), appliedTo({ ...numbers, inputs: numbers.inputs.map(asRows) })];
  const value = forward(flat);
  expect(forward(deep)).toEqual(asRows(value));
  expect(backward(deep, asRows(gradientAt(value)))).toEqual(backward(flat, gradientAt(value)));
});
