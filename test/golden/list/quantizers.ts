/**
 * Every quantizer by its name, on weights, and on activations where it serves them. Composed ones and tables follow.
 */
import {
  compose,
  quantizers as makers,
  proximals,
  type Quantizer,
  type QuantizerChoice,
  quantizerNames,
  schedules,
  transforms,
} from "../../../ts/index.ts";
import { products, productsOf } from "../networks.ts";
import type { Run } from "../run.ts";

const named: readonly Run[] = quantizerNames.map((name) => ({
  name: `quantizer ${name}`,
  // What layers learn is learned for activations; as weights the levels of one would all be 0.
  network: () => (name.startsWith("elastic") ? products("bnn", name) : productsOf(name)),
  session: ["xnor", "adabin", "dorefa-activations", "elastic", "elastic-unit"].includes(name),
  everywhere: name === "recu",
}));

/** Samples of an odd function that has its own slopes. */
const table: Quantizer = {
  ...makers.bnnPlusPlus({ name: "table" }),
  forward: "table",
  backward: "table",
  parameters: [],
  table: { from: -1, to: 1, forward: [-1.25, -0.75, 0, 0.75, 1.25], backward: [0.5, 1.25, 1.75, 1.25, 0.5] },
};

/** Functions of + - * / alone, because Math.exp and its like differ from engine to engine. */
const soft = proximals.fromFunction((x) => (2 * x) / (1 + Math.abs(x)), { samples: 129 });
const cubic = transforms.fromFunction(
  (v) => 1.5 * v - 0.5 * v ** 3,
  (v) => 1.5 - 1.5 * v ** 2,
);

const made: Readonly<Record<string, QuantizerChoice | readonly [QuantizerChoice, QuantizerChoice]>> = {
  "PARQ's map before a polynomial": compose({ proximal: "parq", transform: "poly" }),
  "ProxQuant's map before tanh": compose({ proximal: "proxQuant", transform: transforms.tanh({ t: 2 }) }),
  "hard tanh before SignSwish": compose({ proximal: "hardTanh", transform: "signSwish", clipLatent: 1 }),
  "a map of one's own before a polynomial": compose({ proximal: soft, transform: "poly" }),
  "clip before a function of one's own": compose({ proximal: "clip", transform: cubic }),
  "samples written by hand": table,
  "weights of 4 bits, activations of 3": ["dorefa-weights-4", "dorefa-activations-3"],
  "weights of 2 bits alone": ["dorefa-weights-2", null],
  "pc, standardised by filter, with a scale": makers.pc({ standardize: "filter", scale: "filter" }),
  "poly+ with a scale of the tensor, early hard": makers.polyPlus({ scale: "tensor", hardenAt: 0.3, clipLatent: 0.5 }),
  "bnn++, sharpened by a window of a cosine": makers.bnnPlusPlus({
    beta: schedules.window(0.2, 0.8, schedules.cosine(2, 9)),
  }),
  "ede+ by a line, rbnn by steps": [
    makers.edePlus({ t: schedules.linear(0.1, 4) }),
    makers.rbnn({ t: schedules.step(0.5, 2, [0.25, 0.5]) }),
  ],
  "pc after ProxConnect's sum of rates": makers.pc({
    rho: schedules.accumulated(0.01, 12, { initial: 0.1, scale: 2 }),
    varrho: 0.05,
  }),
};

export const quantizers: readonly Run[] = [
  ...named,
  ...Object.entries(made).map(
    ([name, choice]): Run => ({
      name: `quantizer: ${name}`,
      network: () => (isPair(choice) ? products(...choice) : productsOf(choice)),
      everywhere: name.startsWith("a map of"),
    }),
  ),
];

const isPair = (
  choice: QuantizerChoice | readonly [QuantizerChoice, QuantizerChoice],
): choice is readonly [QuantizerChoice, QuantizerChoice] => Array.isArray(choice);
