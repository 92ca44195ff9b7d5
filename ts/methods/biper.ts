/**
 * BiPer (Vargas, Correa, Hinojosa and Arguello, "BiPer: Binary Neural Networks using a Periodic Function", CVPR 2024). Stage one
 * has the weights sin(omega w), stage two their signs, and both the backward map omega cos(omega w). The loss has the term
 * tau sum over layers of mean sin^2(omega w). In front of activations that are signs about 0 each example is divided by its
 * deviation while training (`layers.unitDeviation`), which changes no sign. Levels and signs about an offset would change.
 *
 * Each channel of a binary layer has a learned scale. Where batch norm stands behind, that is its gamma, because batch norm takes
 * a positive scale in front of it away again. Elsewhere it is a `layers.layerScale` of its own, which begins with 1. Files hold
 * plain signs, those scales, and none of the divisions.
 */
import { boolean, number, optional } from "../nn/fields.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { hasKernel } from "../nn/nodes.ts";
import { biper as biperQuantizer } from "../quantizers/weight-families.ts";
import { losses } from "../train/losses/index.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { latentKernels, mapWeightQuantizers, withScales } from "./graph.ts";

export interface BiperMethodOptions {
  /** The angular frequency, from 1e-3 to 1e4; 20 where absent. */
  readonly omega?: number | undefined;
  /** The factor of the term, from 0; 1e-4 where absent, which is ours. */
  readonly tau?: number | undefined;
  /** Share of the run that stage one takes, in (0, 1); 2/3 where absent, as 600 of 900 epochs. */
  readonly share?: number | undefined;
  /** True where activations are divided by their deviation while training; true where absent. */
  readonly deviation?: boolean | undefined;
  /** True where binary layers without batch norm behind them get a learned scale for each channel; true where absent. */
  readonly scale?: boolean | undefined;
}

const NAME = "biper";
const SAME = "both say what the weights are";

export const biperRecord: MethodRecord<BiperMethodOptions> = {
  name: NAME,
  about: "weights are sines first and their signs then, with a term over them and activations over their deviation",
  source: "Vargas et al., CVPR 2024",
  fields: {
    omega: optional(number(1e-3, 1e4), 20),
    tau: optional(number(0, 1e6), 1e-4),
    share: optional(number(0.01, 0.99), 2 / 3),
    deviation: optional(boolean(), true),
    scale: optional(boolean(), true),
  },
  make: ({ omega, tau, share, deviation, scale }) => ({
    excludes: { rbnn: SAME, siman: SAME, "two-step": SAME, hardening: SAME },
    graph: (graph) => {
      latentKernels(graph, NAME);
      const made = mapWeightQuantizers(graph, () => biperQuantizer({ omega, hardenAt: share }));
      const scaled = scale ? withScales(made) : made;
      return deviation ? withDeviations(scaled) : scaled;
    },
    packed: withoutDeviations,
    objective: (objective, graph) => [
      ...objective,
      losses.sineSquares({ factor: tau, omega, parameters: latentKernels(graph, NAME), name: NAME }),
    ],
  }),
};

/** The method. @throws ProxbitError `argument` */
export const biper = makerOf(biperRecord);

/** The name of the division in front of the layer called `layer`. */
const divisionOf = (layer: string): string => `${layer}_unit_deviation`;

/** `graph` with a division in front of every layer whose activations are signs from the first step on. */
function withDeviations(graph: Graph): Graph {
  const nodes = graph.nodes.flatMap((node): readonly GraphNode[] => {
    if (!hasKernel(node) || node.attributes.activationQuantizer?.forward !== "sign") return [node];
    const name = divisionOf(node.name);
    const { inputs } = node;
    const division: GraphNode = { name, op: "unitDeviation", inputs, attributes: { epsilon: 1e-5 } };
    return [division, { ...node, inputs: [name] } as GraphNode];
  });
  return { ...graph, nodes };
}

/** `graph` without the divisions that `withDeviations` has put there. */
function withoutDeviations(graph: Graph): Graph {
  const names = new Set(graph.nodes.map(({ name }) => divisionOf(name)));
  const divisions = new Map(
    graph.nodes.flatMap((node) => (node.op === "unitDeviation" && names.has(node.name) ? [[node.name, node]] : [])),
  );
  const nodes = graph.nodes.flatMap((node): readonly GraphNode[] => {
    if (divisions.has(node.name)) return [];
    const inputs = node.inputs.map((input) => divisions.get(input)?.inputs[0] ?? input);
    return [{ ...node, inputs } as unknown as GraphNode];
  });
  return { ...graph, nodes };
}
