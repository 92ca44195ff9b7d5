/**
 * A convolution in groups is a product of its own for each of them, in the form that the operands ask for. A group reads a
 * contiguous copy of its channels and makes bits of them by itself. Its sums lie apart until all groups are joined.
 */
import { parameterName } from "../../nn/network.ts";
import type { ProductNode } from "../../nn/nodes.ts";
import { groupShape, join, split } from "../../program/channel-groups.ts";
import { type ConvShape, fileBytes, inputPixels, outputPixels, terms } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import type { Phase } from "../../program/program.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import type { BitLayout } from "../layout.ts";
import { cut } from "../slices.ts";
import { emitBehind } from "../strips.ts";
import type { ProductForm } from "./form.ts";
import { hasRealKernel, sumSteps } from "./packed-weights.ts";

/** The form of a product in `groups` groups, each of the form `own`. */
export const grouped = (own: ProductForm, groups: number): ProductForm => ({
  // A group takes the signs of its own channels out of f32.
  layout: () => null,
  weightBytes: (shape, kernel, images) => groups * own.weightBytes(groupShape(shape, groups), kernel, images),
  emit: (node, steps, out, context) => {
    const { draft, network, values } = context;
    const parts = context.images > 1 ? 1 : context.parts;
    const shape = network.windowOf(node);
    const [input, output] = [
      { groups, rows: inputPixels(shape), columns: shape.channels },
      { groups, rows: outputPixels(shape), columns: shape.filters },
    ];
    const [x, y] = [input, output].map(({ rows, columns }) => draft.buffer(4 * rows * columns)) as [Place, Place];
    const from = values.of(node.inputs[0]);
    draft.phase(cut(groups, parts).map((part) => [call(node.name, split({ ...input, from, to: x, part }))]));

    const phases: Phase[][] = Array.from({ length: groups }, (_, group) => {
      const given = { group, groups, shape: groupShape(shape, groups), x };
      const first = 4 * group * output.rows * (shape.filters / groups);
      return phasesOf(node, own, given, at(y, first), context);
    });
    // Groups do not depend on each other.
    for (const [number] of (phases[0] ?? []).entries()) draft.phase(phases.flatMap((own) => own[number] ?? []));

    const all = [...sumSteps(node, shape, context), ...steps];
    const sums = all.length === 0 ? out : draft.buffer(4 * output.rows * shape.filters);
    draft.phase(cut(output.rows, parts).map((part) => [call(node.name, join({ ...output, from: y, to: sums, part }))]));
    emitBehind(sums, shape, all, out, context);
  },
});

interface Group {
  readonly group: number;
  readonly groups: number;
  /** The window over a copy of its channels. */
  readonly shape: ConvShape;
  /** The channels of all groups, group by group. */
  readonly x: Place;
}

/** The phases of one group, whose sums go to `out`. */
function phasesOf(node: ProductNode, form: ProductForm, given: Group, out: Place, context: Context): Phase[] {
  const { group, groups, shape } = given;
  const { draft, kernel } = context;
  const phases: Phase[] = [];
  const x = at(given.x, 4 * group * inputPixels(shape) * shape.channels);
  const own: Context = {
    ...context,
    network: { ...context.network, windowOf: () => shape },
    values: { ...context.values, of: () => x },
    // Several are the numbers of a quantizer, which all groups have in common.
    tensor: (...names) =>
      names.length > 1 ? context.tensor(...names) : tensorOf(node, names[0] as string, given, context),
    draft: {
      ...draft,
      memo: (key, make) => draft.memo(`group ${group} of ${node.name}, ${key}`, make),
      phase: (jobs) => {
        phases.push(jobs);
      },
    },
    // Enough groups keep all workers busy.
    parts: groups < context.parts ? context.parts : 1,
  };
  const bits = (): ReturnType<Context["bits"]["for"]> => {
    const layout = form.layout(kernel) as BitLayout;
    return context.bits.signs(node.name, { x, shape, layout }, own);
  };
  form.emit(withoutSums(node), [], out, { ...own, bits: { ...context.bits, for: bits } });
  return phases;
}

/** The layer without what is done to its sums. */
function withoutSums(node: ProductNode): ProductNode {
  const { weightQuantizer: weights } = node.attributes;
  const weightQuantizer = weights === null ? null : { ...weights, scale: "none" };
  return { ...node, attributes: { ...node.attributes, useBias: false, weightQuantizer } } as ProductNode;
}

/** A tensor of the model file as far as it is a group's: some columns of a real kernel, some filters of any other. */
function tensorOf(node: ProductNode, name: string, { group, groups, shape }: Group, context: Context): Place {
  const { draft, tensor } = context;
  const [rows, n] = [terms(shape), shape.filters];
  if (name !== parameterName(node, "kernel")) return at(tensor(name), 4 * group * n);
  if (!hasRealKernel(node)) return at(tensor(name), group * fileBytes(rows, n));
  const columns = draft.memo(`groups of ${node.name}`, () => {
    const made = draft.allocate(4 * rows * n * groups);
    draft.once(node.name, split({ groups, rows, columns: n * groups, from: tensor(name), to: made }));
    return made;
  });
  return at(columns, 4 * group * rows * n);
}
