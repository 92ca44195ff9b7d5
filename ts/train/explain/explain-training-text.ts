/** What `explain` and `profile` of a trainer say, as tables and remarks in plain text. */
import { reading } from "../../base/checks.ts";
import { formatObstacles, type LayerPart, type Obstacle, type Work } from "../../obstacles.ts";
import { bytes, type Column, formatTable, scaled, share } from "../../show/table.ts";
import type { TrainedLayer, TrainingExplanation } from "./explain-training.ts";
import { type StepShares, sumOfShares, type TrainingProfile } from "./profile-training.ts";

const explanationColumns: readonly Column[] = [
  { title: "layer" },
  { title: "output" },
  { title: "bits", align: "right" },
  { title: "forward" },
  { title: "filter grad" },
  { title: "input grad" },
  { title: "mul-adds", align: "right" },
  { title: "weights", align: "right" },
  { title: "values", align: "right" },
];

const partCells = ({ part, product, kernel }: LayerPart): readonly string[] => [
  ...[`  ${part}`, "", "", product ?? kernel, "", "", "", "", ""],
];

const cell = (work: Work | null): string => (work === null ? "" : `${work.product} ${work.tile}`);

/** An explanation as a table, and what keeps layers from the fast path under it. */
export const formatTrainingExplanation = (explanation: TrainingExplanation): string =>
  reading("formatTrainingExplanation", "the result of trainer.explain()", () => textTrainingExplanationOf(explanation));

function textTrainingExplanationOf(explanation: TrainingExplanation): string {
  const { layers, obstacles, variant, workers, batchSize, progress, memory } = explanation;
  const rows = layers.flatMap((layer) => [
    [
      layer.node,
      layer.outputShape.join("x"),
      layer.forward === null ? "" : `${layer.weightBits}x${layer.activationBits}`,
      cell(layer.forward),
      layer.search === null ? cell(layer.filterGradient) : "search",
      cell(layer.inputGradient),
      layer.multiplyAccumulates === 0 ? "" : scaled(layer.multiplyAccumulates),
      layer.weightBytes === 0 ? "" : bytes(layer.weightBytes),
      layer.valueBytes === 0 ? "" : bytes(layer.valueBytes),
    ],
    ...layer.parts.map(partCells),
  ]);
  const total = (measure: (layer: TrainedLayer) => number): number => layers.reduce((sum, l) => sum + measure(l), 0);
  const totals = ["total", "", "", "", "", ""];
  totals.push(scaled(total((layer) => layer.multiplyAccumulates)));
  totals.push(bytes(total((layer) => layer.weightBytes)));
  totals.push(bytes(total((layer) => layer.valueBytes)));
  const machine = `core ${variant}, ${workers} worker${workers === 1 ? "" : "s"}`;
  return [
    `a step of ${batchSize} images at ${share(progress)} of the run, ${machine}`,
    "bits: weight x input; mul-adds of one product for one image; values of the whole batch",
    formatTable(explanationColumns, rows, totals),
    `memory: ${bytes(memory.stepBytes)} for the step, ${bytes(memory.stateBytes)} for weights and optimizer; ` +
      `what must be kept is ${bytes(memory.lowerBound)}`,
    ...remarks(layers, obstacles),
  ].join("\n");
}

function remarks(layers: readonly TrainedLayer[], machine: readonly Obstacle[]): readonly string[] {
  const lines = formatObstacles(layers, machine);
  return lines.length === 0 ? [] : ["", "not on the fast path:", ...lines];
}

const profileColumns: readonly Column[] = [
  { title: "layer" },
  { title: "forward", align: "right" },
  { title: "filter grad", align: "right" },
  { title: "input grad", align: "right" },
  { title: "lanes", align: "right" },
  { title: "update", align: "right" },
  { title: "total", align: "right" },
];

/** Measured times as a table of shares. */
export const formatTrainingProfile = (profile: TrainingProfile): string =>
  reading("formatTrainingProfile", "the result of trainer.profile()", () => textTrainingProfileOf(profile));

function textTrainingProfileOf(profile: TrainingProfile): string {
  const { batchSize, steps, workers, progress, millisecondsPerStep, shares } = profile;
  const blank = (part: number): string => (part === 0 ? "" : share(part));
  const partsOf = (all: StepShares): readonly number[] => [
    all.forward,
    all.filterGradient,
    all.inputGradient,
    all.lanes,
    all.update,
    sumOfShares(all),
  ];
  const rows = profile.layers.map((layer) => [layer.node, ...partsOf(layer).map(blank)]);
  const speed = `${millisecondsPerStep.toPrecision(3)} ms a step, ${scaled((1000 * batchSize) / millisecondsPerStep)} images/s`;
  return [
    `${steps} steps of ${batchSize} images at ${share(progress)} of the run: ${speed}`,
    "lanes: adding up the lanes' gradients; shares of the time of all workers",
    formatTable(profileColumns, rows, ["total", ...partsOf(shares).map(share)]),
    `and waiting for other workers ${share(shares.waiting)}, between calls ${share(shares.rest)}; workers: ${workers}`,
  ].join("\n");
}
