/** The end of what `--hours` gives to a benchmark that can be left. */

/** A signal that aborts after so many hours, at once for 0; none without a number. A timer wants whole milliseconds. */
export function deadline(hours: number | undefined): readonly AbortSignal[] {
  if (hours === undefined) return [];
  return [hours === 0 ? AbortSignal.abort() : AbortSignal.timeout(Math.ceil(hours * 3_600_000))];
}
