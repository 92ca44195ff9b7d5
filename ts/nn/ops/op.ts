/**
 * An operation is told in full without a reader. The trainer, the inference compiler and the reference each know it by the
 * same name.
 */
import type { Subject } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import type { Fields, ValuesOf } from "../fields.ts";
import { limits } from "../limits.ts";
import { misfit, type Shape } from "../shapes.ts";
import type { WindowGeometry } from "../windows.ts";
import type { Initializer } from "../words.ts";

/** The number of tensors that an operation takes. */
export type Arity = 0 | 1 | 2 | 3;

/** The shapes of as many inputs. */
export type InputShapes<Count extends Arity> = {
  0: readonly [];
  1: readonly [Shape];
  2: readonly [Shape, Shape];
  3: readonly [Shape, Shape, Shape];
}[Count];

/**
 * A tensor that belongs to a node. `latent` is a real weight that a quantizer binarises, `real` a weight used as it is.
 * `statistic` is kept by batch norm and not trained. No step moves what is `kept`; tasks between epochs may.
 */
export interface ParameterSpec {
  readonly role: "latent" | "real" | "statistic" | "kept";
  readonly shape: Shape;
  /** Filters of a kernel, where they are not its last axis: columns of the kernel as a matrix `[K][filters]`. */
  readonly filters?: number;
  /** A number stands for itself in every element. */
  readonly initializer: Initializer | "rotation" | "filterMap" | "codewords" | number;
  /** True for a tensor of the layer's quantizer, which makes binary weights with it. It is trained or kept, and in no file. */
  readonly ofQuantizer?: true;
  /** True where only numbers near the initial one mean anything, so that a check draws such. */
  readonly isNearStart?: true;
  /** True where steps gather gradients in it, and none reads it. So it has no part in a norm of gradients. */
  readonly isGathered?: true;
  /** The word for its numbers, where none of them may be below 0. */
  readonly neverNegative?: string;
}

/** An operand that a quantizer may act on. */
export interface Operand {
  readonly operand: "weight" | "activation";
  /** The key of a parameter, or the place of an input. */
  readonly at: string | number;
  /** The option that names its quantizer, and the word for such operands. */
  readonly option: string;
  readonly plural: string;
  /** Null where the operand stays real. */
  readonly quantizer: Quantizer | null;
}

/** Operands of a product that are bits. */
export type BitOperands = 0 | 1 | 2;

/** Traits that readers may rely on. */
export interface Flags {
  /** The value is its input's memory under another shape. */
  readonly alias?: true;
  /** The value is the input, but for steps of training. */
  readonly onlyInTraining?: true;
  /** The operation multiplies its input by a parameter `kernel`. Quantizers may act on both. */
  readonly kernel?: true;
  /** Each filter of the kernel reads all channels, or all of its group, so that there are products over bits. */
  readonly product?: true;
  /** Windows slide over images. */
  readonly windowed?: true;
  /** Rows are worked on one by one, and the shape stays; a value may have any number of axes. */
  readonly perRow?: true;
  /** Each channel is scaled and shifted. */
  readonly affine?: true;
}

/** Methods are declared as such, so that an operation can stand where attributes are not known in full. */
export interface Op<Name extends string, Count extends Arity, Declared extends Fields, Is extends Flags> {
  readonly name: Name;
  /** The word that automatic names are made of. */
  readonly kind: string;
  readonly inputs: Count;
  /** Checks and defaults, in the order of a graph's attributes. */
  readonly fields: Declared;
  /** Checks the relations among fields, each of which has passed its own check. */
  rule?(attributes: NoInfer<ValuesOf<Declared>>, subject: Subject): void;
  /** The shape of the value. Throws "shape", naming `layer`, for inputs that do not fit. */
  shape(inputs: InputShapes<Count>, attributes: NoInfer<ValuesOf<Declared>>, layer: string): Shape;
  /** The windows of an operation, if it has any. */
  windows?(input: Shape, attributes: NoInfer<ValuesOf<Declared>>, layer: string): WindowGeometry;
  /** The tensors that belong to a node, by their keys, in the order of files. The shapes have passed. */
  parameters?(
    inputs: InputShapes<Count>,
    attributes: NoInfer<ValuesOf<Declared>>,
  ): Readonly<Record<string, ParameterSpec>>;
  operands?(attributes: NoInfer<ValuesOf<Declared>>): readonly Operand[];
  /** The number of operands that each of its products takes as bits in the end. Absent where its one product is that of `operands`. */
  products?(attributes: NoInfer<ValuesOf<Declared>>): readonly BitOperands[];
  /** True where activations of -a and +a, of which it learns a, are bits in its products. Absent where they never are. */
  readsElastic?(attributes: NoInfer<ValuesOf<Declared>>): boolean;
  /** Multiply-accumulates of one image, forward: a number for each of the products. */
  work?(inputs: InputShapes<Count>, output: Shape, attributes: NoInfer<ValuesOf<Declared>>): number | readonly number[];
  /** Numbers of one image that stand between its products, written by one and read by the next. Absent where there are none. */
  between?(inputs: InputShapes<Count>, attributes: NoInfer<ValuesOf<Declared>>): number;
  readonly is?: Is;
}

/** An operation with its types; each file here calls this once. */
export function operation<
  const Name extends string,
  const Count extends Arity,
  Declared extends Fields,
  const Is extends Flags = Flags,
>(op: Op<Name, Count, Declared, Is>): Op<Name, Count, Declared, Is> {
  return Object.freeze(op);
}

/** The fields of an operation without any. */
export const noFields = {};

/** The shape rule of an operation that works row by row: any shape, which it keeps. */
export function keepsShape([input]: readonly [Shape, ...Shape[]], _attributes: unknown, layer: string): Shape {
  if (input.length >= 1 && input.length <= limits.rank) return input;
  throw misfit(layer, `a shape of 1 to ${limits.rank} axes`, input, "Flatten, or leave out axes of size 1.");
}

/** The shape rule of an operation over two values of one shape, which it keeps. `remedy` is that of the error for others. */
export const keepsOneShape =
  (remedy: string) =>
  (inputs: readonly [Shape, Shape], attributes: unknown, layer: string): Shape => {
    const [first, second] = inputs;
    if (first.length !== second.length || first.some((size, axis) => size !== second[axis])) {
      throw misfit(layer, `two inputs of one shape, the first being ${describe(first)}`, second, remedy);
    }
    return keepsShape(inputs, attributes, layer);
  };

/** A parameter with a number for each channel of the first input. */
export const perChannel = (
  [input]: readonly [Shape, ...Shape[]],
  initializer: ParameterSpec["initializer"],
  role: ParameterSpec["role"] = "real",
): ParameterSpec => ({ role, shape: [input.at(-1) ?? 0], initializer });
