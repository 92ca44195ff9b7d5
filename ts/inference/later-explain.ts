/** `explain` of a session. What it takes is loaded at the first call, because most pages never ask. */
import { later } from "../base/later.ts";
import type { Variant } from "../runtime/variants.ts";
import type { Explanation } from "./explain-session.ts";
import type { Prepared } from "./prepare.ts";

/** The explanation of what runs in `memory`, prepared with the build `variant` of the core. */
export async function explain(variant: Variant, prepared: Prepared, memory: WebAssembly.Memory): Promise<Explanation> {
  const { explanationOf } = await later(async () => await import("./explain-session.ts"));
  return explanationOf(variant, prepared, memory);
}
