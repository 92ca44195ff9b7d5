/** The checks that a network, its optimizer and its objective suit each other, before any memory is taken. */
import type { Graph } from "../../nn/graph.ts";
import { networkOf } from "../../nn/network.ts";
import { checkObjective, type Objective, plainObjective, statesOf } from "../losses/index.ts";
import type { Optimizer } from "../optimizers/optimizers.ts";
import { checkFits } from "../optimizers/updates.ts";
import { layoutParameters, type ParameterLayout } from "../plan/layout.ts";

/**
 * The layout of the parameters and the objective of a training that can begin.
 *
 * @throws ProxbitError `argument` where the optimizer has no rule for a parameter; `argument`, `shape` and `unknown-name` for a
 * loss that does not suit the network.
 */
export function checkTraining(
  graph: Graph,
  optimizer: Optimizer,
  terms: Objective = plainObjective,
): { readonly layout: ParameterLayout; readonly objective: Objective } {
  checkFits(graph, optimizer);
  const network = networkOf(graph);
  const layout = layoutParameters(network.parameters, optimizer, statesOf(terms, network));
  return { layout, objective: checkObjective(terms, network, layout, graph.output) };
}
