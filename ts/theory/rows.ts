/** The pairs that the theory's table is about: those of its paper, and whatever else is registered. */
import { type FunctionPair, forwardValue, type NamedPair } from "../quantizers/index.ts";
import { quantizer, quantizerNames } from "../quantizers/registry.ts";

const clip = (x: number): number => Math.max(-1, Math.min(1, x));

/** Hardtanh with its box, and T o L for T = tanh and L with rho = varrho = 1/4: no quantizers by name. */
const others: readonly FunctionPair[] = [
  { name: "hardtanh", forward: clip, backward: (x) => (Math.abs(x) <= 1 ? 1 : 0) },
  { name: "tanh-l", forward: (x) => Math.tanh(L(x)), backward: (x) => 1 - Math.tanh(L(x)) ** 2 },
];

const L = (x: number): number => forwardValue("piecewiseLinear", x, [0.25, 0.25]);

/** The names that `proxbit theory` knows, in the order of its table. */
export const theoryNames: readonly string[] = [...others.map(({ name }) => name), ...quantizerNames];

/** The pair of a name that is in `theoryNames`, or that the registry knows or refuses. */
export const theoryPair = (name: string): NamedPair => others.find((pair) => pair.name === name) ?? quantizer(name);
