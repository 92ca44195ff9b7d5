/** Modules held to what they were given: one that ignores an option would be another network than the command says. */
import { ProxbitError } from "../base/errors.ts";
import { canonicalJson } from "../io/json.ts";
import type { Graph } from "../nn/graph.ts";
import type { ModelOptions } from "../nn/models/index.ts";
import type { TaskQuantizers } from "../nn/models/tasks.ts";
import { inputShapeOf, shapesOf } from "../nn/network.ts";
import { hasKernel, isProduct } from "../nn/nodes.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { quantizer } from "../quantizers/registry.ts";
import { quantizersOf } from "./model-file.ts";
import { isFile } from "./network.ts";
import type { QuantizerOptions } from "./options.ts";

/** Tells a quantizer with options from one that has its name alone. */
const has = (graph: Graph, operand: "weightQuantizer" | "activationQuantizer", asked: Quantizer): boolean =>
  graph.nodes.every((node) => {
    const own = hasKernel(node) ? node.attributes[operand] : null;
    return own === null || canonicalJson(own) === canonicalJson(asked);
  });

const disobeys = (what: string, differences: readonly string[]): ProxbitError =>
  new ProxbitError(
    "graph",
    `${what} has ${differences.join(", and ")}`,
    "Export a function that builds its network with the given weightQuantizer, activationQuantizer and accumulator.",
  );

/** @throws ProxbitError "graph" where the network, `what` in words, has other quantizers or sums than those of `wanted`. */
export function checkObeys(what: string, graph: Graph, wanted: Partial<TaskQuantizers>): void {
  const found = quantizersOf(graph);
  const accumulates = graph.nodes.some((node) => isProduct(node) && node.attributes.accumulator !== null);
  const differences = [
    ...(["weightQuantizer", "activationQuantizer"] as const).flatMap((operand) => {
      const choice = wanted[operand];
      if (choice === undefined) return [];
      const asked = choice === null ? null : quantizer(choice);
      const name = asked?.name ?? "none";
      if (found[operand] !== name) return [`${operand} ${found[operand]} where it was given ${name}`];
      const isOther = typeof choice === "string" && choice.includes(":") && !has(graph, operand, asked as Quantizer);
      return isOther ? [`${operand} ${name} with other options than those of ${choice}`] : [];
    }),
    ...(wanted.accumulator === undefined || accumulates === (wanted.accumulator !== null)
      ? []
      : ["another accumulator than it was given"]),
  ];
  if (differences.length > 0) throw disobeys(what, differences);
}

/** Options of layers that a module may leave out of account, by their flags. */
const layerOptions = { binaryStem: "--binary-stem", binaryHead: "--binary-head", reactnet: "--reactnet" } as const;

/** @throws ProxbitError "graph" where a module makes the same network with an option of its layers as without. */
export async function checkLayers(
  name: string,
  make: (options: ModelOptions) => Promise<Graph>,
  given: ModelOptions,
): Promise<void> {
  if (!isFile(name)) return;
  for (const [key, flag] of Object.entries(layerOptions)) {
    const { [key as keyof typeof layerOptions]: value, ...others } = given;
    if (value !== true || canonicalJson(await make(given)) !== canonicalJson(await make(others))) continue;
    throw new ProxbitError(
      "graph",
      `${name} makes the same network with ${flag} as without`,
      `Leave ${flag} out, or export a function that builds its network with the given ${key}.`,
    );
  }
}

/** The choices of a command for one network: quantizers as typed, and as they are given; the shape where it was typed. */
export interface ModuleChoices {
  readonly typed: QuantizerOptions;
  readonly given: ModelOptions;
  readonly inputShape?: readonly number[] | undefined;
  readonly classes?: number | undefined;
}

/**
 * Holds the network of a module against what was typed; one that was not typed is the module's own affair.
 *
 * @throws ProxbitError "graph" that names what the module has in place of it.
 */
export async function checkModule(
  name: string,
  make: (options: ModelOptions) => Promise<Graph>,
  graph: Graph,
  { typed, given, inputShape, classes }: ModuleChoices,
): Promise<void> {
  if (!isFile(name)) return;
  const { task, quantizer: weights, activationQuantizer: activations, accumulator } = typed;
  const { weightQuantizer, activationQuantizer, accumulator: overflow } = given as TaskQuantizers;
  checkObeys(name, graph, {
    ...(weights === undefined && task === undefined ? {} : { weightQuantizer }),
    ...(activations === undefined && task === undefined ? {} : { activationQuantizer }),
    ...(accumulator === undefined && task === undefined ? {} : { accumulator: overflow }),
  });
  await checkLayers(name, make, given);
  const own = inputShapeOf(graph);
  if (inputShape !== undefined && own.join() !== inputShape.join()) {
    const message = `${name} takes images of ${own.join("x")} where --input-shape is ${inputShape.join("x")}`;
    const remedy = "Leave --input-shape out, or export a function that builds its network with the given inputShape.";
    throw new ProxbitError("graph", message, remedy);
  }
  const outputs = shapesOf(graph).get(graph.output)?.at(-1);
  if (classes !== undefined && outputs !== classes) {
    const message = `${name} has ${outputs} classes where --classes is ${classes}`;
    const remedy = "Leave --classes out, or export a function that builds its network with the given classes.";
    throw new ProxbitError("graph", message, remedy);
  }
}
