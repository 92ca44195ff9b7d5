/**
 * The subject "check" holds the tensors that a check against tfjs compares. Each has its number of elements, and a
 * tolerance or the word that only equality will do. Tolerances follow from our own numbers.
 *
 * The backend is tfjs's cpu: JavaScript in one thread. Its bits follow from the engine and tfjs's version, and both are
 * pinned. A tolerance is that of the element that comes closest to it (0 where all are equal). On another backend it
 * can be that of another element. Differences, shares and verdicts are tfjs's own arithmetic, and are left out; so is
 * time. That the check passes is held by tests of its own.
 */
import { type Graph, layers } from "../../ts/index.ts";
import { check as compare } from "../../ts/reference/index.ts";
import type { Figures, Group, Subject } from "./figures.ts";
import { around, binary } from "./networks.ts";

const networks: Readonly<Record<string, () => Graph>> = {
  "hard weights and activations": () => binary("bnn", "poly"),
  "soft weights and activations": () => binary("pc", "poly+"),
  "pools and learned layers": () =>
    around([
      layers.maxPool2d(),
      layers.rsign(),
      layers.binaryConv2d({ filters: 5, kernelSize: 2, weightQuantizer: "xnor", accumulator: "saturate" }),
      layers.batchNorm(),
      layers.prelu(),
      layers.avgPool2d({ poolSize: 2, padding: "same" }),
    ]),
};

/** Digits of a tolerance. It is a bound, for which three say enough. */
const DIGITS = 3;

async function make(entry: string): Promise<Figures> {
  const network = networks[entry];
  if (network === undefined) throw new Error(`there is no golden check "${entry}"`);
  const subjects = [{ kind: "graph", graph: network() }] as const;
  const { rows } = await compare({ backend: "cpu", subjects, batchSize: 3, steps: 3 });
  const figures: Record<string, Group> = {};
  for (const { subject, node, quantity, elements, exact, tolerance } of rows) {
    const bound = exact ? "exact" : tolerance.toExponential(DIGITS - 1);
    figures[subject] = { ...figures[subject], [`${node}, ${quantity}`]: `${elements} elements, ${bound}` };
  }
  return figures;
}

export const check: Subject = { name: "check", entries: Object.keys(networks), make };
