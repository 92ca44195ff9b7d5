/** All contestants on one problem, checked against each other and then raced. Runs in Node and in a page. */

import { instantiate } from "../../ts/runtime/instantiate.ts";
import { loadModule } from "../../ts/runtime/load.ts";
import { type BinaryKernel, probe } from "../../ts/runtime/probe.ts";
import { detectVariant, type Variant } from "../../ts/runtime/variants.ts";
import { clock, shuffles } from "../frame/clock.ts";
import { type Contestant, type Pace, race, type Timing } from "../frame/race.ts";
import { type OurConvolution, ourConvolutions } from "./ours.ts";
import { levelWidth, ortConvolution, type Peer, tfjsConvolution } from "./peers.ts";
import { type Problem, problem, signsOf, withCodewords, work } from "./problem.ts";

/**
 * A build of our core. It has the kernel that its start-up probe chooses, and every kernel's time for the whole
 * operation.
 */
export interface OurTimes {
  readonly variant: Variant;
  readonly kernel: BinaryKernel;
  readonly whole: Readonly<Record<BinaryKernel, Timing>>;
  /** The chosen kernel from bits to bits, with zero-padding and with one-padding. */
  readonly fromBits: Timing;
  readonly fromBitsOnePadded: Timing;
  /** From bits to bits, with 3x3 kernels that are {@link CODEWORDS} different ones: the look-up of any kernels and that of these. */
  readonly few: Readonly<Record<"lookup" | "codewords", Timing>>;
}

/** Different kernels of a layer with few. */
export const CODEWORDS = 16;

export interface Measured {
  readonly name: string;
  readonly multiplyAccumulates: number;
  readonly ours: readonly OurTimes[];
  readonly peers: readonly Timing[];
  readonly clock: Timing;
  /** The byte shuffles that the thread got; absent without relaxed SIMD. */
  readonly shuffles?: Timing;
}

/** Rounds of one call of `measure`, warm-up included. */
export const roundsOf = (pace: Pace): number => pace.rounds + pace.warmUp;

/**
 * Races all contestants on one shape.
 *
 * @throws Error where a contestant's result is wrong.
 */
export async function measure(
  size: number,
  channels: number,
  pace: Pace,
  version: string,
  tick: () => unknown,
): Promise<Measured> {
  const given = problem(size, channels);
  const best = await detectVariant({ shared: false });
  const variants: readonly Variant[] = best === "plain" ? ["plain"] : ["relaxed", "plain"];
  const ours = await Promise.all(variants.map((variant) => prepare(variant, given)));
  const peers = [await tfjsConvolution(given), await ortConvolution(given)] as const;
  await check(given, peers[0], peers[1], ours);

  const contestant = (name: string, run: () => unknown): Contestant => ({ name, version, run });
  const own = ours.flatMap(({ kernel, zero, one, few }) => {
    const chosen = (convolutions: readonly OurConvolution[]) =>
      convolutions.find((convolution) => convolution.kernel === kernel) as OurConvolution;
    return [
      ...zero.map(({ kernel: name, whole }) => contestant(name, whole)),
      contestant(`${kernel} from bits`, chosen(zero).fromBits),
      contestant(`${kernel} from bits, one-padded`, chosen(one).fromBits),
      ...few.map(({ kernel: name, fromBits }) => contestant(`${name} of few from bits`, fromBits)),
    ];
  });
  const limits = best === "plain" ? [await clock()] : [await clock(), await shuffles()];
  const timings = [...(await race([...peers, ...own, ...limits], pace, tick))];
  for (const { dispose } of peers) await dispose();
  const peerTimings = timings.splice(0, peers.length);
  const [clockTiming, shuffleTiming] = timings.splice(-limits.length) as [Timing, Timing?];
  return {
    name: given.name,
    multiplyAccumulates: work(given),
    clock: clockTiming,
    ...(shuffleTiming === undefined ? {} : { shuffles: shuffleTiming }),
    peers: peerTimings,
    ours: ours.map(({ variant, kernel, zero }) => {
      const whole = zero.map(({ kernel: name }) => [name, timings.shift()]);
      const [fromBits, fromBitsOnePadded, lookup, codewords] = timings.splice(0, 4) as [Timing, Timing, Timing, Timing];
      return {
        variant,
        kernel,
        whole: Object.fromEntries(whole),
        fromBits,
        fromBitsOnePadded,
        few: { lookup, codewords },
      };
    }),
  };
}

interface Prepared {
  readonly variant: Variant;
  readonly kernel: BinaryKernel;
  readonly zero: readonly OurConvolution[];
  readonly one: readonly OurConvolution[];
  readonly few: readonly OurConvolution[];
}

async function prepare(variant: Variant, given: Problem): Promise<Prepared> {
  const instance = instantiate(await loadModule(variant), {});
  const { kernel } = probe(variant, instance);
  const [zero, one] = [ourConvolutions(instance, given, "zero"), ourConvolutions(instance, given, "one")];
  const few = ourConvolutions(instance, withCodewords(given, CODEWORDS), "zero", ["lookup", "codewords"]);
  return { variant, kernel, zero, one, few };
}

/**
 * Every bit of ours must be the sign behind the f32 sums. Levels of the quantised sums must be within rounding of them.
 */
async function check(given: Problem, float: Peer, quantised: Peer, ours: readonly Prepared[]): Promise<void> {
  await float.run();
  const sums = Float32Array.from(await float.sums());
  const expected = signsOf(given, sums);
  for (const { variant, zero, few } of ours) {
    const [byLookup, byCodewords] = few.map(({ whole, signs }) => {
      whole();
      return signs();
    }) as [Uint8Array, Uint8Array];
    const other = byLookup.findIndex((sign, at) => sign !== byCodewords[at]);
    if (other >= 0) throw new Error(`${given.name}, codewords, ${variant}: bit ${other} differs from look-up`);
    for (const { kernel, whole, signs } of zero) {
      whole();
      const wrong = signs().findIndex((sign, at) => sign !== expected[at]);
      if (wrong >= 0) throw new Error(`${given.name}, ${kernel}, ${variant}: bit ${wrong} differs from f32`);
    }
  }
  await quantised.run();
  const level = levelWidth(given);
  const rough = await quantised.sums();
  const wrong = sums.findIndex((sum, at) => {
    const clipped = Math.min(127 * level, Math.max(-128 * level, sum));
    return Math.abs((rough[at] as number) - clipped) > 0.51 * level;
  });
  if (wrong >= 0) throw new Error(`${given.name}, ${quantised.name}: sum ${wrong} is more than half a level from f32`);
}
