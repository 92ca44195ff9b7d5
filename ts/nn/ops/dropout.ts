/**
 * In training y = x / (1 - rate) where an element stays, and 0 where it is dropped, which it is with probability rate;
 * otherwise y = x. Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent Neural
 * Networks from Overfitting", JMLR 15, 2014, section 10.
 *
 * An element's draw is word i mod 4 of Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011)
 * at the counter (i / 4, 0, update, 0), i being its number in the batch. It stays where the word is at least rate 2^32.
 */
import { numberIn, reject } from "../../base/checks.ts";
import type { Field, FieldsFor, LayerOptions } from "../fields.ts";
import { randomStream } from "../random.ts";
import { keepsShape, operation } from "./op.ts";

export interface DropoutOptions extends LayerOptions {
  /** The share of the elements that are dropped, from 0 to below 1. */
  readonly rate: number;
}

const expected = "a number from 0 to below 1";

const rate: Field<number> = {
  describe: expected,
  check: (value, option, subject) => {
    const found = numberIn(value, 0, 1, option, subject);
    return found < 1 ? found : reject(subject, option, expected, value);
  },
};

/** The field of whatever drops by a rate. */
export const dropFields = { rate } satisfies FieldsFor<DropoutOptions>;

/** Philox's key for a layer in a run, and the update in its counter: whole numbers below 2^24, which f32 holds. */
export function drawsOf(
  name: string,
  { seed, update }: { readonly seed: number; readonly update: number },
): readonly [number, number, number] {
  const { next } = randomStream(seed, `dropout/${name}`);
  return [next() >>> 8, next() >>> 8, update % 2 ** 24];
}

export const dropout = operation({
  name: "dropout",
  kind: "dropout",
  inputs: 1,
  fields: dropFields,
  shape: keepsShape,
  is: { perRow: true, onlyInTraining: true },
});
