/** Numbers, tables and remarks in plain text as people read them, the same whatever the reader's locale. */

import { printable } from "../base/text.ts";

/** Lines are kept to this width where that is possible. */
const LINE_WIDTH = 100;

/** 60000 as "60,000". */
export const grouped = (count: number): string => String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ",");

/** 0.98712 as "98.7 %". */
export const share = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** Three digits and a decimal prefix: 999 as "999", 115605504 as "116 M", 1812 as "1.81 k". */
export function scaled(count: number): string {
  const prefixes = ["", " k", " M", " G", " T"];
  let [value, power] = [count, 0];
  // 999.5 would be written as 1000.
  while (value >= 999.5 && power < prefixes.length - 1) {
    value /= 1000;
    power++;
  }
  const digits = power === 0 ? String(Math.round(value)) : value.toPrecision(3);
  return `${digits}${prefixes[power]}`;
}

/** 4718592 as "4.72 MB". */
export function bytes(count: number): string {
  const text = scaled(count);
  return text.includes(" ") ? `${text}B` : `${text} B`;
}

export interface Column {
  readonly title: string;
  /** Words stand to the left (where absent), numbers to the right. */
  readonly align?: "left" | "right";
}

/** An aligned table with a rule under its header, and one above `totals`; no line break at its end. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  totals?: readonly string[],
): string {
  const titles = columns.map(({ title }) => title);
  const [head = [], ...body] = [titles, ...rows, ...(totals === undefined ? [] : [totals])].map((cells) =>
    cells.map(printable),
  );
  const all = [head, ...body];
  const widths = columns.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, column) => {
        const [cell, width] = [cells[column] ?? "", widths[column] ?? 0];
        return align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  const rule = "─".repeat(widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1)));
  const end = totals === undefined ? [] : [rule, ...body.slice(-1).map(line)];
  return [line(head), rule, ...body.slice(0, rows.length).map(line), ...end].join("\n");
}

/**
 * Breaks `text` at spaces into lines of at most 100 characters. The first begins with `first`, all others with
 * `indent`.
 */
export function wrapped(text: string, first = "", indent = first): string {
  const [start = "", ...words] = text.split(" ");
  const lines: string[] = [];
  let line = first + start;
  for (const word of words) {
    if (line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = indent + word;
    } else {
      line += ` ${word}`;
    }
  }
  return [...lines, line].join("\n");
}
