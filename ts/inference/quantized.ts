/** Values behind a quantizer as f32: the levels or signs that it ends at. */
import { k } from "../program/inference-call.ts";
import { at, type Place } from "../program/place.ts";
import type { Phase } from "../program/program.ts";
import { encodeTable, forwardMapNumbers } from "../quantizers/maps.ts";
import { endsAsSigns } from "../quantizers/operand-kinds.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
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

/** The place of the quantized values, and the jobs that write them for `node`. */
export function quantized(
  node: string,
  quantizer: Quantizer,
  { x, elements, parts }: Given,
  { draft }: Pick<Context, "draft">,
): { readonly levels: Place; readonly jobs: Phase } {
  const levels = draft.buffer(4 * elements);
  const state = stateAt(quantizer, 1);
  const floats = (values: ArrayLike<number>): Place => draft.constant(new Uint8Array(Float32Array.from(values).buffer));
  const maps = {
    ...(endsAsSigns(quantizer) ? signs : { proximal: state.proximalMap, map: state.forwardMap }),
    parameters: floats(state.parameters),
    table: quantizer.table === null ? null : floats(encodeTable(quantizer.table)),
  };
  const jobs = cutFours(elements, parts).map(({ first, count }) => {
    const places = { x: at(x, 4 * first), y: at(levels, 4 * first) };
    return [call(node, k.quantizeForward({ ...maps, ...places, count }))];
  });
  return { levels, jobs };
}
