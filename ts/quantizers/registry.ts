/** Quantizers by name: what a layer is given is a name, or a value that a maker or a user's own hand has built. */
import type { Subject } from "../base/checks.ts";
import { lookUp } from "../base/names.ts";
import { checkQuantizer } from "./check-quantizer.ts";
import { elastic, elasticUnit } from "./elastic-families.ts";
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
import { readQuantizerText } from "./text.ts";
import { adabin, biper, dorefaWeights, magnitudeAware, recu, siman, xnor } from "./weight-families.ts";

/** The makers: `quantizers.bnnPlusPlus({ beta: 10 })`. */
export const quantizers = Object.freeze({
  ...{ fp, bc, pc, parq, pq, rpc, bnn, bnnPlus, bnnPlusPlus, poly, polyPlus, ede, edePlus },
  ...{ rbnn, rbnnActivations, reste, fda, dorefaActivations, elastic, elasticUnit },
  ...{ xnor, magnitudeAware, recu, adabin, dorefaWeights, biper, siman },
});

/** Makers take options of their own kinds and check them, so what a text gave may go to any of them. */
type AnyMaker = (options?: Readonly<Record<string, unknown>>) => Quantizer;

const makersByName: Readonly<Record<string, AnyMaker>> = Object.freeze(
  Object.fromEntries(Object.values(quantizers).map((make) => [make().name, make as AnyMaker])),
);

const byName: Readonly<Record<string, Quantizer>> = Object.freeze(
  Object.fromEntries(Object.entries(makersByName).map(([name, make]) => [name, make()])),
);

/** The registered names, in the order of the literature. */
export const quantizerNames: readonly string[] = Object.freeze(Object.keys(byName));

const withBits = /^dorefa-(weights|activations)-([1-8])$/;

/** The maker of a name; that of DoReFa's ends with its bits, as in "dorefa-activations-4". */
function makerOf(name: string): AnyMaker | undefined {
  const [, operand, bits] = withBits.exec(name) ?? [];
  if (bits === undefined) return Object.hasOwn(makersByName, name) ? makersByName[name] : undefined;
  const make = (operand === "weights" ? dorefaWeights : dorefaActivations) as AnyMaker;
  return (options) => make({ ...options, bits: Number(bits) });
}

/**
 * True where `quantizer` knows the name in `text`: one of `quantizerNames`, or one of DoReFa's with its bits behind a dash. Options
 * behind a colon may still be wrong.
 */
export const isQuantizerName = (text: string): boolean => makerOf(text.replace(/:.*$/s, "")) !== undefined;

const subject: Subject = { code: "argument", what: "quantizer" };

/** "bnn++" or "bnn++:beta=5,hardenAt=0.5" (`text.ts`). */
function byText(text: string): Quantizer {
  if (!text.includes(":"))
    return withBits.test(text) ? (makerOf(text) as AnyMaker)() : lookUp("quantizer", text, byName);
  const { name, options } = readQuantizerText(text, subject);
  return (makerOf(name) ?? lookUp("quantizer", name, makersByName))(options);
}

/**
 * The quantizer that `value` stands for: a registered name, DoReFa's with its bits behind a dash ("dorefa-weights-4"), either
 * with options ("bnn++:beta=logLinear(1,5),hardenAt=0.5"), or a quantizer, which is checked and copied. Throws "unknown-name"
 * with the nearest name, or "argument" naming what is wrong with the value.
 */
export function quantizer(value: string | GivenQuantizer): Quantizer {
  return typeof value === "string" ? byText(value) : checkQuantizer(value, subject);
}
