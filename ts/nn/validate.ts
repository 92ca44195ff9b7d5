/** The check of a graph of any author, whatever is in it. */
import { takeEvery } from "./every.ts";
import type { Graph } from "./graph.ts";
import { validateKnown } from "./validate-known.ts";

/**
 * A graph out of a value of unknown origin, such as parsed JSON. Throws "graph" for unknown keys or operations, and for
 * numbers out of range. Throws "graph" for a missing or repeated name, a circle or a wrong order. Throws "graph" for
 * more or fewer inputs than one, layers that nothing uses, and more than 4096 nodes. Throws "shape" for layers that do
 * not fit one another, and for tensors too large for the core.
 */
export function validateGraph(value: unknown): Graph {
  takeEvery();
  return validateKnown(value);
}
