/** Findings as cells of text, which the terminal and the files of results share. */
import type { Comparison, Side } from "./finding.ts";

/** Milliseconds with three digits that mean something. */
export const milliseconds = (ms: number): string =>
  ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);

/** A share of a limit. Its median over the rounds comes first, the best tenth of the rounds stands in brackets. */
export const shareOfLimit = ({ median, best }: { readonly median: number; readonly best: number }): string =>
  `${(100 * median).toFixed(0)} % (${(100 * best).toFixed(0)} %)`;

export const times = (ratio: number): string => `${ratio.toFixed(ratio >= 100 ? 0 : ratio >= 10 ? 1 : 2)}x`;

const range = ([low, high]: readonly [number, number], format: (value: number) => string): string =>
  `${format(low)} to ${format(high)}`;

const timed = (side: Side): string => `${milliseconds(side.ms)} (${range(side.quartiles, milliseconds)})`;

export const COLUMNS = [
  "what",
  "ours",
  "core",
  "threads",
  "ours, ms",
  "peer",
  "peer, ms",
  "ratio",
  "spread of ratio",
] as const;

/** A comparison in the order of `COLUMNS`. */
export function cells(comparison: Comparison): readonly string[] {
  const { name, ours, peer, ratio, spread, threads, variant } = comparison;
  const sides = [timed(ours), [peer.name, peer.version].join(" ").trim(), timed(peer)];
  return [name, ours.name, variant, String(threads), ...sides, times(ratio), range(spread, times)];
}

export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}
