/** The card of a trained network: a page beside its file that says what it is, how it was made, and how well it does. */
import { createHash } from "node:crypto";
import { median } from "../../ts/base/quantiles.ts";
import type { Recipe } from "../../ts/cli/recipes.ts";
import { decodeModel } from "../../ts/io/model-file.ts";
import { summary } from "../../ts/nn/summary.ts";
import { circle, colourAt, line, polyline, svg, ticks, words } from "../../ts/show/svg.ts";
import { grouped } from "../../ts/show/table.ts";
import { epochsOf, type Line, type ResultLine, resultOf, type Twin, twins } from "./record.ts";

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/**
 * The minutes of all epochs, those of each number of workers as long as their median one: some were stopped and gone on with, or
 * made beside other work.
 */
function minutesOf(lines: readonly Line[], { network, workers }: ResultLine): string {
  const groups = Map.groupBy(epochsOf(lines, network), (epoch) => epoch.workers ?? workers);
  const parts = [...groups].map(([count, epochs]) => {
    const minutes = (epochs.length * median(epochs.map(({ seconds }) => seconds))) / 60;
    return `${minutes.toFixed(0)} with ${count} ${count === 1 ? "worker" : "workers"}`;
  });
  return parts.join(", ");
}

const titles: Readonly<Record<Twin, string>> = { binary: "binary", float: "float twin" };

/** The row of a twin's run. */
function rowOf(lines: readonly Line[], result: ResultLine): string {
  const { weightQuantizer, activationQuantizer, testAccuracy, epochs, packedBytes } = result;
  const settings = [weightQuantizer, activationQuantizer, percent(testAccuracy), epochs];
  return `| ${[titles[result.network], ...settings, minutesOf(lines, result), grouped(packedBytes)].join(" | ")} |`;
}

const kinds = { bb: "signs by signs", fb: "signs by reals", ff: "reals by reals" } as const;

/** The multiply-adds of an image by the network in a file. */
function workOf(bytes: Uint8Array): string {
  const { multiplyAccumulates } = summary(decodeModel(bytes).graph).totals;
  const parts = (["bb", "fb", "ff"] as const).filter((kind) => multiplyAccumulates[kind] > 0);
  return parts.map((kind) => `${grouped(multiplyAccumulates[kind])} of ${kinds[kind]}`).join(", ");
}

/** The page of `name`, whose packed file has these bytes. */
export function cardOf(
  name: string,
  { about, from, teacher }: Recipe,
  lines: readonly Line[],
  bytes: Uint8Array,
): string {
  const results = twins.flatMap((twin) => resultOf(lines, twin) ?? []);
  const [binary] = results;
  if (binary === undefined) throw new Error(`the record of ${name} has no result`);
  const { model, dataset, batchSize, seed, trainImages, testImages, floatBytes } = binary;
  const float = resultOf(lines, "float");
  const gap = float === undefined ? "" : ` Its float twin has ${percent(float.testAccuracy)} after ${float.epochs}.`;
  const isShort = float !== undefined && float.epochs !== binary.epochs;
  const short = isShort ? ` --epochs ${float.epochs}` : "";
  const start = from === undefined ? "" : ` It starts from [${from}](${from}.md).`;
  const taught = teacher === undefined ? "" : ` [${teacher}](${teacher}.md) teaches it.`;
  const given = Object.entries({ from, teacher }).map(
    ([option, file]) => file && ` --${option} models/${file}.safetensors`,
  );
  const twin = `npx proxbit recipe ${name} --float${short} --out ${name}-float.safetensors\n`;
  const trained = `${grouped(trainImages)} images of ${dataset}, ${batchSize} a step, seed ${seed}`;
  return `# ${name}

${about[0]?.toUpperCase()}${about.slice(1)}.
**${percent(binary.testAccuracy)}** of ${grouped(testImages)} test images after ${binary.epochs} epochs, the last of one run.${start}${taught}${gap}

| | weights | activations | test accuracy | epochs | minutes, by the median epoch | bytes |
| --- | --- | --- | ---: | ---: | ---: | ---: |
${results.map((result) => rowOf(lines, result)).join("\n")}

![Test accuracy after each epoch](${name}.svg)

- Network: \`${model}\`, ${grouped(floatBytes / 4)} numbers. As 32-bit floats they are ${grouped(floatBytes)} bytes.
- Multiply-adds of an image: ${workOf(bytes)}.
- Training: ${trained}. [Every epoch](${name}.jsonl) is kept.
- Digest of the file: sha256 ${createHash("sha256").update(bytes).digest("hex")}

\`\`\`sh
npx proxbit recipe ${name}${given.join("")} --out ${name}.safetensors
${from === undefined ? twin : ""}npx proxbit eval models/${name}.safetensors --data ${dataset}
\`\`\`
`;
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [560, 260, 48, 28, 90, 34] as const;

/** Test accuracies after each epoch of both twins. */
export function pictureOf(name: string, lines: readonly Line[]): string {
  const series = twins.map((twin) => epochsOf(lines, twin)).filter((epochs) => epochs.length > 0);
  const all = series.flat();
  const last = Math.max(...all.map(({ epochs }) => epochs));
  const accuracies = all.map(({ validation }) => 100 * validation.accuracy);
  // What lies below has only the first epochs in it.
  const middle = accuracies.toSorted((a, b) => a - b)[Math.floor(accuracies.length / 4)] ?? 0;
  const [least, most] = [Math.floor(Math.min(middle, Math.max(...accuracies) - 1)), Math.ceil(Math.max(...accuracies))];
  const x = (epoch: number): number => LEFT + (epoch / last) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number =>
    HEIGHT - BOTTOM - ((Math.max(value, least) - least) / (most - least)) * (HEIGHT - TOP - BOTTOM);
  const grid = ticks(least, most, 5).flatMap((value) => [
    line(LEFT, y(value), WIDTH - RIGHT, y(value), "#ddd"),
    words(String(value), LEFT - 6, y(value) + 4, "end"),
  ]);
  const feet = ticks(0, last, 6).map((epoch) => words(String(epoch), x(epoch), HEIGHT - BOTTOM + 16, "middle"));
  const curves = series.flatMap((epochs, i) => {
    const end = epochs.at(-1);
    if (end === undefined) return [];
    const points = epochs.map(({ epoch, validation }) => [x(epoch), y(100 * validation.accuracy)] as const);
    const [right, height] = points.at(-1) ?? [0, 0];
    const label = `${titles[end.network]} ${percent(end.validation.accuracy)}`;
    const place = height + (i === 0 ? 12 : -4);
    return [polyline(points, colourAt(i)), circle(right, height, 2.5, colourAt(i)), words(label, right + 5, place)];
  });
  const axis = words("epochs", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "middle");
  const title = `${name}: test accuracy in percent`;
  return svg(title, WIDTH, HEIGHT, [words(title, LEFT, 16), ...grid, ...feet, axis, ...curves]);
}
