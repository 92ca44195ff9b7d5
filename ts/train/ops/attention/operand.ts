/** An operand that is computed itself, in the trainer: behind its quantizer where it has one, and the way back through it. */
import type { NodeOf } from "../../../nn/graph.ts";
import { elementsOf } from "../../../nn/shapes.ts";
import { type KernelCall, k } from "../../../program/call.ts";
import type { Place } from "../../../program/place.ts";
import type { Emit } from "../../../program/program.ts";
import type { Lane, Mode, PlanContext, Sinks } from "../../plan/context.ts";
import { backwardOf, forwardOf } from "../../plan/quantize.ts";

export interface Operand {
  /** The operand as it is multiplied. */
  readonly place: (lane: Lane) => Place;
  /** The calls that make it of the input. */
  readonly forward: (mode: Mode, lane: Lane) => readonly KernelCall[];
  /** Writes the gradient at the input, where one is wanted. `product` gives that at the operand. */
  readonly backward: (emit: Emit, sinks: Sinks, product: ProductInto) => void;
  /** The way back through the quantizer, and the gradient at the operand that it reads; null where there is no quantizer. */
  readonly quantizer: QuantizerWay | null;
}

interface QuantizerWay {
  readonly gradient: (lane: Lane) => Place;
  readonly backward: (emit: Emit, sinks: Sinks) => void;
}

/** A call that writes to `out`, or adds to it. */
type ProductInto = (lane: Lane, target: { readonly out: Place; readonly accumulate: boolean }) => KernelCall;

/** Plans the input of `node` at `place`. */
export function planOperand(
  { name, inputs }: NodeOf<"attention" | "matmul">,
  place: 0 | 1 | 2,
  { shape, live, memory, lanes, value }: PlanContext,
): Operand {
  const input = inputs[place] as string;
  const x = (lane: Lane): Place => value(input, lane);
  const site = live.site(name, place);
  const count = ({ images }: Lane): number => images * elementsOf(shape(input));
  if (site === null) {
    return {
      place: x,
      forward: () => [],
      backward: (emit, sinks, product) => {
        if (!sinks.wanted(input)) return;
        sinks.into(name, input, (lane, out, accumulate) => emit.lane(lane.index, product(lane, { out, accumulate })));
      },
      quantizer: null,
    };
  }
  const bytes = (lane: Lane): number => 4 * count(lane);
  const [quantized, gradient] = [memory.declare(bytes), memory.declare(bytes)];
  const through = (emit: Emit, sinks: Sinks): void => {
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
    backward: (emit, sinks, product) => {
      if (!sinks.wanted(input)) return;
      // All lanes' products first: the place that `into` gives may have to be filled before.
      for (const lane of lanes) emit.lane(lane.index, product(lane, { out: gradient(lane), accumulate: false }));
      through(emit, sinks);
    },
    quantizer: { gradient, backward: through },
  };
}
