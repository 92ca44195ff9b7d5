/**
 * BiPer's term (Vargas, Correa, Hinojosa and Arguello, "BiPer: Binary Neural Networks using a Periodic Function", CVPR 2024):
 * factor times the sum, over the kernels, of the mean of sin^2(omega w), with the gradient factor omega sin(2 omega w) / size.
 * A binary layer's latent weights are meant.
 */
import { numberIn, plainObject, type Subject } from "../../base/checks.ts";
import { k } from "../../program/call.ts";
import { type PenaltyOptions, penalty } from "./penalties.ts";
import type { LossTerm } from "./term.ts";

export interface SineSquaresOptions extends PenaltyOptions {
  /** The angular frequency of the sine, from 1e-3 to 1e4; BiPer's 20 where absent. */
  readonly omega?: number | undefined;
}

/** The mean squares of the sine of the kernels of a network, or of some of its parameters. @throws ProxbitError `argument` */
export function sineSquares(options: SineSquaresOptions): LossTerm {
  const subject: Subject = { code: "argument", what: "losses.sineSquares" };
  const { omega: given, ...rest } = plainObject(options, ["factor", "parameters", "name", "omega"], subject);
  const omega = Math.fround(numberIn(given ?? 20, 1e-3, 1e4, "omega", subject));
  const calls = {
    sum: (w, count, result) => k.sineSquareSum({ w, count, omega, result }),
    gradient: ({ weights: w, gradient: y, count }, factor) => k.addSineSquares({ w, omega, factor, y, count }),
    share: 1,
    isMean: true,
  } satisfies Parameters<typeof penalty>[2];
  return penalty("sineSquares", rest as unknown as PenaltyOptions, calls, { omega });
}
