/** Tests with vitest's clock share these. */
import { vi } from "vitest";

/** Resolves when the code under test has set a timer on vitest's clock, which has not gone off yet. */
export async function timerSet(): Promise<void> {
  while (vi.getTimerCount() === 0) await new Promise(setImmediate);
}
