/**
 * The sections of a WebAssembly module that an engine runs. The others are names of functions and of tools, for whoever
 * looks into a build; they stay in `ts/wasm` and are not shipped. Format: WebAssembly core specification, 5.5.2.
 */

const HEADER_BYTES = 8;
const CUSTOM = 0;

/** The module without its custom sections. */
export function withoutCustomSections(module: Uint8Array): Uint8Array {
  const kept = [module.subarray(0, HEADER_BYTES)];
  for (let at = HEADER_BYTES; at < module.length; ) {
    const { value, end } = unsigned(module, at + 1);
    if (module[at] !== CUSTOM) kept.push(module.subarray(at, end + value));
    at = end + value;
  }
  return Buffer.concat(kept);
}

/** An unsigned number in LEB128, and the place behind it. */
function unsigned(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let end = start, factor = 1; ; factor *= 128) {
    const byte = bytes[end++] as number;
    value += (byte & 127) * factor;
    if (byte < 128) return { value, end };
  }
}
