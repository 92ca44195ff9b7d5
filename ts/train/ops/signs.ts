/** Signs that a pass over values leaves for the binary layer behind it (`fusions.ts`). */
import type { Lane, Mode, PlanContext, SignBuffer } from "../plan/context.ts";

/** The places for the signs of a lane's values, as the pass of `node` takes them; none where nobody reads them so. */
export function signsOf(
  node: string,
  mode: Mode,
  lane: Lane,
  context: PlanContext,
): SignBuffer | { readonly next: null; readonly nextBits: null } {
  const reader = context.fusions.readers.get(node);
  const signs = reader === undefined ? null : context.signs(reader, mode, lane);
  return signs ?? { next: null, nextBits: null };
}
