/**
 * Layers with a kernel behind a quantizer that learns. The layer multiplies the quantized values, which lie in memory of their own
 * in the place of its input, and it knows of no quantizer there. Where they are bits, it is given their signs: -a and +a about the
 * number at which bits begin. Then a is a factor of its sums, and the gradient at the values is the one before that factor.
 */
import { isProduct, type KernelNode } from "../../../nn/nodes.ts";
import { elasticBits } from "../../../nn/operands.ts";
import { type KernelCall, k } from "../../../program/call.ts";
import { at, type Place } from "../../../program/place.ts";
import { bc } from "../../../quantizers/families.ts";
import { forwardMapNumbers } from "../../../quantizers/map-names.ts";
import type { LayerPlan, PlanContext, QuantizerSite } from "../../plan/context.ts";
import { planQuantized, type QuantizedOperand } from "../operand.ts";
import type { ElasticBits } from "./operands.ts";

/** Plans a layer; over bits where something is known of such. */
type Plan = (context: PlanContext, elastic: ElasticBits | null) => LayerPlan;

/** Plans `node` by `plan`, over what the quantizer of its activations makes of its input where that one learns. */
export function behindLearned(node: KernelNode, context: PlanContext, plan: Plan): LayerPlan {
  const {
    name,
    inputs: [input],
  } = node;
  const site = context.live.site(name, 0);
  if (site === null || site.learned.length === 0) return plan(context, null);
  const operand = planQuantized(node, 0, context);
  const values = isProduct(node) && context.products === "auto" ? elasticBits(node) : null;
  const bits = values === null ? null : { site, values, real: operand.place };
  // The gradient at signs is that at the values, as it comes.
  const signs: QuantizerSite | null = bits === null ? null : { ...site, quantizer: bc(), learned: [] };
  const apart = values === "levels" ? planSigns(site, operand, context) : null;
  const given = apart?.place ?? operand.place;
  const layer = plan(
    {
      ...context,
      value: (of, lane) => (of === input ? given(lane) : context.value(of, lane)),
      live: {
        ...context.live,
        site: (of, place) => (of === name && place === 0 ? signs : context.live.site(of, place)),
      },
    },
    bits,
  );
  return {
    ...layer,
    prepare: (mode) => [...(apart === null ? [] : [apart.prepare]), ...(layer.prepare?.(mode) ?? [])],
    forward: (mode, emit) => {
      for (const lane of context.lanes) {
        // Without a way back nobody reads levels that are multiplied as bits.
        const own = apart === null || mode.kind === "train" ? operand.forward(mode, lane) : [];
        for (const call of [...own, ...(apart?.forward(lane) ?? [])]) emit.lane(lane.index, call);
      }
      layer.forward?.(mode, emit);
    },
    backward: (mode, emit, sinks) => {
      const isWanted = operand.isWanted(sinks);
      layer.backward?.(mode, emit, {
        ...sinks,
        wanted: (of) => (of === input ? isWanted : sinks.wanted(of)),
        into: (_node, _target, write) => {
          for (const lane of context.lanes) write(lane, operand.gradient(lane), false);
        },
      });
      if (isWanted) operand.through(emit.input, sinks);
    },
    gradients: [...(layer.gradients ?? []), ...operand.gradients],
  };
}

/** Numbers whose signs are the bits of levels. */
interface Signs {
  readonly place: QuantizedOperand["place"];
  /** The calls that find the number at which bits begin. */
  readonly prepare: readonly KernelCall[];
  readonly forward: (lane: Parameters<QuantizedOperand["place"]>[0]) => readonly KernelCall[];
}

/** Plans the signs of levels, which jump at offset + alpha / 2. */
function planSigns({ parameters }: QuantizerSite, { x, count }: QuantizedOperand, { memory }: PlanContext): Signs {
  const place = memory.declare((lane) => 4 * count(lane));
  // As an elastic map of signs reads them: a size, and the number at which bits begin.
  const numbers = memory.allocate(8);
  const [alpha, offset, half]: readonly [Place, Place, Place] = [
    parameters,
    at(parameters, 4),
    memory.constant(new Float32Array([0.5])),
  ];
  const least = memory.constant(new Float32Array([LARGE]));
  const maps = { proximal: forwardMapNumbers.identity, map: forwardMapNumbers.elasticSign, table: null };
  const size = k.quantizeForward({ ...maps, parameters: alpha, x: least, y: numbers, count: 1 });
  const middle = k.affine({ x: numbers, rows: 1, channels: 1, scale: half, shift: offset, y: at(numbers, 4) });
  return {
    place,
    prepare: [size, middle],
    forward: (lane) => [
      k.quantizeForward({ ...maps, parameters: numbers, x: x(lane), y: place(lane), count: count(lane) }),
    ],
  };
}

/** Larger than any offset, so that an elastic map takes it to alpha. */
const LARGE = 3e38;
