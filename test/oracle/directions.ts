/** QP-SBGD from its definition: for every neuron all directions of signs are tried, which few inputs allow. */
import type { Graph } from "../../ts/nn/graph.ts";
import { evaluateSchedule } from "../../ts/quantizers/schedule.ts";
import type { QpSbgd } from "../../ts/train/optimizers/optimizers.ts";
import { at, type Margin, note } from "./layers.ts";
import type { Result } from "./network.ts";

/** The best v of each neuron, `[inputs][outputs]`. `margin` learns how close another value came to the best. */
export function bestSigns(graph: Graph, parameter: string, result: Result, margin: Margin): Float64Array {
  const node = graph.nodes.find(({ name }) => `${name}/kernel` === parameter);
  const input = result.values.get(node?.inputs[0] ?? "")?.data ?? new Float64Array();
  const gradient = result.gradientsAt.get(node?.name ?? "")?.data ?? new Float64Array();
  const inputs = (result.gradients.get(parameter)?.length ?? 0) / (gradient.length / rowsOf(result));
  const rows = input.length / inputs;
  const outputs = gradient.length / rows;
  const out = new Float64Array(inputs * outputs);
  for (let neuron = 0; neuron < outputs; neuron++) {
    const values = Array.from({ length: 2 ** inputs }, (_, number) => {
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        let dot = 0;
        for (let i = 0; i < inputs; i++) dot += (at(input, row * inputs + i) >= 0 ? 1 : -1) * signOf(number, i);
        sum -= at(gradient, row * outputs + neuron) * (dot >= 0 ? 1 : -1);
      }
      return sum;
    });
    const best = values.indexOf(Math.max(...values));
    for (const value of values) if (value !== values[best]) note(margin, value, values[best] as number);
    for (let i = 0; i < inputs; i++) out[i * outputs + neuron] = signOf(best, i);
  }
  return out;
}

const signOf = (number: number, bit: number): number => (Math.floor(number / 2 ** bit) % 2 === 1 ? 1 : -1);

const rowsOf = ({ predictions }: Result): number => predictions.length;

/** W + rate V, and where it is projected the sign of that. */
export function along(
  { learningRate, projected }: QpSbgd,
  weights: Float64Array,
  direction: Float64Array,
  progress: number,
): Float64Array {
  const rate = evaluateSchedule(learningRate, progress);
  const moved = weights.map((w, i) => w + rate * at(direction, i));
  return projected ? moved.map((w) => (w >= 0 ? 1 : -1)) : moved;
}
