/** Ready-made models by name; each stands in a file of its own. */
import { lookUp } from "../../base/names.ts";
import type { Graph } from "../graph.ts";
import { birealnet18 } from "./birealnet18.ts";
import { cct2 } from "./cct2.ts";
import { cnn } from "./cnn.ts";
import { deitBase } from "./deit-base.ts";
import { deitTiny } from "./deit-tiny.ts";
import { fashion } from "./fashion.ts";
import { mlp } from "./mlp.ts";
import type { ModelOptions } from "./options.ts";
import { resnet20 } from "./resnet20.ts";
import { small } from "./small.ts";
import { vit28 } from "./vit28.ts";
import { vit32 } from "./vit32.ts";

export { birealnet18 } from "./birealnet18.ts";
export { type CctOptions, cct2 } from "./cct2.ts";
export { cnn } from "./cnn.ts";
export { deitBase } from "./deit-base.ts";
export { deitTiny } from "./deit-tiny.ts";
export { fashion } from "./fashion.ts";
export { mlp } from "./mlp.ts";
export type { ModelOptions } from "./options.ts";
export { resnet20 } from "./resnet20.ts";
export { small } from "./small.ts";
export { type Task, type TaskOptions, type TaskQuantizers, taskNames, taskQuantizers, tasks } from "./tasks.ts";
export { type VitOptions, vit } from "./vit.ts";
export { vit28 } from "./vit28.ts";
export { vit32 } from "./vit32.ts";

const models: Readonly<Record<string, (options: ModelOptions) => Graph>> = Object.freeze({
  mlp,
  cnn,
  resnet20,
  birealnet18,
  small,
  fashion,
  vit28,
  vit32,
  cct2,
  deitTiny,
  deitBase,
});

export const modelNames: readonly string[] = Object.freeze(Object.keys(models));

/** Models that are the graph of another one in other sizes, so that a check of each network leaves them out. */
const otherSizes: readonly string[] = ["vit32", "deitTiny", "deitBase"];

/** The models whose graphs differ in more than their sizes. */
export const distinctModelNames: readonly string[] = Object.freeze(
  modelNames.filter((name) => !otherSizes.includes(name)),
);

/** The graph of the model called `name`. Throws "unknown-name" with the nearest name, and the model's own errors. */
export function model(name: string, options: ModelOptions = {}): Graph {
  return lookUp("model", name, models)(options);
}
