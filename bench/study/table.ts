/** The cells of the study as rows of text. */
import { labelOf } from "./cells.ts";
import { columns } from "./picture.ts";
import type { CellRecord, EpochRecord } from "./run-cell.ts";

export const studyColumns = [
  ...["quantizer", "operands", "epochs", "hard-signed, %", "soft, % (after epoch)", "moved by the sign then, points"],
  ...["mean B: first, last epoch", "inside: first, last epoch", "flips a step: first, last epoch", "s an epoch"],
];

const numberOf = (title: string, record: EpochRecord): number | null =>
  columns.find((column) => column.title === title)?.of(record) ?? null;

/** The number of either operand at the first and the last epoch: "w 0.52, 0.31; a 0.80, 0.75". */
function ends(what: "mean B" | "inside", first: EpochRecord, last: EpochRecord): string {
  const parts = (["weights", "activations"] as const).flatMap((operand) => {
    const values = [first, last].map((record) => numberOf(`${what}, ${operand}`, record));
    return values.includes(null) ? [] : [`${operand[0]} ${values.map((value) => value?.toFixed(2)).join(", ")}`];
  });
  return parts.join("; ");
}

/** "1.8e-3, 0"; empty where flips were not measured. */
function flips(first: EpochRecord, last: EpochRecord): string {
  const values = [first, last].flatMap((record) => numberOf("flips a step, log10", record) ?? []);
  return values.length < 2 ? "" : values.map((value) => (value === 0 ? "0" : value.toExponential(1))).join(", ");
}

/** A row for each cell with an epoch; one that is under way says how far it is. */
export function studyRows(records: readonly CellRecord[]): readonly (readonly string[])[] {
  return records.flatMap(({ cell, epochs, ended }) => {
    const [first, last] = [epochs[0], epochs.at(-1)];
    if (first === undefined || last === undefined) return [];
    const soft = epochs.findLast((record) => record.soft !== null);
    // Of one network, whose soft form is the one that trained.
    const points = soft?.soft == null ? "" : (100 * (soft.soft - soft.hard)).toFixed(2);
    const seconds = epochs.reduce((sum, record) => sum + record.seconds, 0) / epochs.length;
    return [
      [
        ...[labelOf(cell), cell.operands, ended ? String(cell.epochs) : `${epochs.length} of ${cell.epochs}`],
        ...[(100 * last.hard).toFixed(2), soft?.soft == null ? "" : `${(100 * soft.soft).toFixed(2)} (${soft.epoch})`],
        ...[points, ends("mean B", first, last), ends("inside", first, last), flips(first, last), seconds.toFixed(1)],
      ],
    ];
  });
}
