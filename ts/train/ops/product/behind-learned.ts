/**
 * Layers with a kernel behind a quantizer that learns. The layer multiplies the quantized values, which lie in memory of their own
 * in the place of its input. It knows of no quantizer there; or of one that takes their signs, where they are -a and +a. Then a is
 * a factor of its sums, and the gradient at the values is the one before that factor.
 */
import { isProduct, type KernelNode } from "../../../nn/nodes.ts";
import { activationsAreElastic } from "../../../nn/operands.ts";
import { bc } from "../../../quantizers/families.ts";
import type { LayerPlan, PlanContext, QuantizerSite } from "../../plan/context.ts";
import { planQuantized } from "../operand.ts";

/** Plans a layer; over signs whose size the quantizer `elastic` learns where that is given. */
type Plan = (context: PlanContext, elastic: QuantizerSite | null) => LayerPlan;

/** Plans `node` by `plan`, over what the quantizer of its activations makes of its input where that one learns. */
export function behindLearned(node: KernelNode, context: PlanContext, plan: Plan): LayerPlan {
  const {
    name,
    inputs: [input],
  } = node;
  const site = context.live.site(name, 0);
  if (site === null || site.learned.length === 0) return plan(context, null);
  const isOverSigns = context.products === "auto" && isProduct(node) && activationsAreElastic(node);
  // Its gradient is that at the values, as it comes.
  const signs: QuantizerSite | null = isOverSigns ? { ...site, quantizer: bc(), learned: [] } : null;
  const operand = planQuantized(node, 0, context);
  const inner: PlanContext = {
    ...context,
    value: (of, lane) => (of === input ? operand.place(lane) : context.value(of, lane)),
    live: { ...context.live, site: (of, at) => (of === name && at === 0 ? signs : context.live.site(of, at)) },
  };
  const layer = plan(inner, isOverSigns ? site : null);
  return {
    ...layer,
    forward: (mode, emit) => {
      for (const lane of context.lanes) {
        for (const call of operand.forward(mode, lane)) emit.lane(lane.index, call);
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
