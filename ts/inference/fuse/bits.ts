/** Thresholds in place of a scale, a shift and a sign: the bits of the sums, pooled where there is a pool, and nothing else. */
import { isProduct } from "../../nn/nodes.ts";
import { activationsAreElastic, elasticBits } from "../../nn/operands.ts";
import { k } from "../../program/inference-call.ts";
import { startBytes, terms } from "../../program/kernels.ts";
import { bitsRows, maxOfBits } from "../bits.ts";
import type { Context } from "../context.ts";
import { call, shapeKey } from "../draft.ts";
import { hasScale } from "../forms.ts";
import { affineOpOf, onBitsOpOf } from "../ops/index.ts";
import { operandsOf, partCall } from "../product/binary.ts";
import { elasticParts } from "../product/elastic-parts.ts";
import { scaleOf } from "../product/packed-weights.ts";
import { cutEvenly } from "../slices.ts";
import { pixelShape } from "../windows.ts";
import type { BitsGroup } from "./groups.ts";

export function emitBits(group: BitsGroup, context: Context): void {
  const { product, pool, norm } = group;
  const { draft, images } = context;
  const operands = operandsOf(product, context);
  const { kernel, shape, weights } = operands;
  const { layout } = kernel;
  const { filters } = shape;
  const { scale, shift } = affineOpOf(norm).scaleAndShift(norm, context);
  const [thresholds, flips] = [draft.allocate(4 * filters), draft.allocate(filters)];
  const factors = hasScale(product) ? scaleOf(product, filters, context) : null;
  const [reader] = context.network.flow.consumers(norm.name);
  const own = reader !== undefined && isProduct(reader.node) && activationsAreElastic(reader.node) ? reader.node : null;
  const middle = own === null ? null : elasticParts().middle(own, context);
  // Sums over bits that stand for 0 and 1 count twice.
  const bound = (elasticBits(product) === "levels" ? 2 : 1) * terms(shape);
  const sums = { channels: filters, bound, factors, middle };
  draft.once(norm.name, k.foldThresholds({ scale, shift, ...sums, thresholds, flips }));
  const mask = draft.allocate(layout.pixelBytes(filters));
  draft.once(norm.name, layout.packFlips({ flips, channels: filters, out: mask }));

  const targets =
    own === null || reader === undefined
      ? context.bits.windows(norm.name).map((window) => context.bits.put(norm.name, window))
      : [context.bits.putFor(reader)];
  const [only] = targets;
  const isDirect = pool === null && only !== undefined && targets.length === 1;
  const pixels = pixelShape(images, [shape.outHeight, shape.outWidth, filters]);
  const from = isDirect ? only : context.bits.buffer(product.name, pixels);
  const flipped = isDirect ? mask : draft.allocate(layout.pixelBytes(filters));

  const jobs = cutEvenly(shape, context.parts).map((part) => {
    const { shape: slice, descriptor, bits, starts } = partCall(product, operands, part, context);
    const limits = draft.memo(`limits ${product.name} ${shapeKey(slice)}`, () => {
      const made = draft.allocate(startBytes(slice));
      draft.once(norm.name, k.bbLimits({ shape: descriptor, starts, thresholds, limits: made }));
      return made;
    });
    const given = { shape: descriptor, bits, weights, limits, mask: flipped, ...part.filters };
    return [call(product.name, kernel.convBits({ ...given, ...bitsRows(from, part.rows, draft) }))];
  });
  draft.phase(jobs);
  if (isDirect) return;
  for (const to of targets) {
    const given = { from, mask, to };
    // Without a pool the bits are copied into each reader's buffer.
    const phase =
      pool === null ? maxOfBits(norm.name, pixels, given, context) : onBitsOpOf(pool).onBits(pool, given, context);
    draft.phase(phase);
  }
}
