/** The options of `proxbit compare`, read: lists of names and seeds, and the networks that they name. */

import { ProxbitError } from "../base/errors.ts";
import { unknownName } from "../base/names.ts";
import { type Cell, cellName, type Details, FLOAT, sha256 } from "../compare/grid.ts";
import type { Dataset } from "../data/dataset.ts";
import { canonicalJson } from "../io/json.ts";
import { freeze } from "../nn/freeze.ts";
import type { Graph } from "../nn/graph.ts";
import type { ModelOptions } from "../nn/models/index.ts";
import { type Task, type TaskOptions, taskNames, taskQuantizers } from "../nn/models/tasks.ts";
import { inputShapeOf } from "../nn/network.ts";
import { quantizerNames } from "../quantizers/registry.ts";
import { quantizerEntries } from "../quantizers/text.ts";
import { checkImageShape } from "./data.ts";
import { quantizersOf } from "./model-file.ts";
import { isModule, networkMaker } from "./network.ts";
import { checkLayers, checkObeys } from "./obeys.ts";
import { checkQuantizerText, wholeNumber } from "./options.ts";

const LARGEST_SEED = 2 ** 32 - 1;
const MOST_SEEDS = 1000;

/** Names of a list with commas between, none of them twice. */
function listOf(
  option: string,
  text: string,
  names: readonly string[] = text.split(",").map((name) => name.trim()),
): readonly string[] {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (names.includes("") || twice !== undefined) {
    const what =
      twice === undefined || twice === "" ? `${option} has an empty place` : `${option} names ${twice} twice`;
    throw new ProxbitError("argument", `command line: ${what}`, "Give a list with commas between, each name once.");
  }
  return names;
}

/**
 * A parser for commander: "fp,bc,bnn++:beta=5,hardenAt=0.5".
 *
 * @throws ProxbitError "unknown-name" with the nearest name, "argument" for options that a quantizer does not have
 */
export function quantizerList(text: string): readonly string[] {
  const known = [...new Set([FLOAT, ...quantizerNames])];
  const names = listOf("--quantizers", text, quantizerEntries(text));
  for (const name of names) if (name !== FLOAT) checkQuantizerText(name, known);
  return names;
}

/** A parser for commander: "bw,bwa", in either case. @throws ProxbitError "unknown-name" with the nearest name. */
export function taskList(text: string): readonly Task[] {
  return listOf("--tasks", text.toLowerCase()).map((name) => {
    const task = taskNames.find((known) => known === name);
    if (task === undefined) throw unknownName("task", name, taskNames);
    return task;
  });
}

/** A parser for commander: "3" for the seeds 1, 2 and 3, "4,7" for those. */
export function seedList(text: string): readonly number[] {
  if (/^\s*\d+\s*$/.test(text)) {
    return Array.from({ length: wholeNumber("--seeds", 1, MOST_SEEDS)(text) }, (_, index) => index + 1);
  }
  const seeds = listOf("--seeds", text).map(wholeNumber("--seeds", 0, LARGEST_SEED));
  // Two texts may be one number.
  listOf("--seeds", text, seeds.map(String));
  return seeds;
}

/** Choices that all networks of a grid share, beside model and data. */
export interface NetworkChoices extends Pick<ModelOptions, "binaryStem" | "binaryHead" | "reactnet"> {
  readonly activationQuantizer?: string | undefined;
  readonly accumulator?: TaskOptions["overflow"];
  /** Layers whose parameters stay. */
  readonly freeze?: readonly string[] | undefined;
}

export interface Networks {
  readonly graphOf: (cell: Cell) => Graph;
  readonly detailsOf: (cell: Cell) => Details;
}

/**
 * The network of every cell, built and checked before anything is trained. It throws the errors of `networkMaker`.
 *
 * @throws ProxbitError "graph" where a module ignores the quantizers.
 */
export async function networksOf(
  model: string,
  cells: readonly Cell[],
  data: Dataset,
  choices: NetworkChoices = {},
): Promise<Networks> {
  const { activationQuantizer, accumulator: overflow, freeze: frozen } = choices;
  const given = { activationQuantizer, ...(overflow === undefined ? {} : { overflow }) };
  const layers = definedOf(choices, ["binaryStem", "binaryHead", "reactnet"]);
  checkOverflow(choices, cells);
  checkActivations(choices, cells);
  const make = await networkMaker(model);
  const graphs = new Map<string, Graph>();
  const details = new Map<string, Details>();
  for (const cell of cells) {
    const isFloat = cell.task === null;
    const operands = taskQuantizers(cell.task ?? "bw", isFloat ? null : cell.quantizer, isFloat ? {} : given);
    const images = { inputShape: data.train.shape, classes: data.classes.length };
    const made = await make({ ...images, ...operands, ...layers });
    const graph = frozen === undefined ? made : freeze(made, frozen);
    checkImageShape(inputShapeOf(graph), data.train, data.name);
    checkObeys(`${model} for ${cellName(cell)}`, graph, operands);
    await checkLayers(model, make, { ...images, ...operands, ...layers });
    const found = quantizersOf(graph);
    const mixed =
      found.weightQuantizer !== "none" && ![found.weightQuantizer, "none"].includes(found.activationQuantizer);
    graphs.set(cellName(cell), graph);
    details.set(cellName(cell), {
      ...(mixed ? { activationQuantizer: found.activationQuantizer } : {}),
      ...(isModule(model) ? { graph: sha256(canonicalJson(graph)) } : {}),
    });
  }
  const graphOf = (cell: Cell): Graph => {
    const graph = graphs.get(cellName(cell));
    if (graph === undefined) throw new Error(`${cellName(cell)} is not in the grid`);
    return graph;
  };
  return { graphOf, detailsOf: (cell) => details.get(cellName(cell)) ?? {} };
}

/**
 * @throws ProxbitError "argument" where the cells' own quantizers are those of activations, so that one for all would train one
 *   network under many names; and where no cell quantizes activations.
 */
function checkActivations({ activationQuantizer }: NetworkChoices, cells: readonly Cell[]): void {
  if (activationQuantizer === undefined) return;
  if (cells.some(({ task }) => task === "ba")) {
    throw new ProxbitError(
      "argument",
      "--activation-quantizer stands beside the weights' quantizer, and task ba has none: --quantizers are the activations' there",
      "Leave it out, or leave ba out of --tasks.",
    );
  }
  if (cells.some(({ task }) => task === "bwa" || task === "bwaa")) return;
  throw new ProxbitError(
    "argument",
    "--activation-quantizer is for activations, which stay real in all tasks that are compared",
    "Leave it out, or give --tasks bwa.",
  );
}

/** The values of `choices` under `keys` that are given. */
function definedOf<T extends object, Key extends keyof T>(choices: T, keys: readonly Key[]): Partial<Pick<T, Key>> {
  const found = keys.filter((key) => choices[key] !== undefined).map((key) => [key, choices[key]]);
  return Object.fromEntries(found) as Partial<Pick<T, Key>>;
}

/** @throws ProxbitError "argument" where no cell has sums that could overflow. */
function checkOverflow({ accumulator }: NetworkChoices, cells: readonly Cell[]): void {
  if (accumulator === undefined || cells.some(({ task }) => task === "bwaa")) return;
  throw new ProxbitError(
    "argument",
    "--accumulator is for the sums of task bwaa, which is not compared",
    "Leave it out, or give --tasks bwaa.",
  );
}
