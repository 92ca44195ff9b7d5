/** Findings as they come, on stdout: text for people, or one JSON object a line. */

import { formatTable, wrapped } from "../../ts/show/table.ts";
import type { Comparison, Finding } from "./finding.ts";
import { type Machine, machineLine } from "./machine.ts";
import { COLUMNS, cells } from "./text.ts";

export interface Reporter {
  readonly begin: (title: string, about: string, machine: Machine) => void;
  readonly finding: (finding: Finding) => void;
  readonly end: () => void;
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const table = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  formatTable(
    columns.map((title) => ({ title })),
    rows,
  );

export const jsonReporter: Reporter = {
  begin: (title, _about, machine) => print(JSON.stringify({ type: "machine", title, ...machine })),
  finding: (finding) => {
    if (finding.type !== "picture") print(JSON.stringify(finding));
  },
  end: () => {},
};

/** Comparisons that follow one another are printed as one table, so columns line up. */
export function textReporter(): Reporter {
  let waiting: Comparison[] = [];
  const flush = (): void => {
    if (waiting.length > 0) print(`${table(COLUMNS, waiting.map(cells))}\n`);
    waiting = [];
  };
  return {
    begin: (title, about, machine) => print(`${title}\n${wrapped(about)}\n${machineLine(machine)}\n`),
    finding: (finding) => {
      if (finding.type === "comparison") {
        waiting.push(finding);
        return;
      }
      flush();
      if (finding.type === "picture") return;
      if (finding.type === "note") print(`${wrapped(finding.text)}\n`);
      else print(`${finding.title}\n${table(finding.columns, finding.rows)}\n`);
    },
    end: flush,
  };
}
