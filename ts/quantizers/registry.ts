/** Quantizers by name: what a layer is given is a name, or a value that a maker or a user's own hand has built. */
import type { Subject } from "../base/checks.ts";
import { lookUp } from "../base/names.ts";
import { checkQuantizer } from "./check-quantizer.ts";
import {
  bc,
  bnn,
  bnnPlus,
  bnnPlusPlus,
  dorefaActivations,
  ede,
  edePlus,
  fda,
  fp,
  parq,
  pc,
  poly,
  polyPlus,
  pq,
  rbnn,
  rbnnActivations,
  reste,
  rpc,
} from "./families.ts";
import type { GivenQuantizer, Quantizer } from "./quantizer.ts";
import { adabin, biper, dorefaWeights, magnitudeAware, recu, siman, xnor } from "./weight-families.ts";

/** The makers: `quantizers.bnnPlusPlus({ beta: 10 })`. */
export const quantizers = Object.freeze({
  ...{ fp, bc, pc, parq, pq, rpc, bnn, bnnPlus, bnnPlusPlus, poly, polyPlus, ede, edePlus },
  ...{ rbnn, rbnnActivations, reste, fda, dorefaActivations },
  ...{ xnor, magnitudeAware, recu, adabin, dorefaWeights, biper, siman },
});

const byName: Readonly<Record<string, Quantizer>> = Object.freeze(
  Object.fromEntries(Object.values(quantizers).map((make) => [make().name, make()])),
);

/** The registered names, in the order of the literature. */
export const quantizerNames: readonly string[] = Object.freeze(Object.keys(byName));

const withBits = /^dorefa-(weights|activations)-([1-8])$/;

/** DoReFa's quantizer out of a name that ends with its bits, as in "dorefa-activations-4". */
function byBits(name: string): Quantizer | undefined {
  const [, operand, bits] = withBits.exec(name) ?? [];
  if (bits === undefined) return undefined;
  return operand === "weights" ? dorefaWeights({ bits: Number(bits) }) : dorefaActivations({ bits: Number(bits) });
}

/** Whether `quantizer` knows `name`: one of `quantizerNames`, or one of DoReFa's with its bits behind a dash. */
export const isQuantizerName = (name: string): boolean => Object.hasOwn(byName, name) || withBits.test(name);

/**
 * The quantizer that `value` stands for: a registered name, DoReFa's with its bits behind a dash ("dorefa-weights-4"), or a
 * quantizer, which is checked and copied. Throws "unknown-name" with the nearest name, or "argument" naming what is wrong
 * with the value.
 */
export function quantizer(value: string | GivenQuantizer): Quantizer {
  if (typeof value === "string") return byBits(value) ?? lookUp("quantizer", value, byName);
  const subject: Subject = { code: "argument", what: "quantizer" };
  return checkQuantizer(value, subject);
}
