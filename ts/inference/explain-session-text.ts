/** What `explain` and `profile` of a session say, as a table and remarks in plain text. */
import { reading } from "../base/checks.ts";
import { formatObstacles, type LayerPart } from "../obstacles.ts";
import { bytes, type Column, formatTable, scaled, share } from "../show/table.ts";
import type { ExplainedLayer, Explanation } from "./explain-session.ts";
import type { InferenceProfile } from "./profile.ts";

const columns: readonly Column[] = [
  { title: "layer" },
  { title: "output" },
  { title: "bits", align: "right" },
  { title: "kernel" },
  { title: "tile" },
  { title: "mul-adds", align: "right" },
  { title: "weights", align: "right" },
  { title: "values", align: "right" },
];
const timeColumn: Column = { title: "time", align: "right" };

/** The explanation as a table in plain text, with each layer's share of the time where a profile is given. */
export const formatExplanation = (explanation: Explanation, profile?: InferenceProfile): string =>
  reading("formatExplanation", "the result of await session.explain()", () => textOf(explanation, profile));

function textOf(explanation: Explanation, profile?: InferenceProfile): string {
  const { layers } = explanation;
  const total = (measure: (layer: ExplainedLayer) => number): number =>
    layers.reduce((sum, layer) => sum + measure(layer), 0);
  const times = new Map(profile?.layers.map((layer) => [layer.node, layer]));
  const timeOf = (part: number): readonly string[] => (profile === undefined ? [] : [part === 0 ? "" : share(part)]);
  const rows = layers.flatMap((layer) => {
    const measured = times.get(layer.node);
    const partTime = (name: string): number => measured?.parts.find(({ parts: [first] }) => first === name)?.share ?? 0;
    return [
      [...cellsOf(layer), ...timeOf(measured?.share ?? 0)],
      ...layer.parts.map((part) => [...partCells(part), ...timeOf(partTime(part.part))]),
    ];
  });
  const totals = [
    ...["total", "", "", "", ""],
    scaled(total((layer) => layer.multiplyAccumulates)),
    bytes(total((layer) => layer.weightBytes)),
    bytes(total((layer) => layer.valueBytes)),
    ...timeOf(1 - (profile?.rest ?? 0)),
  ];
  const obstacles = formatObstacles(layers, explanation.obstacles);
  return [
    "bits: weight x input; fused: done by the kernel of a layer above; mul-adds and values of one image",
    formatTable(profile === undefined ? columns : [...columns, timeColumn], rows, totals),
    ...(profile === undefined ? [] : [profileLine(profile)]),
    coreLine(explanation),
    ...(obstacles.length === 0 ? [] : ["", "not on the fast path:", ...obstacles]),
  ].join("\n");
}

function cellsOf(layer: ExplainedLayer): readonly string[] {
  return [
    layer.node,
    layer.outputShape.join("x"),
    layer.product === null ? "" : `${layer.weightBits}x${layer.activationBits}`,
    layer.kernel ?? (layer.fusedInto === null ? "" : "fused"),
    layer.tile ?? "",
    layer.multiplyAccumulates === 0 ? "" : scaled(layer.multiplyAccumulates),
    layer.weightBytes === 0 ? "" : bytes(layer.weightBytes),
    layer.valueBytes === 0 ? "" : bytes(layer.valueBytes),
  ];
}

const partCells = ({ part, product, kernel }: LayerPart): readonly string[] => [
  ...[`  ${part}`, "", product ?? "", kernel, "", "", "", ""],
];

const profileLine = ({ runs, images, milliseconds, rest }: InferenceProfile): string =>
  `measured: ${milliseconds.toPrecision(3)} ms for ${images} image${images === 1 ? "" : "s"}, fastest of ${runs} runs; ` +
  `between layers ${share(rest)}`;

function coreLine({ variant, kernel, chosenBy, probeMicroseconds, memoryBytes }: Explanation): string {
  const times = Object.entries(probeMicroseconds ?? {}).map(([name, time]) => `${name} ${time.toFixed(0)}`);
  const probe = times.length === 0 ? "" : `: ${times.join(", ")} us`;
  return `core ${variant}; binary kernel ${kernel} (chosen by ${chosenBy}${probe}); memory ${bytes(memoryBytes)}`;
}
