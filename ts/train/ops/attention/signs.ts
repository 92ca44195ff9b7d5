/**
 * Attention whose queries, keys and values are signs, in the trainer: a call a lane each way. The way forward looks scores up
 * and leaves p and the bits of A; on the way back every product has an operand of bits.
 */
import type { NodeOf } from "../../../nn/graph.ts";
import type { AttentionSizes } from "../../../nn/ops/attention.ts";
import { MOST_KEYS, WIDEST_HEAD } from "../../../program/attention.ts";
import { as, type KernelCall, k, type Roles } from "../../../program/call.ts";
import {
  attentionGradientBytes,
  attentionRowBytes,
  attentionScratchBytes,
  attentionSoftFloats,
} from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import { endsAsSigns } from "../../../quantizers/weight-quantizers.ts";
import type { Lane, Mode, PlanContext } from "../../plan/context.ts";
import { planSignBits } from "../sign-bits.ts";

/** The arguments that the calls over reals and over signs have in common. */
interface Given {
  readonly kind: number;
  readonly images: number;
  readonly heads: number;
  readonly tokens: number;
  readonly keys: number;
  readonly width: number;
  readonly parameters: Place | null;
}

interface GradientPlaces {
  readonly dy: Place;
  readonly dqueries: Place;
  readonly dkeys: Place;
  readonly dvalues: Place;
  readonly dparameters: Place | null;
}

export interface AttentionOverSigns {
  /** True where all operands are signs in this mode. */
  readonly acts: (mode: Mode) => boolean;
  readonly forward: (mode: Mode, lane: Lane, given: Given) => readonly KernelCall[];
  readonly backward: (lane: Lane, given: Given, places: GradientPlaces) => KernelCall;
}

/** Plans `node` over signs; null where its operands never are, or are too many to be counted. */
export function planSigns(
  { name, inputs, attributes }: NodeOf<"attention">,
  { tokens, keys, heads, d, dv }: AttentionSizes,
  context: PlanContext,
): AttentionOverSigns | null {
  const { live, memory, products, value } = context;
  const sites = [0, 1, 2].map((place) => live.site(name, place));
  if (products === "ff" || d > WIDEST_HEAD || keys > MOST_KEYS) return null;
  if (!sites.every((site) => site !== null && endsAsSigns(site.quantizer))) return null;
  const operand = (place: 0 | 1 | 2, rows: number, width: number) =>
    planSignBits(inputs[place] as string, { rows, features: heads * width }, context);
  const [query, key, own] = [operand(0, tokens, d), operand(1, keys, d), operand(2, keys, dv)];
  const soft = memory.declare(({ images }) => 4 * images * heads * attentionSoftFloats(tokens, keys));
  const matrix = memory.declare(({ images }) => images * heads * tokens * attentionRowBytes(keys));
  const scratch = memory.declare(() => attentionScratchBytes(keys, d, dv));
  const gradientScratch = memory.declare(() => attentionGradientBytes(tokens, keys, d, dv));
  const isSoft = attributes.matrix === "softmax";
  const roles = { scores: "bb", [attributes.matrix]: null, mix: isSoft ? "ff" : "bb" } as const;
  const gradientRoles: Roles = {
    ...{ "value gradient": isSoft ? "ff" : "fb", "matrix gradient": "fb", [`${attributes.matrix} gradient`]: null },
    ...{ "query gradient": "fb", "key gradient": "fb" },
  };
  const bitsOf = (lane: Lane) => ({
    queries: query.bits(lane),
    keyBits: key.bits(lane),
    valueBits: own.bits(lane),
    valueWidth: dv,
  });
  return {
    acts: (mode) => sites.every((site) => site !== null && mode.hard(site)),
    forward: (mode, lane, given) => {
      const call = { ...given, ...bitsOf(lane), out: value(name, lane), scratch: scratch(lane) };
      const product =
        mode.kind === "train"
          ? k.attentionNibblesKept({ ...call, soft: soft(lane), matrix: matrix(lane) })
          : k.attentionNibbles({ ...call, values: null });
      return [query.sign(lane), key.sign(lane), own.sign(lane), as(roles, product)];
    },
    backward: (lane, given, places) => {
      const kept = { soft: soft(lane), matrix: matrix(lane), scratch: gradientScratch(lane) };
      return as(gradientRoles, k.attentionNibblesBackward({ ...given, ...bitsOf(lane), ...places, ...kept }));
    },
  };
}
