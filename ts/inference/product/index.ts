/**
 * The forms of a product, each by its file. Those of most networks are known from the start, and the others are brought with
 * the other operations.
 */
import type { ProductNode } from "../../nn/nodes.ts";
import { activationsAreElastic, groupsOfProduct, weightsAreBits } from "../../nn/operands.ts";
import { type Form, formOf } from "../forms.ts";
import { exact } from "./exact.ts";
import type { ProductForm } from "./form.ts";
import { real } from "./real.ts";

/** `signs` are the weights of real activations, where those are +-1; `levels` are real activations with a quantizer. */
type FormFile = Form | "signs" | "levels";

const known: { [Name in FormFile]?: ProductForm } = { exact, real };

/** The forms that are brought later. */
export interface OtherForms {
  readonly forms: { readonly [Name in Exclude<FormFile, "exact" | "real">]: ProductForm };
  readonly grouped: (own: ProductForm, groups: number) => ProductForm;
}

let others: OtherForms | null = null;

/** Takes in the forms that are not among the first. */
export function takeForms(all: OtherForms): void {
  Object.assign(known, all.forms);
  others = all;
}

/** True where tables of real activations may serve the windows of a layer (`suitsSigns`). */
const takesTables = ({ attributes }: ProductNode): boolean =>
  !("strides" in attributes) || attributes.strides.every((stride) => stride === 1);

const fileOf = (node: ProductNode): FormFile => {
  const form = formOf(node);
  if (form === "real" && weightsAreBits(node) && takesTables(node)) return "signs";
  return form === "real" && node.attributes.activationQuantizer !== null ? "levels" : form;
};

/** True for a dense layer over real values, whose signs are multiplied as reals where those are vectors. */
const isRealDense = ({ op, attributes }: ProductNode): boolean =>
  op === "dense" && attributes.activationQuantizer === null;

/**
 * True where the form of a product, over values of so many axes, is known from the start. Its kernels are those of the small
 * core.
 */
export function isFirstForm(node: ProductNode, axes: number): boolean {
  if (groupsOfProduct(node) !== 1 || activationsAreElastic(node)) return false;
  const file = fileOf(node);
  return file === "signs" ? isRealDense(node) && axes === 1 : file === "exact" || file === "real";
}

export function productFormOf(node: ProductNode): ProductForm {
  const [file, groups] = [fileOf(node), groupsOfProduct(node)];
  const form = known[file] ?? (file === "signs" && isRealDense(node) ? real : undefined);
  if (form !== undefined && groups === 1) return form;
  if (form === undefined || others === null) throw new Error(`the form of the layer "${node.name}" was not brought`);
  return others.grouped(form, groups);
}
