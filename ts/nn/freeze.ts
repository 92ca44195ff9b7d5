/** Networks of which some layers are left alone by training. */
import { listOf, reading, type Subject } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Graph } from "./graph.ts";
import { validateGraph } from "./validate.ts";

/**
 * The same network with the layers called `names` frozen, as `trainable: false` does it.
 *
 * @throws ProxbitError `unknown-name` for a name that no layer has, `argument` for anything but a list of names.
 */
export const freeze = (graph: Graph, names: readonly string[]): Graph =>
  reading("freeze", "a network and a list of names", () => frozen(graph, names));

function frozen(graph: Graph, names: readonly string[]): Graph {
  const subject: Subject = { code: "argument", what: "freeze" };
  const chosen = listOf(names, 1, 65536, "names", subject);
  const stray = chosen.find((name) => !graph.nodes.some((node) => node.name === name));
  if (stray !== undefined) {
    throw new ProxbitError(
      "unknown-name",
      `freeze: ${describe(stray)} is no layer of the network`,
      `Its layers are ${graph.nodes.map(({ name }) => name).join(", ")}.`,
    );
  }
  const nodes = graph.nodes.map((node) => (chosen.includes(node.name) ? { ...node, trainable: false } : node));
  return validateGraph({ ...graph, nodes });
}
