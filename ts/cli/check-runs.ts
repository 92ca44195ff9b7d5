/**
 * The runs of a check, one after the other: each is a backend of tfjs in a host. A backend that this machine cannot run
 * is reported, and the others go on. The summary joins all runs.
 */
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { formatCheck, verdictLine } from "../reference/format.ts";
import { type BackendName, backendNames, type CheckReport, type Row } from "../reference/report.ts";
import { pairs } from "./format.ts";
import { type Context, type ErrorFacts, printError } from "./run.ts";

/** The host of a backend; Chromium is a headless one of our own. */
export const hosts = ["chromium", "node"] as const;
export type Host = (typeof hosts)[number];

export interface Run {
  readonly backend: BackendName;
  readonly host: Host;
}

/** The first host is the default of a backend. */
const HOSTS: Readonly<Record<BackendName, readonly [Host, ...Host[]]>> = {
  webgl: ["chromium"],
  webgpu: ["chromium", "node"],
  wasm: ["node"],
  cpu: ["node"],
};

/** Every backend in each of its hosts. */
export const everyRun: readonly Run[] = backendNames.flatMap((backend) =>
  HOSTS[backend].map((host) => ({ backend, host })),
);

/**
 * The run of a backend, in `host` where one was asked.
 *
 * @throws ProxbitError "argument" where the backend does not run in that host.
 */
export function runOf(backend: BackendName, host: Host = HOSTS[backend][0]): Run {
  if (HOSTS[backend].includes(host)) return { backend, host };
  throw new ProxbitError(
    "argument",
    `the backend ${backend} is not checked in ${hostText(host)}`,
    `Leave --host out, or give --host ${HOSTS[backend].join(" or --host ")}.`,
  );
}

/** A host as reports name it, though without its version. */
export const hostText = (host: Host): string => (host === "node" ? "Node" : "Chromium");

/** "webgpu in Node". */
export const runText = ({ backend, host }: Run): string => `${backend} in ${hostText(host)}`;

/** The outcome of a run: its report, or the part that this machine lacks. */
export type Outcome = Success | Failure;

interface Success {
  readonly run: Run;
  readonly report: CheckReport;
}

interface Failure {
  readonly run: Run;
  readonly error: ErrorFacts;
}

/** The report without its rows, which were told one by one. */
export function summaryOf({ rows: _, ...summary }: CheckReport): Omit<CheckReport, "rows"> {
  return summary;
}

/**
 * Runs `check` for every run, one after the other; each is told as it ends. Throws errors other than a lack of this
 * machine.
 */
export async function runAll(
  runs: readonly Run[],
  check: (run: Run) => Promise<CheckReport>,
  { output }: Context,
  all: boolean,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const run of runs) {
    try {
      const report = await check(run);
      output.event({ type: "report", ...summaryOf(report) });
      output.text(`${formatCheck(report, { all })}\n`);
      outcomes.push({ run, report });
    } catch (cause) {
      if (!isProxbitError(cause) || cause.code !== "environment") throw cause;
      const error = printError(cause);
      output.event({ type: "report", ...failureOf({ run, error }) });
      outcomes.push({ run, error });
    }
  }
  return outcomes;
}

/** A run that could not be, with the fields of a report that it has. */
const failureOf = ({ run, error }: Failure): Readonly<Record<string, unknown>> => ({
  backend: run.backend,
  host: hostText(run.host),
  error,
});

/** The summary of all runs, for programs. No run is the whole, so there is neither an adapter nor a host. */
export function resultOfAll(outcomes: readonly Outcome[]): Readonly<Record<string, unknown>> {
  const { reports, ...whole } = together(outcomes);
  return {
    ...{ backend: "all", adapter: null, host: null, version: reports[0]?.version ?? null },
    operations: whole.operations,
    binaryExact: whole.binaryExact,
    worst: whole.worst,
    unsupported: whole.unsupported,
    pass: whole.pass,
    seconds: reports.reduce((sum, { seconds }) => sum + seconds, 0),
    reports: outcomes.map((outcome) => ("report" in outcome ? summaryOf(outcome.report) : failureOf(outcome))),
  };
}

/** The same for people: a line for each run, the last one for all. */
export function textOfAll(outcomes: readonly Outcome[]): string {
  const lines = outcomes.map((outcome) => {
    const said = "report" in outcome ? verdictLine(outcome.report) : `not run: ${outcome.error.message}`;
    return [runText(outcome.run), said] as const;
  });
  const missing = outcomes.filter((outcome) => "error" in outcome).length;
  const notRun = missing === 0 ? "" : `; ${missing} of ${outcomes.length} not run`;
  const { worst, ...whole } = together(outcomes);
  const named = worst === null ? null : { ...worst, subject: `${worst.backend} in ${worst.host}, ${worst.subject}` };
  return pairs([...lines, ["all", `${verdictLine({ ...whole, worst: named })}${notRun}`]]);
}

/** 1 where a check found a mismatch, 2 where one could not run, 0 where all passed. */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  if (outcomes.some((outcome) => "report" in outcome && !outcome.report.pass)) return 1;
  return outcomes.some((outcome) => "error" in outcome) ? 2 : 0;
}

interface Whole extends Pick<CheckReport, "rows" | "operations" | "binaryExact" | "unsupported" | "pass"> {
  readonly reports: readonly CheckReport[];
  readonly worst: (Row & Pick<CheckReport, "backend" | "host">) | null;
}

function together(outcomes: readonly Outcome[]): Whole {
  const reports = outcomes.flatMap((outcome) => ("report" in outcome ? [outcome.report] : []));
  const exact = reports.flatMap(({ binaryExact }) => (binaryExact === null ? [] : [binaryExact]));
  const worst = reports.flatMap(({ worst: row, backend, host }) => (row === null ? [] : [{ ...row, backend, host }]));
  return {
    reports,
    rows: reports.flatMap(({ rows }) => rows),
    operations: reports.reduce((sum, { operations }) => sum + operations, 0),
    binaryExact: exact.length === 0 ? null : exact.every((one) => one),
    worst: worst.toSorted((one, other) => other.share - one.share)[0] ?? null,
    unsupported: reports.flatMap(({ backend, host, unsupported }) =>
      unsupported.map((line) => `${backend} in ${host}: ${line}`),
    ),
    pass: reports.length === outcomes.length && reports.every(({ pass }) => pass),
  };
}
