/** The sign, where sign(0) = sign(-0) = +1, as everywhere in proxbit. */
import type { ForwardRecord } from "./record.ts";

export function signOf(x: number): number {
  return Number.isNaN(x) ? Number.NaN : x >= 0 ? 1 : -1;
}

export const sign: ForwardRecord<"sign"> = { value: signOf, rises: true, isHard: true };
