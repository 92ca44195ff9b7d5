/** Numbers as people read them, the same in every command and whatever the reader's locale. */
import { clean, cut, printable } from "../base/text.ts";
import { grouped } from "../show/table.ts";

export { printable };

/** 0.98712 as "98.71 %". */
export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** 75.2 seconds as "1:15". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (part: number): string => String(part).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Milliseconds with three digits that mean something. */
export const milliseconds = (time: number): string => `${time.toPrecision(3)} ms`;

/** "47,812 bytes, 21.3 times smaller than 1,018,344 as float"; in plain words where the file is hardly or not smaller. */
export function sizes(packedBytes: number, floatBytes: number): string {
  const times = (floatBytes / packedBytes).toFixed(1);
  const smaller = times === "1.0" ? "hardly smaller" : `${times} times smaller`;
  return `${grouped(packedBytes)} bytes, ${packedBytes < floatBytes ? smaller : "not smaller"} than ${grouped(floatBytes)} as float`;
}

const EIGHTHS = " ▏▎▍▌▋▊▉█";

/** A bar of `width` characters, `share` in [0, 1] of it full, drawn to an eighth of a character. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = "█".repeat(Math.floor(eighths / 8));
  return `${full}${eighths % 8 === 0 ? "" : EIGHTHS[eighths % 8]}`.padEnd(width);
}

const LONGEST_VALUE = 1000;

/** Label and value in columns, one pair a line. */
export function pairs(lines: readonly (readonly [label: string, value: string])[]): string {
  const labels = lines.map(([label]) => printable(label));
  const width = Math.max(...labels.map((label) => label.length));
  return lines.map(([, value], i) => `${labels[i]?.padEnd(width)}  ${clean(cut(value, LONGEST_VALUE))}`).join("\n");
}
