/** A page that only runs a packed model. Its bundle is the price of inference. */
import { load } from "../../../ts/inference/index.ts";

/** The logits of two `images`, and the session's own facts. */
async function run(
  packed: readonly number[],
  images: readonly number[],
): Promise<{ logits: number[]; variant: string }> {
  const session = await load(Uint8Array.from(packed));
  return {
    logits: [...session.run(Uint8Array.from(images), { count: 2 })],
    variant: (await session.explain()).variant,
  };
}

declare global {
  interface Window {
    runPacked: typeof run;
  }
}

window.runPacked = run;
