/**
 * `--model NAME[:option=value,...]|FILE.ts`: a ready-made model by name, or a module whose default export is a graph or a function
 * `({ inputShape, classes, weightQuantizer, activationQuantizer, accumulator }) => graph`. Node strips the types of a
 * `.ts` file by itself. Wherever the file lies, `import … from "proxbit"` in it means the proxbit that runs it.
 */
import { existsSync } from "node:fs";
import nodeModule from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe } from "../base/describe.ts";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { unknownName } from "../base/names.ts";
import type { Graph } from "../nn/graph.ts";
import { type ModelOptions, model, modelNames } from "../nn/models/index.ts";
import { validateGraph } from "../nn/validate.ts";
import { readNamed } from "./named.ts";

/** Builds the graph, once the data set has said the shape of its images. */
type NetworkMaker = (options: ModelOptions) => Promise<Graph>;

const EXPORT = "export default ({ inputShape, classes, weightQuantizer, activationQuantizer }) => sequential(…)";

/** A module's network is made for MNIST if it does not say otherwise itself. */
export const MODULE_DEFAULTS: ModelOptions = { inputShape: [28, 28, 1], classes: 10 };

/** A help text's words for the ways to name a network. */
export const networkText =
  `a network (${modelNames.join(", ")}), with options as in vit28:depth=4,matrix=boolean, or a module that exports one, ` +
  "whose code runs";

/** Recognises a `name` that can only be the path of a module. */
export const isModule = (name: string): boolean => /\.[cm]?[jt]s$/.test(name);

/**
 * Tells a network from the path of a model file. A network is a ready-made model's name or a module.
 *
 * @throws ProxbitError "unknown-name" with the nearest name where a name is no model and no file.
 */
export function isNetwork(fileOrModel: string): boolean {
  const [name = ""] = fileOrModel.split(":");
  if (modelNames.includes(name) || isModule(fileOrModel)) return true;
  if (!/[./\\]/.test(fileOrModel) && !existsSync(fileOrModel)) throw unknownName("model", name, modelNames);
  return false;
}

/** Recognises the path of a module, with or without an end that says so. */
export const isFile = (nameOrFile: string): boolean => /[/\\]/.test(nameOrFile) || isModule(nameOrFile);

/** Runs the user's code; an error that is not ours becomes one that names the file. */
async function inFile<T>(file: string, what: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (isProxbitError(cause)) throw cause;
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new ProxbitError("graph", `${file} ${what}: ${message}`, `Correct the module; it should ${EXPORT}.`, {
      cause,
    });
  }
}

/** Runtimes without such hooks, such as Bun, find the proxbit that is installed beside the module. */
function resolveOwnName(): { readonly deregister: () => void } | undefined {
  const own = new URL("../index.ts", import.meta.url).href;
  return nodeModule.registerHooks?.({
    resolve: (specifier, context, next) => next(specifier === "proxbit" ? own : specifier, context),
  });
}

/** Options that other words of the command line give, and these words. */
const given: Readonly<Record<string, string>> = {
  ...{ inputShape: "the data or --input-shape", classes: "the data or --classes" },
  ...{ weightQuantizer: "--quantizer", activationQuantizer: "--activation-quantizer", accumulator: "--accumulator" },
  ...{ binaryStem: "--binary-stem", binaryHead: "--binary-head", reactnet: "--reactnet" },
};

/** @throws ProxbitError "argument" for an option that would be given twice. */
function refuseGiven(own: Readonly<Record<string, unknown>>): void {
  const key = Object.keys(own).find((name) => Object.hasOwn(given, name));
  if (key === undefined) return;
  throw new ProxbitError(
    "argument",
    `--model: ${key} stands apart from the model's name`,
    `It is given by ${given[key]}.`,
  );
}

async function importDefault(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path)) {
    throw new ProxbitError(
      "argument",
      `there is no file ${file}`,
      `Give the path of a module, or one of: ${modelNames.join(", ")}.`,
    );
  }
  const hooks = resolveOwnName();
  try {
    const module: { readonly default?: unknown } = await inFile(
      file,
      "cannot be loaded",
      () => import(pathToFileURL(path).href),
    );
    return module.default;
  } finally {
    hooks?.deregister();
  }
}

/**
 * The maker behind `--model`. A wrong name or a file that does not load is found here, before any data is read. The
 * maker throws the errors of `validateGraph`, and those of a model for an option that it has not.
 *
 * @throws ProxbitError "unknown-name" with the nearest name, "argument" for a missing file and for options that cannot be read.
 * @throws ProxbitError "graph" for a file that does not load or exports something else.
 */
export async function networkMaker(nameOrFile: string): Promise<NetworkMaker> {
  if (!isFile(nameOrFile)) {
    const { name, options: own } = readNamed("--model", nameOrFile);
    if (!modelNames.includes(name)) throw unknownName("model", name, modelNames);
    refuseGiven(own);
    return async (options) => model(name, { ...own, ...options });
  }
  const exported = await importDefault(nameOrFile);
  if (typeof exported === "function") {
    return async (options) => validateGraph(await inFile<unknown>(nameOrFile, "fails", () => exported(options)));
  }
  if (typeof exported === "object" && exported !== null) {
    const graph = validateGraph(exported);
    return async () => graph;
  }
  throw new ProxbitError(
    "graph",
    `${nameOrFile} exports ${describe(exported)} by default, and no network`,
    `It should ${EXPORT}.`,
  );
}
