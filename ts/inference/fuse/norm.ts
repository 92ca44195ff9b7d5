/**
 * Scale and shift on the sums of a product, the shortcut added where there is one. The result leaves as f32 and as
 * bits, as its readers want it.
 */
import { at, type Place } from "../../program/place.ts";
import { bitsRows } from "../bits.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { affineOpOf } from "../ops/index.ts";
import { operandsOf, partCall } from "../product/binary.ts";
import { cutEvenly } from "../slices.ts";
import type { NormGroup } from "./groups.ts";

export function emitNorm(group: NormGroup, context: Context): void {
  const { product, norm, add } = group;
  const { draft, values } = context;
  const operands = operandsOf(product, context);
  const { kernel, shape, weights } = operands;
  const { scale, shift } = affineOpOf(norm).scaleAndShift(norm, context);
  const last = add ?? norm;
  const shortcut =
    add === null ? null : (add.inputs.find((name) => context.network.flow.source(name).name !== norm.name) as string);
  const residual = shortcut === null ? null : values.of(shortcut);

  const [window] = context.bits.windows(last.name);
  const next = window === undefined ? null : context.bits.put(last.name, window);
  // The sum may take the place of the shortcut where nobody reads that again.
  if (shortcut !== null && residual !== null && values.isLastUse(shortcut, new Set(group.members)))
    values.put(last.name, residual);
  const out = next === null || values.isWanted(last.name) ? values.of(last.name) : null;

  const jobs = cutEvenly(shape, context.parts).map((part) => {
    const { descriptor, bits, starts, pixel } = partCall(product, operands, part, context);
    const real = (place: Place | null): Place | null => (place === null ? null : at(place, 4 * pixel * shape.filters));
    const signs = next === null ? { next: null, nextBits: null } : bitsRows(next, part.rows, draft);
    const given = { shape: descriptor, bits, weights, starts, scale, shift, ...part.filters };
    return [call(product.name, kernel.convNorm({ ...given, residual: real(residual), out: real(out), ...signs }))];
  });
  draft.phase(jobs);
}
