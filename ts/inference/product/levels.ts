/** Real activations (`ff`) that a quantizer puts on levels. */
import type { KernelNode } from "../../nn/nodes.ts";
import { type ConvShape, inputPixels } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { quantized } from "../quantized.ts";
import { padded, realForm } from "./real.ts";

/** The real operand before padding: the input, or where it has a quantizer, the levels or signs that this ends at. */
export function operandOf(node: KernelNode, shape: ConvShape, context: Context): Place {
  const x = context.values.of(node.inputs[0]);
  const { activationQuantizer } = node.attributes;
  if (activationQuantizer === null) return x;
  const parts = shape.images > 1 ? 1 : context.parts;
  const given = { x, elements: inputPixels(shape) * shape.channels, parts };
  const { levels, jobs } = quantized(node, 0, given, context);
  context.draft.phase(jobs);
  return levels;
}

/** The real operand as the windows of `shape` read it. */
export const paddedInput = (node: KernelNode, shape: ConvShape, context: Context): Place =>
  padded(node.name, operandOf(node, shape, context), shape, context);

export const levels = realForm(paddedInput);
