/**
 * Quantizers of levels may make every weight of a layer 0, whatever the layer reads. Those of activations do, where the weights
 * are small: their levels are 0 and more, and half of the first step above 0 rounds to 0. Nothing passes such a layer, forward
 * or backward. So a network of such layers alone is refused before it trains, and one with any such layer where it is packed.
 */
import { ProxbitError } from "../../base/errors.ts";
import type { Graph, Parameter } from "../../nn/graph.ts";
import { initialValues } from "../../nn/initializers.ts";
import { networkOf, parameterName } from "../../nn/network.ts";
import { learnedKey } from "../../nn/ops/quantizer-parameters.ts";
import { quantizedValue } from "../../quantizers/maps.ts";
import { learnedNumbers } from "../../quantizers/operand-kinds.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { evaluateSchedule } from "../../quantizers/schedule.ts";
import type { Engine } from "./engine.ts";
import { readWeights } from "./trained-weights.ts";

/** A kernel under a quantizer that can make 0 of weights which are none. */
interface Kernel {
  readonly parameter: Parameter;
  readonly quantizer: Quantizer;
}

/** The kernels of `graph` that may fall silent. Standardised weights reach the highest level by definition. */
function kernelsOf(graph: Graph): readonly Kernel[] {
  const { parameters, quantizers } = networkOf(graph);
  return parameters.flatMap((parameter) => {
    const quantizer = quantizers.get(parameter.name);
    const isAtRisk =
      quantizer?.hard === "levels" && quantizer.standardize === "none" && quantizer.forward !== "identity";
    return isAtRisk ? [{ parameter, quantizer }] : [];
  });
}

type ValuesOf = (parameter: Pick<Parameter, "name">) => Float32Array;

/** True where `quantizer` makes all of its weights 0 at `progress`, and they are not 0 themselves. */
function isSilent({ parameter, quantizer }: Kernel, valuesOf: ValuesOf, progress: number): boolean {
  const weights = valuesOf(parameter);
  const learned = learnedNumbers(quantizer).map(({ name }) => {
    const own = parameterName({ name: parameter.node }, learnedKey("weightQuantizer", name));
    return valuesOf({ name: own })[0] as number;
  });
  const parameters =
    learned.length > 0 ? learned : quantizer.parameters.map((schedule) => evaluateSchedule(schedule, progress));
  const maps = { ...quantizer, parameters };
  return weights.some((weight) => weight !== 0) && weights.every((weight) => quantizedValue(maps, weight) === 0);
}

function refusal({ parameter, quantizer }: Kernel, isEvery: boolean): ProxbitError {
  const where = isEvery ? "every layer that it quantizes" : `layer "${parameter.node}"`;
  const [, bits = "2"] = /^dorefa-activations(?:-(\d))?$/.exec(quantizer.name) ?? [];
  return new ProxbitError(
    "argument",
    `the weight quantizer "${quantizer.name}" makes all weights of ${where} 0, so nothing passes`,
    `Take a weightQuantizer (--quantizer) that is for weights, such as "dorefa-weights-${bits}" or "bnn", or larger weights.`,
  );
}

/** Throws "argument" where every weight that is quantized to levels becomes 0 before the first step. */
function refuseSilent(kernels: readonly Kernel[], valuesOf: ValuesOf): void {
  const [first] = kernels;
  if (first === undefined) return;
  if (kernels.every((kernel) => isSilent(kernel, valuesOf, 0))) throw refusal(first, true);
}

/**
 * Refuses a network whose quantized weights all become 0 as `seed` initialises them, before there is a trainer.
 *
 * @throws ProxbitError "argument"
 */
export function refuseSilentStart(graph: Graph, seed: number): void {
  const parameters = new Map(networkOf(graph).parameters.map((parameter) => [parameter.name, parameter]));
  refuseSilent(kernelsOf(graph), ({ name }) => initialValues(parameters.get(name) as Parameter, seed));
}

/** True where some quantizer could make 0 of weights. */
export const mayFallSilent = ({ graph }: Engine): boolean => kernelsOf(graph).length > 0;

/** Refuses to train a network whose quantized weights are all 0 as they stand. @throws ProxbitError "argument" */
export async function refuseSilentTraining(engine: Engine): Promise<void> {
  const kernels = kernelsOf(engine.graph);
  const weights = await engine.alone(() => readWeights(engine));
  refuseSilent(kernels, ({ name }) => weights.get(name) as Float32Array);
}

/** Refuses to pack a network of which some layer has only zeros for weights. @throws ProxbitError "argument" */
export async function refuseSilentFile(engine: Engine): Promise<void> {
  const kernels = kernelsOf(engine.graph);
  if (kernels.length === 0) return;
  const weights = await engine.alone(() => readWeights(engine));
  const valuesOf: ValuesOf = ({ name }) => weights.get(name) as Float32Array;
  const silent = kernels.find((kernel) => isSilent(kernel, valuesOf, 1));
  if (silent !== undefined) throw refusal(silent, false);
}
