/** A quantizer at one moment of a run: the numbers that the core is called with. */
import { numberIn } from "../base/checks.ts";
import { backwardMapNumbers, forwardMapNumbers, isHardForwardMap } from "./maps.ts";
import type { ForwardMap, Quantizer } from "./quantizer.ts";
import { evaluateSchedule } from "./schedule.ts";

/** `hard` says that F(x) is -1 or +1 for every x, so that the operand may travel as bits. */
export interface QuantizerState {
  readonly proximalMap: number;
  readonly forwardMap: number;
  readonly backwardMap: number;
  readonly parameters: readonly [number, number, number, number];
  readonly hard: boolean;
}

/** The forward map at `progress` in [0, 1]: from `hardenAt` on (unless that is 1) the sign of x itself. */
export function forwardAt({ forward, hardenAt }: Quantizer, progress: number): ForwardMap {
  return hardenAt < 1 && progress >= hardenAt ? "sign" : forward;
}

/**
 * `quantizer` at `progress` in [0, 1], the share of the run that is done. From `hardenAt` on (unless that is 1, as it is for
 * levels) the forward map is the sign of x itself; the backward map stays. Parameters that no map reads are 0. Throws
 * "argument" for a progress outside [0, 1].
 */
export function stateAt(quantizer: Quantizer, progress: number): QuantizerState {
  numberIn(progress, 0, 1, "progress", { code: "argument", what: `quantizer "${quantizer.name}"` });
  const at = (index: number): number => {
    const schedule = quantizer.parameters[index];
    return schedule === undefined ? 0 : evaluateSchedule(schedule, progress);
  };
  const forward = forwardAt(quantizer, progress);
  return {
    proximalMap: forwardMapNumbers[quantizer.proximal],
    forwardMap: forwardMapNumbers[forward],
    backwardMap: backwardMapNumbers[quantizer.backward],
    parameters: [at(0), at(1), at(2), at(3)],
    hard: isHardForwardMap(forward),
  };
}
