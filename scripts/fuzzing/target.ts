/** A kind of file that is fuzzed, and what came of its mutants. */
import { isProxbitError } from "../../ts/base/errors.ts";
import { type RandomStream, randomStream } from "../../ts/nn/random.ts";

export interface Target {
  readonly name: string;
  /** It is given one mutant where others are given so many; 1 where absent. */
  readonly oneIn?: number;
  /** The mutant that a stream draws. */
  readonly draw: (random: RandomStream) => Uint8Array;
  /**
   * Reads a mutant. It throws a ProxbitError where the file is refused, and returns the fault of accepting it, or null where
   * that was right.
   */
  readonly read: (bytes: Uint8Array) => Promise<string | null>;
}

export interface Tally {
  readonly mutants: number;
  readonly accepted: number;
  /** Milliseconds of the slowest mutant. */
  readonly slowest: number;
  /** The number of a mutant that must not be, and its fault. */
  readonly faults: readonly { readonly mutant: number; readonly fault: string }[];
}

/** A mutant that takes longer, twice in a row, hangs. */
const HANG_MS = 2000;

/** The mutant of `target` with this number. */
export const mutant = (target: Target, seed: number, number: number): Uint8Array =>
  target.draw(randomStream(seed, `${target.name} ${number}`));

/** The fault of reading `bytes`, with null for none; `accepted` where they were read. */
async function judged(target: Target, bytes: Uint8Array): Promise<{ accepted: boolean; fault: string | null }> {
  try {
    const fault = await target.read(bytes.slice());
    return { accepted: true, fault: fault === null ? null : `wrongly accepted: ${fault}` };
  } catch (error) {
    if (isProxbitError(error)) return { accepted: false, fault: null };
    return { accepted: false, fault: `no typed error: ${error instanceof Error ? error.stack : String(error)}` };
  }
}

/** Reads `count` mutants of `target`. `now` is a clock in milliseconds; `onMutant` is called before each. */
export async function fuzz(target: Target, { seed, count, now, onMutant }: FuzzOptions): Promise<Tally> {
  let [accepted, slowest] = [0, 0];
  const faults: { mutant: number; fault: string }[] = [];
  for (let number = 0; number < count; number++) {
    onMutant?.(number);
    const bytes = mutant(target, seed, number);
    const timed = async () => {
      const began = now();
      const found = await judged(target, bytes);
      return { ...found, took: now() - began };
    };
    let found = await timed();
    // Once more, because a busy machine may have had other things to do.
    if (found.took > HANG_MS) found = await timed();
    if (found.took > HANG_MS) faults.push({ mutant: number, fault: `hangs for ${Math.round(found.took)} ms` });
    if (found.fault !== null) faults.push({ mutant: number, fault: found.fault });
    if (found.accepted) accepted++;
    slowest = Math.max(slowest, found.took);
  }
  return { mutants: count, accepted, slowest, faults };
}

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  readonly now: () => number;
  readonly onMutant?: (number: number) => void;
}
