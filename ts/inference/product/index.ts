/** The forms of a product, each by its file. */
import type { ProductNode } from "../../nn/nodes.ts";
import { groupsOfProduct } from "../../nn/operands.ts";
import { type Form, formOf } from "../forms.ts";
import { accumulated } from "./accumulated.ts";
import { exact } from "./exact.ts";
import type { ProductForm } from "./form.ts";
import { grouped } from "./grouped.ts";
import { mixed } from "./mixed.ts";
import { real } from "./real.ts";

const forms: { readonly [Name in Form]: ProductForm } = { exact, accumulated, mixed, real };

export function productFormOf(node: ProductNode): ProductForm {
  const [form, groups] = [forms[formOf(node)], groupsOfProduct(node)];
  return groups === 1 ? form : grouped(form, groups);
}
