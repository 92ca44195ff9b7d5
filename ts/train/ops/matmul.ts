/**
 * Products of two values in the trainer: y = a b, da = dy b^T, db = a^T dy, or dy^T a where b is transposed. Where both operands
 * are signs, the first is a product over bits, and the others have an operand of bits (`matmul/signs.ts`).
 */
import { matmulSizes } from "../../nn/ops/matmul.ts";
import { as, k } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import { matmulObstacles } from "../../value-obstacles.ts";
import type { Lane } from "../plan/context.ts";
import { type SliceProduct, sliceScratchBytes } from "./attention/products.ts";
import { planSigns } from "./matmul/signs.ts";
import type { TrainOp } from "./op.ts";
import { planOperand } from "./operand.ts";

/** The three products over so many images; each product of an image is a slice of its own. */
function productsOf(sizes: ReturnType<typeof matmulSizes>, turned: boolean, images: number) {
  const { products: heads, rows, columns, terms } = sizes;
  const whole = { images, heads, aSplit: false, bSplit: false, outSplit: false };
  const plain = { ...whole, aTransposed: false, bTransposed: false };
  return {
    value: { ...plain, rows, columns, terms, bTransposed: turned },
    first: { ...plain, rows, columns: terms, terms: columns, bTransposed: !turned },
    second: {
      ...plain,
      aTransposed: true,
      ...(turned ? { rows: columns, columns: terms } : { rows: terms, columns }),
      terms: rows,
    },
  } satisfies Readonly<Record<string, SliceProduct>>;
}

export const matmul: TrainOp<"matmul"> = {
  obstacles: matmulObstacles,
  plan: (node, context) => {
    const { name, inputs, attributes } = node;
    const turned = attributes.transposeSecond;
    const sizes = matmulSizes(inputs.map(context.shape), turned);
    const [first, second] = [planOperand(node, 0, context), planOperand(node, 1, context)];
    const signs = planSigns(node, sizes, context);
    const scratchBytes = sliceScratchBytes(Object.values(productsOf(sizes, turned, 1)));
    const scratch = context.memory.declare(() => scratchBytes);
    const product = (
      lane: Lane,
      which: keyof ReturnType<typeof productsOf>,
      places: { readonly a: Place; readonly b: Place; readonly out: Place; readonly accumulate?: boolean },
    ) => {
      const given = { alphas: null, accumulate: false, ...places, scratch: scratch(lane) };
      return k.ffSlices({ ...productsOf(sizes, turned, lane.images)[which], ...given });
    };
    return {
      forward: (mode, emit) => {
        for (const lane of context.lanes) {
          const out = context.value(name, lane);
          const calls = signs?.acts(mode)
            ? signs.forward(lane, out)
            : [
                ...first.forward(mode, lane),
                ...second.forward(mode, lane),
                as({ product: "ff" }, product(lane, "value", { a: first.place(lane), b: second.place(lane), out })),
              ];
          for (const call of calls) emit.lane(lane.index, call);
        }
      },
      backward: (mode, { input: emit }, sinks) => {
        const overSigns = signs?.acts(mode) ? signs : null;
        const dy = (lane: Lane): Place => sinks.gradient(name, lane);
        first.backward(emit, sinks, (lane, to) =>
          overSigns === null
            ? as({ "first gradient": "ff" }, product(lane, "first", { a: dy(lane), b: second.place(lane), ...to }))
            : overSigns.first(lane, dy(lane), to.out),
        );
        second.backward(emit, sinks, (lane, to) => {
          if (overSigns !== null) return overSigns.second(lane, dy(lane), to.out);
          const [gradient, value] = [dy(lane), first.place(lane)];
          const places = turned ? { a: gradient, b: value } : { a: value, b: gradient };
          return as({ "second gradient": "ff" }, product(lane, "second", { ...places, ...to }));
        });
      },
      gradients: [...first.gradients, ...second.gradients],
    };
  },
};
