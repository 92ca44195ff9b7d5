/**
 * The SIMD instructions of a WebAssembly module: a walk over its code section that knows the immediates of every
 * instruction (core specification 3.0, chapter 5; threads proposal). It throws at anything it does not know.
 */

/** A cursor over the bytes of a module. */
interface Reader {
  at: number;
  readonly bytes: Uint8Array;
}

function byte(reader: Reader): number {
  const value = reader.bytes[reader.at++];
  if (value === undefined) throw new Error("the module ends too early");
  return value;
}

/** An unsigned LEB128 number; signed ones have the same length, and their value does not matter here. */
function leb(reader: Reader): number {
  let [value, factor] = [0, 1];
  for (;;) {
    const next = byte(reader);
    value += (next & 0x7f) * factor;
    if (next < 0x80) return value;
    factor *= 128;
  }
}

function skip(reader: Reader, lebs: number): void {
  for (let i = 0; i < lebs; i++) leb(reader);
}

/** Alignment and offset, and the memory's number where bit 6 of the alignment says so. */
function memoryArgument(reader: Reader): void {
  const alignment = leb(reader);
  skip(reader, (alignment & 0x40) === 0 ? 1 : 2);
}

/** Immediates of the instructions with prefix 0xfc: saturating conversions, bulk memory, tables. */
const bulkImmediates = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

/** Skips the immediates of a SIMD instruction. */
function simdImmediates(reader: Reader, code: number): void {
  if (code <= 11 || code === 92 || code === 93) memoryArgument(reader);
  else if (code === 12 || code === 13) reader.at += 16;
  else if (code >= 21 && code <= 34) reader.at += 1;
  else if (code >= 84 && code <= 91) {
    memoryArgument(reader);
    reader.at += 1;
  }
}

/** Skips the immediates of an instruction without prefix. */
function plainImmediates(reader: Reader, code: number): void {
  if (code >= 0x02 && code <= 0x04) skip(reader, 1);
  else if (code === 0x0c || code === 0x0d || code === 0x10 || (code >= 0x20 && code <= 0x26)) skip(reader, 1);
  else if (code === 0x0e) skip(reader, leb(reader) + 1);
  else if (code === 0x11) skip(reader, 2);
  else if (code === 0x1c) skip(reader, leb(reader));
  else if (code >= 0x28 && code <= 0x3e) memoryArgument(reader);
  else if (code === 0x3f || code === 0x40 || code === 0x41 || code === 0x42) skip(reader, 1);
  else if (code === 0x43) reader.at += 4;
  else if (code === 0x44) reader.at += 8;
  else if (code === 0xd0 || code === 0xd2) skip(reader, 1);
  else if (!(code <= 0x01 || code === 0x05 || code === 0x0b || code === 0x0f || code === 0x1a || code === 0x1b)) {
    if (!(code >= 0x45 && code <= 0xc4) && code !== 0xd1) throw new Error(`unknown instruction 0x${code.toString(16)}`);
  }
}

function walk(reader: Reader, end: number, count: (code: number) => void): void {
  while (reader.at < end) {
    const code = byte(reader);
    if (code === 0xfc) skip(reader, bulkImmediates[leb(reader)] ?? Number.NaN);
    else if (code === 0xfd) {
      const simd = leb(reader);
      count(simd);
      simdImmediates(reader, simd);
    } else if (code === 0xfe) {
      if (leb(reader) === 3) reader.at += 1;
      else memoryArgument(reader);
    } else plainImmediates(reader, code);
  }
  if (reader.at !== end) throw new Error("an instruction reaches past the end of its function");
}

/** How often each SIMD instruction occurs, by its number. Relaxed ones are those from 256 on. */
export function simdInstructions(module: Uint8Array): ReadonlyMap<number, number> {
  const reader: Reader = { at: 8, bytes: module };
  const found = new Map<number, number>();
  const count = (code: number): void => {
    found.set(code, (found.get(code) ?? 0) + 1);
  };
  while (reader.at < module.length) {
    const section = byte(reader);
    const length = leb(reader);
    const end = reader.at + length;
    if (section === 10) {
      for (let functions = leb(reader); functions > 0; functions--) {
        const size = leb(reader);
        const bodyEnd = reader.at + size;
        for (let locals = leb(reader); locals > 0; locals--) skip(reader, 2);
        walk(reader, bodyEnd, count);
      }
    }
    reader.at = end;
  }
  return found;
}
