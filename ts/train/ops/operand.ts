/** An operand that is computed itself, in the trainer: behind its quantizer where it has one, and the way back through it. */
import type { NodeOf } from "../../nn/graph.ts";
import type { KernelNode } from "../../nn/nodes.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { type KernelCall, k } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import type { Emit } from "../../program/program.ts";
import type { GradientSource, Lane, Mode, PlanContext, Sinks } from "../plan/context.ts";
import { backwardOf, forwardOf } from "../plan/quantize.ts";
import { planLearnedNumbers } from "./learned-numbers.ts";

export interface Operand {
  /** The operand as it is multiplied. */
  readonly place: (lane: Lane) => Place;
  /** The calls that make it of the input. */
  readonly forward: (mode: Mode, lane: Lane) => readonly KernelCall[];
  /** True where the gradient at the operand is of use: for the input, or for numbers that the quantizer learns. */
  readonly isWanted: (sinks: Sinks) => boolean;
  /** Writes the gradient at the input, where one is wanted. `product` gives that at the operand. */
  readonly backward: (emit: Emit, sinks: Sinks, product: ProductInto) => void;
  /** The numbers that the quantizer learns. */
  readonly gradients: readonly GradientSource[];
}

/** An operand behind a quantizer. */
export interface QuantizedOperand extends Operand {
  /** The input, and the numbers that a lane has of it. */
  readonly x: (lane: Lane) => Place;
  readonly count: (lane: Lane) => number;
  /** The gradient at the operand, which the way back through the quantizer reads. */
  readonly gradient: (lane: Lane) => Place;
  readonly through: (emit: Emit, sinks: Sinks) => void;
}

/** A call that writes to `out`, or adds to it. */
type ProductInto = (lane: Lane, target: { readonly out: Place; readonly accumulate: boolean }) => KernelCall;

type Node = NodeOf<"attention" | "matmul"> | KernelNode;

/** Plans the input of `node` at `place`, whose quantizer, where it has one, makes numbers of it. */
export function planOperand(node: Node, place: 0 | 1 | 2, context: PlanContext): Operand | QuantizedOperand {
  return context.live.site(node.name, place) === null
    ? planPlain(node, place, context)
    : planQuantized(node, place, context);
}

/** True for an operand with a quantizer. */
export const isQuantized = (operand: Operand): operand is QuantizedOperand => "through" in operand;

function planPlain({ name, inputs }: Node, place: 0 | 1 | 2, { value }: PlanContext): Operand {
  const input = inputs[place] as string;
  const isWanted = (sinks: Sinks): boolean => sinks.wanted(input);
  return {
    place: (lane) => value(input, lane),
    forward: () => [],
    isWanted,
    backward: (emit, sinks, product) => {
      if (!isWanted(sinks)) return;
      sinks.into(name, input, (lane, out, accumulate) => emit.lane(lane.index, product(lane, { out, accumulate })));
    },
    gradients: [],
  };
}

/** Plans an input behind its quantizer. */
export function planQuantized({ name, inputs }: Node, place: 0 | 1 | 2, context: PlanContext): QuantizedOperand {
  const { shape, live, memory, lanes, value } = context;
  const input = inputs[place] as string;
  const site = live.site(name, place);
  if (site === null) throw new Error(`no quantizer acts on input ${place} of "${name}"`);
  const x = (lane: Lane): Place => value(input, lane);
  const count = ({ images }: Lane): number => images * elementsOf(shape(input));
  const bytes = (lane: Lane): number => 4 * count(lane);
  const [quantized, gradient] = [memory.declare(bytes), memory.declare(bytes)];
  const learned = planLearnedNumbers(site, context);
  const isWanted = (sinks: Sinks): boolean => learned !== null || sinks.wanted(input);
  const through = (emit: Emit, sinks: Sinks): void => {
    for (const lane of learned === null ? [] : lanes) {
      const call = learned?.share(lane, { x: x(lane), dy: gradient(lane), count: count(lane) });
      if (call !== undefined) emit.lane(lane.index, call);
    }
    if (!sinks.wanted(input)) return;
    sinks.into(name, input, (lane, dx, accumulate) => {
      const given = { ...backwardOf(site), x: x(lane), dy: gradient(lane), accumulate, dx, count: count(lane) };
      emit.lane(lane.index, k.quantizeBackward(given));
    });
  };
  return {
    place: quantized,
    forward: (mode, lane) => [
      k.quantizeForward({ ...forwardOf(site, mode), x: x(lane), y: quantized(lane), count: count(lane) }),
    ],
    isWanted,
    backward: (emit, sinks, product) => {
      if (!isWanted(sinks)) return;
      // All lanes' products first: the place that `into` gives may have to be filled before.
      for (const lane of lanes) emit.lane(lane.index, product(lane, { out: gradient(lane), accumulate: false }));
      through(emit, sinks);
    },
    gradients: learned?.gradients ?? [],
    ...{ x, count, gradient },
    through,
  };
}
