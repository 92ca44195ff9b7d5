/**
 * Inference comes in two halves. The first runs most convolutional networks, over the small core. A network that has more in
 * it brings the second half, and runs over the core with all kernels.
 */
import { later } from "../base/later.ts";
import { type LoadedModel, openModel } from "../io/model-reader.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { shapesOf } from "../nn/network.ts";
import { isProduct } from "../nn/nodes.ts";
import { isKnownOp } from "../nn/ops/index.ts";
import type { Shape } from "../nn/shapes.ts";
import { validateKnown } from "../nn/validate-known.ts";
import { isKnownSchedule } from "../quantizers/known-schedules.ts";
import { firstOps } from "./ops/index.ts";
import { isFirstForm } from "./product/index.ts";

/** The functions whose maps the small core has. */
const FIRST_FUNCTIONS: readonly string[] = ["relu", "hardTanh"];

function isFirst(node: GraphNode, shapes: ReadonlyMap<string, Shape>): boolean {
  if (isProduct(node)) return isFirstForm(node, shapes.get(node.inputs[0])?.length ?? 0);
  return node.op === "activation" ? FIRST_FUNCTIONS.includes(node.attributes.activation) : node.op in firstOps;
}

/** True where the first half runs the whole network. */
export function isOfFirstHalf(graph: Graph): boolean {
  const shapes = shapesOf(graph);
  return graph.nodes.every((node) => isFirst(node, shapes));
}

async function bringOther(): Promise<void> {
  const { takeOtherHalf } = await later(async () => await import("./other-half.ts"));
  takeOtherHalf();
}

/**
 * Brings all that compiling `graph` takes.
 *
 * @throws ProxbitError "environment" where the file of the second half cannot be had.
 */
export async function bringHalves(graph: Graph): Promise<void> {
  if (!isOfFirstHalf(graph)) await bringOther();
}

/** True where the value, or one inside it, is an operation or a schedule whose check the first half lacks. */
function lacksCheck(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if ("op" in value && typeof value.op === "string" && !isKnownOp(value.op)) return true;
  if ("kind" in value && !isKnownSchedule(value)) return true;
  return Object.values(value).some(lacksCheck);
}

/**
 * Reads a model file, and brings the second half where checking its graph takes it.
 *
 * @throws ProxbitError "model-file" for a file that is damaged, and as `bringHalves`.
 */
export async function readModel(bytes: Uint8Array): Promise<LoadedModel> {
  const file = openModel(bytes);
  if (lacksCheck(file.graph)) await bringOther();
  return file.read(validateKnown);
}
