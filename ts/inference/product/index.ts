/**
 * The forms of a product, each by its file. Those of most networks are known from the start, and the others are brought with
 * the other operations.
 */
import type { ProductNode } from "../../nn/nodes.ts";
import { activationsAreElastic, groupsOfProduct } from "../../nn/operands.ts";
import { type Form, formOf } from "../forms.ts";
import { exact } from "./exact.ts";
import type { ProductForm } from "./form.ts";
import { real } from "./real.ts";

/** `levels` are real activations with a quantizer. */
type FormFile = Form | "levels";

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

const fileOf = (node: ProductNode): FormFile => {
  const form = formOf(node);
  return form === "real" && node.attributes.activationQuantizer !== null ? "levels" : form;
};

/** True where the form of a product is known from the start. Its kernels are those of the small core. */
export const isFirstForm = (node: ProductNode): boolean =>
  groupsOfProduct(node) === 1 && !activationsAreElastic(node) && ["exact", "real"].includes(fileOf(node));

export function productFormOf(node: ProductNode): ProductForm {
  const [form, groups] = [known[fileOf(node)], groupsOfProduct(node)];
  if (form !== undefined && groups === 1) return form;
  if (form === undefined || others === null) throw new Error(`the form of the layer "${node.name}" was not brought`);
  return others.grouped(form, groups);
}
