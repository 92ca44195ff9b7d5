/** Every consumer's inference: the results of two networks for one fixed image, as the hexadecimal digits of their bytes. */
import { load } from "proxbit/inference";
import { other } from "./model.js";

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
  const digits = [];
  // The second takes scripts and a core that the first does without.
  for (const one of [file, other]) {
    const session = await load(one, options);
    const results = session.run(bytes(12 * 12, 5));
    const { layers } = await session.explain();
    digits.push(hex(new Uint8Array(results.buffer, results.byteOffset, results.byteLength)), `${layers.length}`);
  }
  return { logits: digits.join(" ") };
}
