/** A confusion matrix as people read it: a table with a shade beside each count, or the most frequent mistakes of many classes. */
import { reading } from "../base/checks.ts";
import { formatTable, grouped, share } from "./table.ts";

/** Beyond this a table is wider than a terminal. */
const MOST_CLASSES = 12;
const MOST_MISTAKES = 20;
const SHADES = [" ", "░", "▒", "▓", "█"] as const;

/**
 * The matrix `[true class][answered class]` with the classes' names. Each row ends in the share of its examples that were
 * answered right. Of more than twelve classes, only the most frequent mistakes are listed.
 */
export const formatConfusion = (matrix: readonly (readonly number[])[], names: readonly string[]): string =>
  reading("formatConfusion", "the result of confusionMatrix() and the names of the classes", () =>
    textOf(matrix, names),
  );

function textOf(matrix: readonly (readonly number[])[], names: readonly string[]): string {
  const nameOf = (place: number): string => names[place] ?? String(place);
  return matrix.length > MOST_CLASSES ? mistakes(matrix, nameOf) : table(matrix, nameOf);
}

const sumOf = (row: readonly number[]): number => row.reduce((sum, count) => sum + count, 0);
const part = (count: number, of: number): string => (of === 0 ? "-" : share(count / of));

function table(matrix: readonly (readonly number[])[], nameOf: (place: number) => string): string {
  const columns = matrix.map((_, place) => ({ title: nameOf(place), align: "right" as const }));
  const rows = matrix.map((row, truth) => {
    const of = sumOf(row);
    const cells = row.map((count) => `${grouped(count)} ${shadeOf(count, of)}`);
    return [nameOf(truth), ...cells, part(row[truth] ?? 0, of)];
  });
  return formatTable([{ title: "true \\ given to" }, ...columns, { title: "right", align: "right" }], rows);
}

/** Darker for a larger share of the row; blank for none at all. */
function shadeOf(count: number, of: number): string {
  if (count === 0) return SHADES[0];
  return SHADES[Math.min(SHADES.length - 1, 1 + Math.floor((count / of) * (SHADES.length - 1)))] as string;
}

function mistakes(matrix: readonly (readonly number[])[], nameOf: (place: number) => string): string {
  const found = matrix.flatMap((row, truth) =>
    row.flatMap((count, answer) => (count > 0 && answer !== truth ? [{ truth, answer, count, of: sumOf(row) }] : [])),
  );
  // Sorting is stable, so equal counts stay in the order of the classes.
  const most = found.toSorted((a, b) => b.count - a.count).slice(0, MOST_MISTAKES);
  const rows = most.map(({ truth, answer, count, of }) => [
    nameOf(truth),
    nameOf(answer),
    grouped(count),
    part(count, of),
  ]);
  return formatTable(
    [
      { title: "true" },
      { title: "given to" },
      { title: "examples", align: "right" },
      { title: "of the class", align: "right" },
    ],
    rows,
  );
}
