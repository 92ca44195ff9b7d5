/** Every consumer's inference: the logits of one fixed image, as the hexadecimal digits of their bytes. */
import { load } from "proxbit/inference";

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Bytes that look random and are the same everywhere. */
export function bytes(count, seed) {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

export async function infer(file, options) {
  const session = await load(file, options);
  const logits = session.run(bytes(12 * 12, 5));
  return { logits: hex(new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength)) };
}
