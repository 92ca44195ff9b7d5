/** Values behind a quantizer as f32: the levels or signs that it ends at. */
import type { GraphNode } from "../nn/graph.ts";
import { parameterName } from "../nn/network.ts";
import { type QuantizedOperand, quantizedOperands } from "../nn/operands.ts";
import { learnedKey } from "../nn/ops/quantizer-parameters.ts";
import { elementsOf } from "../nn/shapes.ts";
import { k } from "../program/inference-call.ts";
import { at, type Place } from "../program/place.ts";
import type { Phase } from "../program/program.ts";
import { encodeTable, forwardMapNumbers } from "../quantizers/maps.ts";
import { endsAsSigns, learnedNumbers } from "../quantizers/operand-kinds.ts";
import { stateAt } from "../quantizers/state.ts";
import type { Context } from "./context.ts";
import { call } from "./draft.ts";
import { cutFours } from "./slices.ts";

const signs = { proximal: forwardMapNumbers.identity, map: forwardMapNumbers.sign };

/** Values to be quantized, in so many parts. */
interface Given {
  readonly x: Place;
  readonly elements: number;
  readonly parts: number;
}

/** The forward map of an input's quantizer at the end of a run, as kernels take it. */
interface Maps {
  readonly proximal: number;
  readonly map: number;
  readonly parameters: Place;
  readonly table: Place | null;
}

/** The map of the quantizer that acts on the input of `node` at `place`. */
function mapsAt(node: GraphNode, place: number, context: Pick<Context, "draft" | "tensor">): Maps {
  const { draft, tensor } = context;
  const { option, quantizer } = quantizedOperands(node).find((own) => own.at === place) as QuantizedOperand;
  const state = stateAt(quantizer, 1);
  const learned = learnedNumbers(quantizer).map(({ name }) => parameterName(node, learnedKey(option, name)));
  const floats = (values: ArrayLike<number>): Place => draft.constant(new Uint8Array(Float32Array.from(values).buffer));
  return {
    ...(endsAsSigns(quantizer) ? signs : { proximal: state.proximalMap, map: state.forwardMap }),
    parameters: learned.length > 0 ? tensor(...learned) : floats(state.parameters),
    table: quantizer.table === null ? null : floats(encodeTable(quantizer.table)),
  };
}

/** The place of the quantized values of the input of `node` at `place`, and the jobs that write them. */
export function quantized(
  node: GraphNode,
  place: number,
  { x, elements, parts }: Given,
  context: Pick<Context, "draft" | "tensor">,
): { readonly levels: Place; readonly jobs: Phase } {
  const { values, jobs } = mapped(node, mapsAt(node, place, context), { x, elements, parts }, context);
  return { levels: values, jobs };
}

/** The inputs of `node` at `places` as they are multiplied, as f32: a phase makes those that have a quantizer. */
export function realOperands(node: GraphNode, places: readonly number[], context: Context): readonly Place[] {
  const { draft, images, network, parts, values } = context;
  const made = places.map((place) => {
    const input = node.inputs[place] as string;
    const x = values.of(input);
    if (!quantizedOperands(node).some((own) => own.at === place)) return { levels: x, jobs: [] };
    return quantized(node, place, { x, elements: images * elementsOf(network.shapeOf(input)), parts }, context);
  });
  const jobs = made.flatMap((own) => own.jobs);
  if (jobs.length > 0) draft.phase(jobs);
  return made.map(({ levels }) => levels);
}

/** The place of what a map makes of numbers, and the jobs that write them for `node`. */
export function mapped(
  node: GraphNode,
  maps: Maps,
  { x, elements, parts }: Given,
  { draft }: Pick<Context, "draft">,
): { readonly values: Place; readonly jobs: Phase } {
  const values = draft.buffer(4 * elements);
  const jobs = cutFours(elements, parts).map(({ first, count }) => {
    const places = { x: at(x, 4 * first), y: at(values, 4 * first) };
    return [call(node.name, k.quantizeForward({ ...maps, ...places, count }))];
  });
  return { values, jobs };
}
