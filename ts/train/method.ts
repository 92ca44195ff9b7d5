/**
 * A method of training, which is more than a quantizer: a map over the graph, terms of the loss, settings of the optimizer,
 * work between epochs. The trainer takes the value and knows none by name; those of the literature stand in `ts/methods`.
 */
import { isList, listOf, plainObject, reading, reject, type Subject, safeName } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Dataset, Examples } from "../data/dataset.ts";
import { isRecord } from "../io/json.ts";
import type { Graph } from "../nn/graph.ts";
import { validateGraph } from "../nn/validate.ts";
import { type Objective, termsOf } from "./losses/index.ts";
import type { LossTerm } from "./losses/term.ts";
import { checkOptimizer, type Optimizer } from "./optimizers/optimizers.ts";
import type { EpochTask } from "./run/epoch-task.ts";

export interface Method {
  /** Letters, digits and `_ . + -`; each method of a run has another. */
  readonly name: string;
  /** The numbers and words that the method was made with. A run that goes on from a checkpoint is held against them. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** Names of methods that it does not go together with, each with the reason: a sentence without its full stop. */
  readonly excludes?: Readonly<Record<string, string>> | undefined;
  /** The network that is trained in place of `graph`: with other quantizers, or with outputs for a term. */
  readonly graph?: ((graph: Graph) => Graph) | undefined;
  /** The network that files hold, where the one that is trained has layers for training alone. It is made of nodes of `graph`. */
  readonly packed?: ((graph: Graph) => Graph) | undefined;
  /** The optimizer in place of `optimizer`: one without decay on binary weights, say. */
  readonly optimizer?: ((optimizer: Optimizer, graph: Graph) => Optimizer) | undefined;
  /** The terms of the loss in place of `objective`; most methods add some behind it. */
  readonly objective?: ((objective: Objective, graph: Graph) => readonly LossTerm[]) | undefined;
  /** The method's part in a call of `fit`, made anew for each, so that its state belongs to the run. */
  readonly fit?: ((call: MethodCall) => MethodWork) | undefined;
}

/** A call of `fit`, as a method sees it. */
export interface MethodCall {
  readonly graph: Graph;
  /** The epochs that the call asks for. */
  readonly epochs: number;
  readonly data: Dataset<Examples>;
}

/** The part that a method has in a call of `fit`. */
export interface MethodWork {
  /** Data in place of the caller's, with the same inputs: with targets of the method's own, say. */
  readonly data?: Dataset<Examples> | undefined;
  /** Work between epochs, before the caller's own; `save` and `restore` keep its state in checkpoints. */
  readonly tasks?: readonly EpochTask[] | undefined;
}

/** A method by its name and the options that a checkpoint kept of it. */
export type MethodByName = (name: string, options: Readonly<Record<string, unknown>>) => Method;

/** A method as the facts of a run name it. */
export interface MethodFact {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

const keys = ["name", "options", "excludes", "graph", "packed", "optimizer", "objective", "fit"] as const;
const functions = ["graph", "packed", "optimizer", "objective", "fit"] as const;
const MOST = 64;

/**
 * The methods of an option, none where it is absent.
 *
 * @throws ProxbitError of `subject`'s code for anything else, `argument` for two that do not go together.
 */
export function checkMethods(value: unknown, subject: Subject): readonly Method[] {
  if (value === undefined) return [];
  if (!isList(value)) reject(subject, "methods", "a list of methods, such as [methods.twoStep()]", value);
  const found = listOf(value, 0, MOST, "methods", subject).map((given) => {
    const own: Subject = { code: subject.code, what: `${subject.what}: a method` };
    const method = plainObject(given, keys, own);
    safeName(method.name, "name", own);
    for (const key of functions) {
      if (method[key] !== undefined && typeof method[key] !== "function") reject(own, key, "a function", method[key]);
    }
    for (const key of ["options", "excludes"]) {
      if (method[key] !== undefined && (typeof method[key] !== "object" || method[key] === null)) {
        reject(own, key, "an object", method[key]);
      }
    }
    const isHeld = reading(`${own.what}: options`, "values that JSON can hold", () => isJson(method.options ?? {}));
    if (!isHeld) reject(own, "options", "values that JSON can hold", method.options);
    if (
      !Object.values(method.excludes ?? {}).every((reason) => typeof reason === "string") ||
      isList(method.excludes)
    ) {
      reject(
        own,
        "excludes",
        'reasons by the names of methods, such as { siman: "both move the weights" }',
        method.excludes,
      );
    }
    return { ...method, ...bound(method, given) } as unknown as Method;
  });
  refuseTogether(found);
  return found;
}

/** The hooks of a method as functions that need no `this`. */
const bound = (method: Readonly<Record<string, unknown>>, self: unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    functions.flatMap((key) => {
      const hook = method[key];
      return typeof hook === "function" ? [[key, hook.bind(self)]] : [];
    }),
  );

/** True for what comes back from JSON as it was. What is undefined counts as absent. */
function isJson(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (value === null || value === undefined || typeof value === "string" || typeof value === "boolean") return true;
  if (isList(value)) return value.every(isJson);
  // By its tag, because an object of another realm is one too, and a Map is none.
  return Object.prototype.toString.call(value) === "[object Object]" && Object.values(value as object).every(isJson);
}

/** @throws ProxbitError "argument" for a method that stands twice, and for two of which one excludes the other. */
function refuseTogether(methods: readonly Method[]): void {
  for (const [i, { name, excludes = {} }] of methods.entries()) {
    if (methods.findIndex((other) => other.name === name) < i) {
      throw new ProxbitError("argument", `the method "${name}" is given twice`, "Give it once, with all its options.");
    }
    const other = methods.find((one) => Object.hasOwn(excludes, one.name));
    if (other === undefined) continue;
    throw new ProxbitError(
      "argument",
      `the methods "${name}" and "${other.name}" do not go together: ${excludes[other.name]}`,
      `Leave "${name}" or "${other.name}" out.`,
    );
  }
}

/** The parts of a training that methods change. */
export interface Changed {
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  readonly objective: Objective;
}

/**
 * The training that `methods` make of another, one after the other: first the network, then what belongs to it. What they have
 * `made` before is taken as it is, because a second time would be another change.
 *
 * @throws ProxbitError what a method refuses of this network or optimizer; `graph` for a map that made no network.
 */
export function applyMethods(
  methods: readonly Method[],
  { optimizer, objective, ...given }: Changed,
  made: Partial<Pick<Changed, "graph" | "optimizer">> = {},
): Changed {
  const graph =
    made.graph ??
    methods.reduce((before, { name, graph: map }) => {
      return map === undefined ? before : validateGraph(objectOf(map(before), name, "graph", "a network"));
    }, given.graph);
  return {
    graph,
    optimizer:
      made.optimizer ??
      methods.reduce((before, { name, optimizer: map }) => {
        const own = map === undefined ? before : objectOf(map(before, graph), name, "optimizer", "an optimizer");
        return map === undefined ? before : checkOptimizer(own);
      }, optimizer),
    objective: methods.reduce<Objective>((before, { name, objective: map }) => {
      return map === undefined ? before : termsOf(map(before, graph), hookOf(name, "objective"));
    }, objective),
  };
}

const hookOf = (name: string, hook: string): Subject => ({
  code: "argument",
  what: `the method "${name}": what its ${hook} gives`,
});

/** The value that a hook gave, which must be an object of some kind. @throws ProxbitError "argument" that names the method */
function objectOf<Given>(value: Given, name: string, hook: string, wanted: string): Given {
  if (!isRecord(value)) reject(hookOf(name, hook), hook, wanted, value);
  return value;
}

/** The network that files hold, out of the one that `methods` train. */
export const packedGraph = (methods: readonly Method[], graph: Graph): Graph =>
  methods.reduceRight((made, { packed }) => (packed === undefined ? made : validateGraph(packed(made))), graph);

/** The data and the tasks of a call of `fit` with `methods`. */
export function workOf(
  methods: readonly Method[],
  call: MethodCall,
): { readonly data: Dataset<Examples>; readonly tasks: readonly EpochTask[] } {
  let { data } = call;
  const tasks: EpochTask[] = [];
  for (const method of methods) {
    const seen = { ...call, data };
    const what = `the method "${method.name}"`;
    const made: unknown = reading(what, "a data set that it can work on", () => method.fit?.(seen) ?? {});
    const own: Subject = { code: "argument", what: `${what}: what its fit gives` };
    if (typeof (made as { readonly then?: unknown }).then === "function") throw notAtOnce(method.name);
    const work = plainObject(made, ["data", "tasks"], own) as MethodWork;
    data = work.data ?? data;
    tasks.push(...(listOf(work.tasks ?? [], 0, MOST, "tasks", own) as readonly EpochTask[]));
  }
  return { data, tasks };
}

const notAtOnce = (name: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${name}" gives a promise from fit, which must answer at once`,
    "Let slow work be a task between epochs, or do it before the method is made.",
  );

/** The names and options that a checkpoint keeps. */
export const factsOfMethods = (methods: readonly Method[]): readonly MethodFact[] =>
  methods.map(({ name, options = {} }) => ({ name, options }));
