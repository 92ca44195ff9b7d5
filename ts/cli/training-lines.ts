/** The lines about a training run that people read at its end. */
import type { Graph } from "../nn/graph.ts";
import { quantizedOperands } from "../nn/operands.ts";
import type { FlipRatio } from "../train/plan/flips.ts";
import { percent, sizes } from "./format.ts";
import { methodsText } from "./methods.ts";
import type { SoftScore, TrainingResult, TrainingRun } from "./training.ts";

/** The ends of quantizers in words. */
function endsOf(graph: Graph, isWeight: boolean): string {
  const quantized = graph.nodes.flatMap(quantizedOperands).filter(({ operand }) => (operand === "weight") === isWeight);
  const ends = new Set(quantized.map(({ quantizer }) => quantizer.hard));
  if (ends.size === 0) return "in float";
  if (!ends.has("levels")) return "hard-signed";
  return ends.has("sign") ? "hard-signed or at their levels" : "at their levels";
}

/** The network to evaluate in place of the trained one. */
function evaluated(graph: Graph): string {
  const [weights, activations] = [endsOf(graph, true), endsOf(graph, false)];
  if (weights !== activations) return `weights ${weights}, activations ${activations}`;
  return weights === "in float" ? "the network in float" : `weights and activations ${weights}`;
}

/** "5 of 8 epochs" where fewer were made, and the one whose weights the file has. */
function epochsText(planned: number, { epochs, keptEpoch }: TrainingResult): string {
  const made = epochs === planned ? `${planned}` : `${epochs} of ${planned}`;
  return `${made} epoch${planned === 1 ? "" : "s"}${keptEpoch === undefined ? "" : `, of which epoch ${keptEpoch} is kept,`}`;
}

/** The lines about a run that people read at its end. */
export function trainingLines(run: TrainingRun, result: TrainingResult): readonly (readonly [string, string])[] {
  const { evaluation, soft, flipRatio, seconds, workers, packedBytes, floatBytes } = result;
  const network = evaluated(run.graph);
  const threads = `${workers} worker${workers === 1 ? "" : "s"}`;
  return [
    ...(run.methods === undefined ? [] : [["methods", methodsText(run.methods)] as const]),
    ["trained", `${epochsText(run.epochs, result)} in ${seconds.toFixed(1)} s with ${threads}`],
    ...Object.entries(evaluation.metrics ?? {}).map(([name, value]) => [`test ${name}`, value.toFixed(4)] as const),
    ["test accuracy", `${percent(evaluation.accuracy)} of ${evaluation.images} images, ${network}`],
    ...softLines(soft, result.epochs),
    ...flipLines(flipRatio),
    ["model file", `${run.file}: ${sizes(packedBytes, floatBytes)}`],
  ];
}

function softLines(soft: SoftScore | null, epochs: number): readonly (readonly [string, string])[] {
  if (soft === null) return [];
  const { epoch, softAccuracy, hardAccuracy } = soft;
  const when = epoch === epochs ? "" : `after epoch ${epoch}, the last in which a quantizer was soft; `;
  return [
    [
      "soft accuracy",
      `${percent(softAccuracy)} (${when}hard-signed then ${percent(hardAccuracy)}); not what is packed`,
    ],
  ];
}

/** Shares of flips are small: four digits of them. */
const flips = (share: number): string => `${(100 * share).toFixed(4)} %`;

function flipLines(ratio: FlipRatio | null): readonly (readonly [string, string])[] {
  if (ratio === null) return [];
  const layers = Object.entries(ratio.layers).map(([name, share]) => `${name} ${flips(share)}`);
  return [["flips a step", `${flips(ratio.total)} of the binary weights in the last epoch: ${layers.join(", ")}`]];
}
