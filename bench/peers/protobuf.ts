/**
 * Protocol-buffer wire format. A field is its number and wire type as one varint, then a varint or length and bytes.
 */
import { joined } from "../../ts/base/arrays.ts";

export type Field = readonly [number: number, value: number | string | Uint8Array | readonly Field[]];

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

/** The bytes of a message. Numbers are unsigned and below 2^53. */
export function message(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const parts = fields.flatMap(([number, value]): Uint8Array[] => {
    if (typeof value === "number") return [Uint8Array.from([...varint(8 * number), ...varint(value)])];
    const bytes = bytesOf(value);
    return [Uint8Array.from([...varint(8 * number + 2), ...varint(bytes.length)]), bytes];
  });
  return joined(parts);
}

function bytesOf(value: string | Uint8Array | readonly Field[]): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  return value instanceof Uint8Array ? value : message(value);
}
