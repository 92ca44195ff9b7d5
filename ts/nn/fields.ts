/**
 * The fields of operations, as values: their checks and their defaults. They make a layer's options, the attributes in
 * a graph and the check of a file.
 *
 * Every check takes a value of unknown origin and returns a fresh, frozen copy. Otherwise it throws an error of the
 * subject's code that names the field. A default may be a shorthand, as a user's value may be.
 */
import {
  booleanOf,
  integerIn,
  listOf,
  numberBetween,
  numberIn,
  oneOf,
  plainObject,
  reject,
  type Subject,
  wholeNumberBetween,
} from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { checkKnownQuantizer } from "../quantizers/check-known.ts";
import { isForWeightsAlone } from "../quantizers/operand-kinds.ts";
import type { GivenQuantizer, Quantizer } from "../quantizers/quantizer.ts";
import { limits } from "./limits.ts";
import { type Accumulator, type Borders, type Overflow, overflows, type Padding, paddings } from "./words.ts";

/** Finds a quantizer by its name. Files hold values alone, so reading them pulls in no registry. */
export type QuantizerByName = (name: string) => Quantizer;

/** A field whose attribute is a `Value`, and that a layer's options take as a `Given`. */
export interface Field<Value, Given = Value> {
  /** The values that the field takes, in the words that follow "must be" in an error. */
  readonly describe: string;
  readonly check: (value: unknown, option: string, subject: Subject) => Value;
  /** The attribute that a shorthand of a layer's options stands for; other values pass as they are. */
  readonly expand?: (given: unknown, quantizerOf: QuantizerByName) => unknown;
  /** True where null is a choice of its own in a layer's options, rather than an absent option. */
  readonly takesNull?: boolean;
  /** The value that an absent option stands for. */
  readonly default?: Given | undefined;
  /** The field whose value an absent option takes. */
  readonly like?: string | undefined;
  /** True where graphs leave the default out. */
  readonly isNeutral?: true;
}

/** A field that options may leave out. */
export type Optional<F> = F & { readonly optional: true };

export type Fields = Readonly<Record<string, Field<unknown, unknown>>>;

/** The attributes in a graph that fields declare. */
export type ValuesOf<F> = { readonly [Key in keyof F]: F[Key] extends Field<infer Value, unknown> ? Value : never };

type OptionalKeys<F> = { [Key in keyof F]: F[Key] extends { readonly optional: true } ? Key : never }[keyof F];
type GivenOf<F> = F extends Field<unknown, infer Given> ? Given : never;
type RequiredOptions<F, Keys extends keyof F> = { readonly [Key in Keys]: GivenOf<F[Key]> };
type FreeOptions<F, Keys extends keyof F> = { readonly [Key in Keys]?: GivenOf<F[Key]> | undefined };

/** The options of a layer that fields declare. */
export type OptionsOf<F> = RequiredOptions<F, Exclude<keyof F, OptionalKeys<F>>> & FreeOptions<F, OptionalKeys<F>>;

/**
 * Fields that agree with the interface `Options`. They are the same in number, optional alike, and none takes more. The
 * interface stands beside them because editors show doc comments of interfaces alone. `layers.ts` checks in turn that the
 * interface promises no more than the fields take.
 */
export type FieldsFor<Options extends LayerOptions> = {
  readonly [Key in Exclude<keyof Options, keyof LayerOptions>]-?: undefined extends Options[Key]
    ? Optional<Field<unknown, Exclude<Options[Key], undefined>>>
    : Field<unknown, Options[Key]> & { readonly optional?: never };
};

/** The options of every layer. */
export interface LayerOptions {
  /** Letters, digits and `_ . + -`, unique in the network. Default: the kind of layer and a running number. */
  readonly name?: string | undefined;
  /** Training moves the layer's parameters; true where absent. Running statistics are estimated all the same. */
  readonly trainable?: boolean | undefined;
}

/** `field` with a default. */
export function optional<Value, Given>(field: Field<Value, Given>, value: Given): Optional<Field<Value, Given>> {
  return { ...field, default: value, optional: true };
}

/**
 * `field` whose neutral value, its default, stands in no graph. So graphs from before the field are what they were, and mean
 * the same.
 */
export const neutral = <Value, Given>(
  field: Field<Value, Given>,
  value: Given,
): Optional<Field<Value | undefined, Given>> => {
  const own = JSON.stringify(field.expand?.(value, noQuantizers) ?? value);
  return optional(
    {
      ...field,
      isNeutral: true,
      check: (given, option, subject) => {
        if (given === undefined) return undefined;
        const checked = field.check(given, option, subject);
        return JSON.stringify(checked) === own ? undefined : checked;
      },
    },
    value,
  );
};

const noQuantizers: QuantizerByName = (name) => {
  throw new Error(`a quantizer, "${name}", is no neutral value`);
};

/** `field` with the value of the field `other` as its default. */
export function optionalLike<Value, Given>(field: Field<Value, Given>, other: string): Optional<Field<Value, Given>> {
  return { ...field, like: other, optional: true };
}

/** A whole number in [minimum, maximum]. */
export const integer = (minimum: number, maximum: number): Field<number> => ({
  describe: wholeNumberBetween(minimum, maximum),
  check: (value, option, subject) => integerIn(value, minimum, maximum, option, subject),
});

/** A finite number in [minimum, maximum]. */
export const number = (minimum: number, maximum: number): Field<number> => ({
  describe: numberBetween(minimum, maximum),
  check: (value, option, subject) => numberIn(value, minimum, maximum, option, subject),
});

/** true or false. */
export const boolean = (): Field<boolean> => ({ describe: "true or false", check: booleanOf });

/** One of `words`. */
export const word = <Word extends string>(words: readonly Word[]): Field<Word> => ({
  describe: `one of ${words.map(describe).join(", ")}`,
  check: (value, option, subject) => oneOf(value, words, option, subject),
});

/** One number for both axes, or `[height, width]`. */
export type Size = number | readonly [number, number];

/** A size in pixels, 1 .. 256 along each axis. */
export const pair = (): Field<readonly [number, number], Size> => ({
  describe: `${wholeNumberBetween(1, limits.window)}, or [height, width]`,
  check: (value, option, subject) => {
    const [first, second] = listOf(value, 2, 2, option, subject);
    return Object.freeze([
      integerIn(first, 1, limits.window, option, subject),
      integerIn(second, 1, limits.window, option, subject),
    ] as const);
  },
  expand: (given) => (typeof given === "number" ? [given, given] : given),
});

/** Padding by name, the same pixels on all four sides, or `[height, width]` for two sides each. */
export type GivenPadding = Padding | Size;

/** Padding around images, "same", "valid", or up to 256 pixels on each side. */
export const padding = (): Field<Padding, GivenPadding> => ({
  describe: `${paddings.map(describe).join(", ")}, or pixels as [[top, bottom], [left, right]]`,
  check: (value, option, subject) => {
    if (!Array.isArray(value)) return oneOf(value, paddings, option, subject);
    const side = (pixels: unknown): number => integerIn(pixels, 0, limits.window, option, subject);
    const axis = (sides: unknown): Borders[number] => {
      const [before, behind] = listOf(sides, 2, 2, option, subject);
      return Object.freeze([side(before), side(behind)] as const);
    };
    const [rows, columns] = listOf(value, 2, 2, option, subject);
    return Object.freeze([axis(rows), axis(columns)] as const);
  },
  expand: (given) => {
    const sides = typeof given === "number" ? [given, given] : given;
    if (!Array.isArray(sides)) return given;
    return sides.map((pixels) => (typeof pixels === "number" ? [pixels, pixels] : pixels));
  },
});

/** The size of a window of at most 256 pixels. */
export const smallWindow = (): Field<readonly [number, number], Size> => {
  const sides = pair();
  const expected = `a window of at most ${limits.window} pixels`;
  return {
    ...sides,
    describe: expected,
    check: (value, option, subject) => {
      const size = sides.check(value, option, subject);
      return size[0] * size[1] > limits.window ? reject(subject, option, expected, size) : size;
    },
  };
};

export type QuantizerChoice = string | GivenQuantizer | null;

function optionalQuantizer(value: unknown, option: string, subject: Subject): Quantizer | null {
  return value === null ? null : checkKnownQuantizer(value, { code: subject.code, what: `${subject.what}: ${option}` });
}

/** The quantizer of weights by its name or as a value; null for weights that stay real. */
export const weightQuantizer = (): Field<Quantizer | null, QuantizerChoice> => ({
  describe: "a quantizer, its name, or null",
  check: optionalQuantizer,
  expand: (given, quantizerOf) => (typeof given === "string" ? quantizerOf(given) : given),
  takesNull: true,
});

/**
 * The quantizer of activations. They are not standardised, and have no latent weights to take a scale from, or to move
 * between steps.
 */
export const activationQuantizer = (): Field<Quantizer | null, QuantizerChoice> => ({
  ...weightQuantizer(),
  describe: "a quantizer for activations, its name, or null",
  check: (value, option, subject) => {
    const quantizer = optionalQuantizer(value, option, subject);
    if (quantizer === null) return null;
    if (isForWeightsAlone(quantizer)) {
      throw new ProxbitError(
        subject.code,
        `${subject.what}: ${option} "${quantizer.name}" standardises its argument, or moves it between steps`,
        'Give it to weightQuantizer, and another to the activations, such as "poly".',
      );
    }
    return optionalQuantizer({ ...quantizer, scale: "none", restart: "identity" }, option, subject);
  },
});

/** An accumulator of 8 bits by its behaviour on overflow, or as a value; null for exact sums. */
export type AccumulatorChoice = Overflow | Accumulator | null;

/** An accumulator of 8 bits. Graphs from before there were accumulators have none. */
export const accumulator = (): Field<Accumulator | null, AccumulatorChoice> => ({
  describe: `${overflows.map(describe).join(", ")}, an accumulator of 8 bits, or null`,
  check: (value, option, subject) => {
    if (value === undefined || value === null) return null;
    const own: Subject = { code: subject.code, what: `${subject.what}: ${option}` };
    const given = plainObject(value, ["bits", "overflow"], own);
    const bits = given.bits === 8 ? given.bits : reject(own, "bits", "8", given.bits);
    return Object.freeze({ bits, overflow: oneOf(given.overflow, overflows, "overflow", own) });
  },
  expand: (given) => (typeof given === "string" ? { bits: 8, overflow: given } : given),
});
