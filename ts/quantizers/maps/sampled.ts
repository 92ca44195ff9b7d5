/** Maps out of samples, which a quantizer holds in its table. */
import { TABLE_HEADER } from "../map-numbers.ts";
import type { MapTable } from "../quantizer.ts";

/** Linear between `samples`, constant outside. */
export function interpolate({ from, to }: MapTable, samples: readonly number[], x: number): number {
  const last = samples.length - 1;
  const position = Math.max(0, Math.min(last, ((x - from) / (to - from)) * last));
  if (Number.isNaN(position)) return Number.NaN;
  const at = Math.min(last - 1, Math.floor(position));
  const [low, high] = [samples[at] as number, samples[at + 1] as number];
  return low + (position - at) * (high - low);
}

/** The samples that a map named "table" reads. */
export function given(table: MapTable | null): MapTable {
  if (table === null) throw new Error("a map of samples without its table");
  return table;
}

/**
 * A table as the core reads it: [count, from, density, 0], then the forward and the backward map's samples; the density is
 * the samples per unit (crates/kernels/src/quantizer/sampled.rs).
 */
export function encodeTable({ from, to, forward, backward }: MapTable): Float32Array<ArrayBuffer> {
  const encoded = new Float32Array(TABLE_HEADER + forward.length + backward.length);
  encoded.set([forward.length, from, (forward.length - 1) / (to - from)]);
  encoded.set(forward, TABLE_HEADER);
  encoded.set(backward, TABLE_HEADER + forward.length);
  return encoded;
}
