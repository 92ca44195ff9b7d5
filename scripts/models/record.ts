/**
 * The record of a recipe's runs: a file of JSON lines that stands beside the packed file and is kept. It has a line for each epoch
 * of the binary network and of its float twin, and one for the end of each.
 */
import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../../ts/io/write.ts";

export const twins = ["binary", "float"] as const;
export type Twin = (typeof twins)[number];

interface EpochLine {
  readonly network: Twin;
  readonly type: "epoch";
  readonly epoch: number;
  readonly epochs: number;
  readonly loss: number;
  readonly seconds: number;
  /** The threads that made it; absent in older records, whose runs had those of their result throughout. */
  readonly workers?: number;
  readonly validation: { readonly loss: number; readonly accuracy: number };
}

export interface ResultLine {
  readonly network: Twin;
  readonly type: "result";
  readonly dataset: string;
  readonly model: string;
  readonly weightQuantizer: string;
  readonly activationQuantizer: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly workers: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly testAccuracy: number;
  readonly packedBytes: number;
  readonly floatBytes: number;
}

export type Line = EpochLine | ResultLine;

/** The lines of a record; none where there is no file. */
export async function readRecord(file: string): Promise<readonly Line[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

export const writeRecord = (file: string, lines: readonly Line[]): Promise<void> =>
  writeFileAtomic(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));

/**
 * `text`, a line of a command with `workers` that prints JSON, as a line of the record; null for what a record does not keep. The
 * place of the file is that of one machine, and left out.
 */
export function lineOf(text: string, network: Twin, workers: number): Line | null {
  const { file: _, ...event } = JSON.parse(text) as { readonly type: string; readonly file?: string };
  return event.type === "epoch" || event.type === "result" ? ({ network, workers, ...event } as Line) : null;
}

/** `lines` and `line` behind them; an epoch that was made anew, because its run was killed, takes the place of the old one. */
export function withLine(lines: readonly Line[], line: Line): readonly Line[] {
  const isSame = (other: Line): boolean =>
    other.network === line.network && other.type === "epoch" && line.type === "epoch" && other.epoch === line.epoch;
  return [...lines.filter((other) => !isSame(other)), line];
}

/** `lines` of a recipe that has no float twin of its own, and that of the recipe that it starts from. */
export const withTwinOf = (lines: readonly Line[], from: readonly Line[]): readonly Line[] => [
  ...lines,
  ...from.filter(({ network }) => network === "float"),
];

export const epochsOf = (lines: readonly Line[], network: Twin): readonly EpochLine[] =>
  lines.filter((line): line is EpochLine => line.type === "epoch" && line.network === network);

/** The end of a twin's run; undefined where it has not ended. */
export const resultOf = (lines: readonly Line[], network: Twin): ResultLine | undefined =>
  lines.find((line): line is ResultLine => line.type === "result" && line.network === network);
