/** Mutants of bytes and of JSON: small faults, drawn from a stream, so that a number and a seed name each one. */
import type { RandomStream } from "../../ts/nn/random.ts";

type Change = (bytes: Uint8Array, random: RandomStream, others: readonly Uint8Array[]) => Uint8Array;

/** Bytes that parsers mind: ends of ranges, quotes, brackets, the digits 0 and 9, half a character. */
const AWKWARD = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x30, 0x39, 0x2d, 0xc3, 0xed];

/** Numbers that sizes overflow at, as text. */
const NUMBERS = ["0", "-1", "1", "2", "255", "65536", "4294967296", "1e308", "-0", "9007199254740993", "0.5", "1e999"];

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A stretch of `length` bytes or fewer. */
function stretch(bytes: Uint8Array, random: RandomStream, longest: number): readonly [from: number, to: number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + random.below(longest))];
}

const changes: readonly Change[] = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
  },
  (bytes, random) => bytes.with(random.below(bytes.length), AWKWARD[random.below(AWKWARD.length)] ?? 0),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => {
    const [from, to] = stretch(bytes, random, 64);
    return joined(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = stretch(bytes, random, 64);
    return joined(bytes.subarray(0, to), bytes.subarray(from));
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    const added = Uint8Array.from({ length: 1 + random.below(9) }, () => random.below(256));
    return joined(bytes.subarray(0, at), added, bytes.subarray(at));
  },
  // A number of the text becomes another, of another length.
  (bytes, random) => {
    const isDigit = (at: number): boolean => (bytes[at] ?? 0) >= 0x30 && (bytes[at] ?? 0) <= 0x39;
    const places = Array.from(bytes.keys()).filter((at) => isDigit(at) && !isDigit(at - 1));
    const from = places[random.below(Math.max(1, places.length))] ?? 0;
    let to = from;
    while (isDigit(to)) to++;
    const number = new TextEncoder().encode(NUMBERS[random.below(NUMBERS.length)]);
    return joined(bytes.subarray(0, from), number, bytes.subarray(to));
  },
  // The first half of one file, and the second of another.
  (bytes, random, others) => {
    const other = others[random.below(others.length)] ?? bytes;
    const at = random.below(Math.min(bytes.length, other.length) + 1);
    return joined(bytes.subarray(0, at), other.subarray(at));
  },
];

/** One of `samples` with one to four changes. */
export function mutantOf(samples: readonly Uint8Array[], random: RandomStream): Uint8Array {
  let bytes = samples[random.below(samples.length)] ?? new Uint8Array(1);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const change = changes[random.below(changes.length)] as Change;
    bytes = bytes.length === 0 ? bytes : change(bytes, random, samples);
  }
  return bytes.slice();
}

const VALUES: readonly unknown[] = [
  ...[null, true, "", "a", "constructor", "\u202e", 0, -1, 0.5, 1, 2, 3, 7, 255, 256, 4096, 65_536, 2 ** 24, 2 ** 31],
  ...[2 ** 53, 1e308, [], {}, [0], [1, 1], [4096, 4096, 1], [2 ** 24], [1, 2, 3, 4, 5]],
];

/** `value` with a change somewhere inside: another value, a part left out, or a part said twice. */
export function jsonMutant(value: unknown, random: RandomStream): unknown {
  const isLeaf = typeof value !== "object" || value === null;
  if (isLeaf || random.below(8) === 0) {
    if (typeof value === "number" && random.below(3) > 0) return value + [-1, 1, 2, value, -value][random.below(5)]!;
    return VALUES[random.below(VALUES.length)];
  }
  if (Array.isArray(value)) {
    const at = random.below(value.length + 1);
    if (random.below(6) === 0) return value.toSpliced(at, 1);
    if (random.below(6) === 0) return value.toSpliced(at, 0, value[random.below(Math.max(1, value.length))]);
    return value.map((item, i) => (i === at ? jsonMutant(item, random) : item));
  }
  const entries = Object.entries(value);
  const at = random.below(Math.max(1, entries.length));
  if (random.below(10) === 0) return Object.fromEntries(entries.toSpliced(at, 1));
  return Object.fromEntries(entries.map(([key, item], i) => [key, i === at ? jsonMutant(item, random) : item]));
}
