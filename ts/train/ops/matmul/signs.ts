/** Products of two operands of signs in the trainer: bits on the way forward, tables over bits on the way back. */
import type { NodeOf } from "../../../nn/graph.ts";
import type { MatmulSizes } from "../../../nn/ops/matmul.ts";
import { as, type KernelCall, k } from "../../../program/call.ts";
import { signGradientBytes, signSliceBytes } from "../../../program/kernels.ts";
import { MOST_TERMS } from "../../../program/matmul.ts";
import type { Place } from "../../../program/place.ts";
import { endsAsSigns } from "../../../quantizers/operand-kinds.ts";
import type { Lane, Mode, PlanContext } from "../../plan/context.ts";
import { planSignBits } from "../sign-bits.ts";

export interface MatmulOverSigns {
  /** True where both operands are signs in this mode. */
  readonly acts: (mode: Mode) => boolean;
  readonly forward: (lane: Lane, out: Place) => readonly KernelCall[];
  /** The gradient at an operand behind its quantizer, out of that at the product. */
  readonly first: (lane: Lane, dy: Place, out: Place) => KernelCall;
  readonly second: (lane: Lane, dy: Place, out: Place) => KernelCall;
}

/** Plans `node` over signs; null where its operands never are, or have more terms than are counted. */
export function planSigns(
  { name, inputs, attributes }: NodeOf<"matmul">,
  sizes: MatmulSizes,
  context: PlanContext,
): MatmulOverSigns | null {
  const { live, memory, products, value } = context;
  const { products: heads, rows, columns, terms } = sizes;
  const sites = [live.site(name, 0), live.site(name, 1)];
  if (products === "ff" || terms > MOST_TERMS) return null;
  if (!sites.every((site) => site !== null && endsAsSigns(site.quantizer))) return null;
  const bTransposed = attributes.transposeSecond;
  const a = planSignBits((lane) => value(inputs[0], lane), { rows: heads * rows, features: terms }, context);
  const [height, features] = bTransposed ? [columns, terms] : [terms, columns];
  const b = planSignBits((lane) => value(inputs[1], lane), { rows: heads * height, features }, context);
  const scratch = memory.declare(() => signSliceBytes(columns, terms));
  const gradientScratch = memory.declare(() => signGradientBytes(rows, columns, terms));
  const given = ({ images }: Lane) => ({ images, heads, rows, columns, terms, bTransposed });
  const gradient = (lane: Lane, dy: Place, out: Place) => ({
    ...given(lane),
    ...{ dy, out, scratch: gradientScratch(lane) },
  });
  return {
    acts: (mode) => sites.every((site) => site !== null && mode.hard(site)),
    forward: (lane, out) => {
      const places = { a: a.bits(lane), b: b.bits(lane), out, scratch: scratch(lane) };
      return [a.sign(lane), b.sign(lane), as({ product: "bb" }, k.bbSlicesNibbles({ ...given(lane), ...places }))];
    },
    first: (lane, dy, out) =>
      as({ "first gradient": "fb" }, k.fbSlicesFirst({ ...gradient(lane, dy, out), b: b.bits(lane) })),
    second: (lane, dy, out) =>
      as({ "second gradient": "fb" }, k.fbSlicesSecond({ ...gradient(lane, dy, out), a: a.bits(lane) })),
  };
}
