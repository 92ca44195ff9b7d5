/** The findings of a check against tfjs, as a table and remarks in plain text. */
import { groupBy } from "../base/group.ts";
import { type Column, formatTable, grouped, share, wrapped } from "../show/table.ts";
import type { Adapter, CheckReport, Row, Verdict } from "./report.ts";

export interface CheckFormat {
  /** Every row. Where absent or false: of each layer the quantity that comes closest to its tolerance, and all mismatches. */
  readonly all?: boolean;
}

const columns: readonly Column[] = [
  { title: "layer" },
  { title: "quantity" },
  { title: "elements", align: "right" },
  { title: "max abs error", align: "right" },
  { title: "max rel error", align: "right" },
  { title: "tolerance", align: "right" },
  { title: "of tolerance", align: "right" },
  { title: "verdict" },
];

/**
 * The report as people read it: where it ran, a table with a heading for each subject, where tensors differ, what the
 * backend cannot do, and the verdict in the last line.
 */
export function formatCheck(report: CheckReport, { all = false }: CheckFormat = {}): string {
  const { rows, unsupported } = report;
  const shown = all ? rows : rowsThatTell(rows);
  const mismatches = rows.filter(({ verdict }) => verdict === "mismatch").map((row) => `${nameOf(row)}: ${row.detail}`);
  return [
    placeLine(report),
    ...(all ? [] : ["of each layer the quantity that comes closest to its tolerance"]),
    "",
    formatTable(columns, tableRows(shown)),
    "",
    ...listed("not the same:", mismatches),
    ...listed(`${report.backend} cannot:`, unsupported),
    verdictLine(report),
  ].join("\n");
}

const listed = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => wrapped(line, "  ", "    ")), ""];

/** The place that the check ran in: "tfjs 4.22.0, backend webgl in Chromium 156.0.8078.79, on the GPU NVIDIA H100". */
const placeLine = ({
  version,
  backend,
  host,
  adapter,
}: Pick<CheckReport, "version" | "backend" | "host" | "adapter">): string =>
  `tfjs ${version}, backend ${backend} in ${host}, ${adapterText(adapter)}`;

function adapterText({ name, kind }: Adapter): string {
  switch (kind) {
    case "gpu":
      return `on the GPU ${name}`;
    case "software":
      return `on ${name}: software on the processor, no GPU`;
    case "unknown":
      return `on ${name}, a GPU or software: the name does not tell`;
    case "cpu":
      return `on the processor: ${name}`;
  }
}

/** The verdict in a line: how many tensors were compared and how many were not, whether binary products are equal, and the worst of all. */
export function verdictLine({
  rows,
  operations,
  binaryExact,
  worst,
  pass,
}: Pick<CheckReport, "rows" | "operations" | "binaryExact" | "worst" | "pass">): string {
  const counted = (wanted: Verdict, what: string): readonly string[] => {
    const count = rows.filter(({ verdict }) => verdict === wanted).length;
    return count === 0 ? [] : [`${grouped(count)} ${what}`];
  };
  const compared = `${grouped(operations)} tensor${operations === 1 ? "" : "s"} compared`;
  const head = [compared, ...counted("mismatch", "beyond tolerance"), ...counted("unsupported", "not compared")];
  const binary =
    binaryExact === null
      ? "no binary product among them"
      : `the binary products are ${binaryExact ? "" : "not all "}exactly equal`;
  const nearest =
    worst === null ? [] : [`the worst is ${ofTolerance(worst.share)} of its tolerance (${nameOf(worst)})`];
  const ties = rows.reduce((sum, row) => sum + (row.ties ?? 0), 0);
  const either =
    ties === 0 ? [] : [`${grouped(ties)} decisions lie where rounding makes them, and are allowed both ways`];
  return [`${pass ? "pass" : "FAIL"}: ${head.join(", ")}`, binary, ...either, ...nearest].join("; ");
}

const nameOf = ({ subject, node, quantity }: Row): string => `${subject}: ${node}, ${quantity}`;

/** Rows with a heading for each subject, and an empty line between two of them. */
function tableRows(rows: readonly Row[]): readonly (readonly string[])[] {
  return bySubject(rows).flatMap(([subject, own], place) => [
    ...(place === 0 ? [] : [[]]),
    [subject],
    ...own.map(cellsOf),
  ]);
}

function cellsOf(row: Row): readonly string[] {
  const name = [`  ${row.node}`, row.quantity, grouped(row.elements)];
  if (row.verdict === "unsupported") return [...name, "", "", "", "", row.verdict];
  const errors = [scientific(row.absolute), scientific(row.relative)];
  return [...name, ...errors, row.exact ? "exact" : scientific(row.tolerance), ofTolerance(row.share), row.verdict];
}

/** Every mismatch of a layer or, where there is none, the row with the largest share of its tolerance. */
function rowsThatTell(rows: readonly Row[]): readonly Row[] {
  return bySubject(rows).flatMap(([, own]) =>
    grouping(own, layerOf).flatMap(([, ofNode]) => {
      const mismatches = ofNode.filter(({ verdict }) => verdict === "mismatch");
      if (mismatches.length > 0) return mismatches;
      const compared = ofNode.filter(({ verdict }) => verdict !== "unsupported");
      return (compared.length > 0 ? compared : ofNode).reduce((most, row) => (row.share > most.share ? row : most));
    }),
  );
}

/** The layer of a parameter as "conv2d/kernel (first moment)", or of an output as "dense (lookup)". */
const layerOf = ({ node }: Row): string => node.replace(/(\/| \().*$/, "");

const bySubject = (rows: readonly Row[]): readonly (readonly [string, readonly Row[]])[] =>
  grouping(rows, ({ subject }) => subject);

/** The rows by their key, keys in the order in which they come first. */
const grouping = (rows: readonly Row[], key: (row: Row) => string): readonly (readonly [string, readonly Row[]])[] => [
  ...groupBy(rows, key),
];

const scientific = (value: number): string => (value === 0 ? "0" : value.toExponential(1));

/** Shares are percents; where equality is asked for and not met, any share would be infinite. */
const ofTolerance = (part: number): string => (part < 100 ? share(part) : `${part.toPrecision(3)} x`);
