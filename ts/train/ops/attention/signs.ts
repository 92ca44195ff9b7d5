/**
 * Attention whose queries, keys and values are signs, in the trainer: a call a lane each way. The way forward looks scores up
 * and leaves p and the bits of A; on the way back every product has an operand of bits. Signs of a learned size are packed behind
 * their quantizer, and the sizes are factors of the products.
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
import { elasticValues, endsAsSizedSigns } from "../../../quantizers/operand-kinds.ts";
import type { Lane, Mode, PlanContext, QuantizerSite } from "../../plan/context.ts";
import type { Operand } from "../operand.ts";
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

/** True where the operand is signs of a learned size. */
const isElastic = ({ quantizer }: QuantizerSite): boolean => elasticValues(quantizer) === "signs";

/** Plans `node`, whose operands are planned, over signs; null where its operands never are, or are too many to be counted. */
export function planSigns(
  { name, inputs, attributes }: NodeOf<"attention">,
  { tokens, keys, heads, d, dv }: AttentionSizes,
  operands: readonly Operand[],
  context: PlanContext,
): AttentionOverSigns | null {
  const { live, memory, products, value } = context;
  const sites = [0, 1, 2].map((place) => live.site(name, place));
  if (products === "ff" || d > WIDEST_HEAD || keys > MOST_KEYS) return null;
  if (!sites.every((site) => site !== null && endsAsSizedSigns(site.quantizer))) return null;
  const planned = (place: 0 | 1 | 2, rows: number, width: number) => {
    const [site, operand] = [sites[place] as QuantizerSite, operands[place] as Operand];
    const isSized = isElastic(site);
    const x = (lane: Lane): Place => (isSized ? operand.place(lane) : value(inputs[place], lane));
    const { bits, sign } = planSignBits(x, { rows, features: heads * width }, context);
    const calls = (mode: Mode, lane: Lane) => [...(isSized ? operand.forward(mode, lane) : []), sign(lane)];
    // The first number that such a quantizer learns.
    return { bits, calls, size: isSized ? site.parameters : null };
  };
  const [query, key, own] = [planned(0, tokens, d), planned(1, keys, d), planned(2, keys, dv)];
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
    ...{ querySize: query.size, keySize: key.size, valueSize: own.size },
  });
  return {
    acts: (mode) => sites.every((site) => site !== null && (isElastic(site) || mode.hard(site))),
    forward: (mode, lane, given) => {
      const call = { ...given, ...bitsOf(lane), out: value(name, lane), scratch: scratch(lane) };
      const product =
        mode.kind === "train"
          ? k.attentionNibblesKept({ ...call, soft: soft(lane), matrix: matrix(lane) })
          : k.attentionNibbles({ ...call, values: null });
      return [...[query, key, own].flatMap(({ calls }) => calls(mode, lane)), as(roles, product)];
    },
    backward: (lane, given, places) => {
      const kept = { soft: soft(lane), matrix: matrix(lane), scratch: gradientScratch(lane) };
      return as(gradientRoles, k.attentionNibblesBackward({ ...given, ...bitsOf(lane), ...places, ...kept }));
    },
  };
}
