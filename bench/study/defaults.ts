/** The defaults of soft quantizers before the study and since, beside the pair with a hard forward map that each comes from. */
import { isDeepStrictEqual } from "node:util";
import { quantizer } from "../../ts/quantizers/index.ts";
import { type Cell, candidates, lengths, type Operands, tasksOf } from "./cells.ts";
import type { CellRecord } from "./run-cell.ts";

interface Change {
  readonly name: string;
  /** The default of proxbit 0.1, written out. */
  readonly before: string;
  /** The default, written out. */
  readonly now: string;
  /** The pair of the same B with F = sign; null where there is none. */
  readonly original: string | null;
}

const change = (name: string, now: string, original: string | null = null): Change => ({
  ...{ name, before: `${name}:${candidates[name]?.[0]}`, now: `${name}:${now}`, original },
});

export const changes: readonly Change[] = [
  change("bnn++", "beta=logLinear(1,5),hardenAt=0.3", "bnn+"),
  change("poly+", "hardenAt=0.3", "poly"),
  change("ede+", "t=window(0,0.3,logLinear(1e-3,10)),hardenAt=0.3", "ede:t=logLinear(1e-3,10)"),
  change("pc", "rho=parqRho(0,0.5),hardenAt=0.5"),
  change("pq", "lambda=window(0,0.5,logLinear(1e-6,1)),hardenAt=0.5"),
  change("rpc", "rho=window(0,0.5,logLinear(1e-6,1)),hardenAt=0.5"),
];

const isPlain = ({ activationQuantizer, restartAt, method }: Cell): boolean =>
  [activationQuantizer, restartAt, method].every((own) => own === undefined);

/** The default that a cell has: the one now, or that of proxbit 0.1 where that was another; null for neither. */
export function defaultOf(cell: Cell): "now" | "before" | null {
  if (!isPlain(cell)) return null;
  if (isDeepStrictEqual(quantizer(cell.quantizer), quantizer(cell.quantizer.replace(/:.*$/s, "")))) return "now";
  return changes.some(({ before }) => before === cell.quantizer) ? "before" : null;
}

export const changeColumns: readonly string[] = [
  ...["quantizer", "operands"],
  ...lengths.map((epochs) => `${epochs} epochs: before, now; its original`),
];

type Ended = (quantizer: string, operands: Operands, epochs: number) => number | undefined;

/** A row for each quantizer and operand that has a run of now: hard-signed test accuracies in percent, empty where one is missing. */
export function changeRows(records: readonly CellRecord[]): readonly (readonly string[])[] {
  const accuracyOf: Ended = (quantizer, operands, epochs) =>
    records
      .filter(({ cell, ended }) => ended && isPlain(cell))
      .find(({ cell }) => cell.quantizer === quantizer && cell.operands === operands && cell.epochs === epochs)
      ?.epochs.at(-1)?.hard;
  return changes.flatMap((one) =>
    (Object.keys(tasksOf) as readonly Operands[]).flatMap((operands) => {
      const found = lengths.map((epochs) => textOf(one, operands, epochs, accuracyOf));
      return found.every((text) => text === "") ? [] : [[one.name, operands, ...found]];
    }),
  );
}

const percent = (accuracy: number): string => (100 * accuracy).toFixed(2);

/** "88.22, 90.83 (+2.61); 90.82". */
function textOf({ before, now, original }: Change, operands: Operands, epochs: number, accuracyOf: Ended): string {
  const [former, present] = [before, now].map((text) => accuracyOf(text, operands, epochs));
  if (former === undefined || present === undefined) return "";
  const difference = 100 * (present - former);
  const parent = original === null ? undefined : accuracyOf(original, operands, epochs);
  return `${percent(former)}, ${percent(present)} (${difference < 0 ? "" : "+"}${difference.toFixed(2)})${parent === undefined ? "" : `; ${percent(parent)}`}`;
}
