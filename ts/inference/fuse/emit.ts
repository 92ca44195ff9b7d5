/** Emits the whole network: every group where its last layer stands, every other layer where it stands itself. */
import type { GraphNode } from "../../nn/graph.ts";
import { isAffine, type PassedNode, type ProductNode } from "../../nn/nodes.ts";
import type { Context } from "../context.ts";
import { type GivenNode, isFollower, isWhole, wholeOpOf } from "../ops/index.ts";
import { emitBits } from "./bits.ts";
import { type Group, groupsOf } from "./groups.ts";
import { emitNorm } from "./norm.ts";
import { emitSigns } from "./signs.ts";
import { emitRows, emitSteps } from "./steps.ts";

/** Returns the groups. */
export function emitNetwork(context: Context): readonly Group[] {
  const groups = groupsOf(context.network, context.bits);
  const inGroup = new Set([...groups.values()].flatMap(({ members }) => members));
  for (const node of context.network.graph.nodes) {
    const group = groups.get(node.name);
    if (group !== undefined) emitGroup(group, context);
    else if (!inGroup.has(node.name)) emitAlone(node, context);
  }
  return [...groups.values()];
}

function emitGroup(group: Group, context: Context): void {
  if (group.kind === "bits") emitBits(group, context);
  else if (group.kind === "norm") emitNorm(group, context);
  else if (group.kind === "rows") emitRows(group, context);
  else if (group.kind === "steps") emitSteps(group.followers, context);
  // A kind of group that nobody emits must not compile.
  else group satisfies never;
}

function emitAlone(node: GraphNode, context: Context): void {
  if (isAffine(node) && emitSigns(node, context)) return;
  if (isFollower(node)) emitSteps([node], context);
  else if (isWhole(node)) wholeOpOf(node).emit(node, context);
  // Products lead groups, and of the others there is nothing to run. A new kind of entry must not compile.
  else node satisfies GivenNode | PassedNode | ProductNode;
}
