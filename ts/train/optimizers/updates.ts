/** The side of a parameter's optimizer that the core sees, and the check that an optimizer suits a network. */
import { ProxbitError } from "../../base/errors.ts";
import type { Graph, Parameter } from "../../nn/graph.ts";
import { networkOf } from "../../nn/network.ts";
import { isTrained } from "../../nn/parameters.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { means } from "./checks.ts";
import {
  isBop,
  isReal,
  type Optimizer,
  optimizerFor,
  optimizerName,
  type ParameterOptimizer,
  partFor,
  rules,
} from "./optimizers.ts";
import type { Rule, UpdateMoment } from "./rule.ts";

/** The kernel, the tensors and the numbers of an optimizer. */
export const updateOf = ({ kind }: ParameterOptimizer): Rule<ParameterOptimizer> => rules[kind];

const noDraw: UpdateMoment["draw"] = { parameter: "", seed: 0, number: 0 };

/** The numbers of one update, as the core's kernel reads them; see `UpdateMoment`. Bop's weights need no `clip`. */
export const hyperOf = (
  optimizer: ParameterOptimizer,
  progress: number,
  update: number,
  clip: number,
  draw = noDraw,
): readonly number[] => updateOf(optimizer).numbers(optimizer, { progress, update, clip, draw });

/**
 * That `optimizer` has a rule for every trained parameter of `graph`.
 *
 * @throws ProxbitError `argument` for a Bop that is to train real parameters, or binary weights whose quantizer is made for
 * latent ones. `unknown-name` for a word of `noDecay` that means no parameter.
 */
export function checkFits(graph: Graph, optimizer: Optimizer): void {
  const { parameters, quantizers } = networkOf(graph);
  if (parameters.some(({ frozen }) => frozen) && !parameters.some(isTrained)) throw nothingTrained(graph);
  checkNames(optimizer, parameters);
  for (const parameter of parameters) {
    const own = optimizerFor(optimizer, parameter);
    if (!isTrained(parameter) || isReal(own)) continue;
    if (parameter.role !== "latent") throw needsCase(parameter, own);
    const quantizer = quantizers.get(parameter.name);
    if (!isBop(own)) {
      checkSearch(graph, parameter);
      continue;
    }
    if (quantizer !== undefined && !keepsSigns(quantizer)) throw needsPlainSign(parameter, own, quantizer);
  }
}

const nothingTrained = ({ name }: Graph): ProxbitError =>
  new ProxbitError(
    "argument",
    `every layer of "${name}" that has parameters is frozen, so there is nothing to train`,
    "Leave trainable: false out of some layer.",
  );

/** Every word of `noDecay` means a parameter that a part with that word trains. */
function checkNames(optimizer: Optimizer, parameters: readonly Parameter[]): void {
  const parts = optimizer.kind === "case" ? (["binary", "rest"] as const) : (["rest"] as const);
  const all = parameters.filter(isTrained);
  const named = (entry: string, own: readonly Parameter[]): boolean => own.some(({ name }) => means(entry, name));
  const having = (entry: string): readonly Parameter[] =>
    all.filter((parameter) => wordsOf(optimizer, partFor(optimizer, parameter)).includes(entry));
  for (const part of parts) {
    const own = all.filter((parameter) => partFor(optimizer, parameter) === part);
    const stray = wordsOf(optimizer, part).find((entry) => !named(entry, having(entry)));
    if (stray === undefined) continue;
    const known = (named(stray, all) ? own : all).map(({ name }) => name).join(", ") || "none";
    throw named(stray, all) ? ofOtherPart(stray, part, known) : unknownWord(stray, optimizer, part, known);
  }
}

const partOf = (optimizer: Optimizer, part: "binary" | "rest"): ParameterOptimizer =>
  optimizer.kind === "case" ? optimizer[part] : optimizer;

function wordsOf(optimizer: Optimizer, part: "binary" | "rest"): readonly string[] {
  const own = partOf(optimizer, part);
  return isReal(own) ? (own.noDecay ?? []) : [];
}

const unknownWord = (word: string, optimizer: Optimizer, part: "binary" | "rest", known: string): ProxbitError =>
  new ProxbitError(
    "unknown-name",
    `noDecay of ${optimizerName(partOf(optimizer, part))} has "${word}", which is no parameter, layer or key of the network`,
    `Its trained parameters are ${known}.`,
  );

const ofOtherPart = (word: string, part: "binary" | "rest", known: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `noDecay of the part "${part}" has "${word}", which the other part trains; this one trains ${known}`,
    `Give it to the noDecay of "${part === "binary" ? "rest" : "binary"}" in caseOptimizer().`,
  );

/** Whether a weight of -1 or +1 passes as it is, and its gradient too: BNN's box holds both ends. */
const keepsSigns = ({ proximal, restart, forward, backward, standardize }: Quantizer): boolean =>
  [proximal, restart].every((map) => map === "identity") &&
  forward === "sign" &&
  (backward === "one" || backward === "box") &&
  standardize === "none";

/** @throws ProxbitError "argument" for weights that no search for signs can be made for. */
function checkSearch(graph: Graph, { node: name, name: parameter }: Parameter): void {
  const { nodes, quantizers } = networkOf(graph);
  const node = nodes.get(name);
  const quantizer = quantizers.get(parameter) as Quantizer;
  const isShared = graph.nodes.some(({ shares }) => shares === name);
  const isPlain = quantizer.forward === "sign" && quantizer.standardize === "none" && quantizer.restart === "identity";
  const reads = node?.op === "dense" && !isShared ? node.attributes.activationQuantizer : null;
  if (isPlain && reads?.forward === "sign") return;
  throw new ProxbitError(
    "argument",
    `qpsbgd searches signs of dense layers with signs as inputs, in one place each, and "${parameter}" is none of these`,
    'Take layers.binaryDense({ units, weightQuantizer: "bnn", activationQuantizer: "bnn" }), or another optimizer.',
  );
}

function needsCase({ name }: Parameter, optimizer: ParameterOptimizer): ProxbitError {
  const kind = optimizerName(optimizer);
  return new ProxbitError(
    "argument",
    `${kind} ${isBop(optimizer) ? "flips" : "is for"} binary weights, and "${name}" is real`,
    `Use caseOptimizer({ binary: optimizers.${kind}(), rest: optimizers.adam() }), on the command line ` +
      `--binary-optimizer ${kind} beside --optimizer.`,
  );
}

function needsPlainSign({ name }: Parameter, optimizer: ParameterOptimizer, quantizer: Quantizer): ProxbitError {
  return new ProxbitError(
    "argument",
    `${optimizerName(optimizer)} has no latent weights, and the quantizer "${quantizer.name}" of "${name}" is made for them`,
    'Take "bc" (sign forward, the gradient as it is back) as the layer\'s weightQuantizer, or another optimizer.',
  );
}
