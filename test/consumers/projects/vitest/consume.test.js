/** Vitest's test of a program that uses the package. */
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { consume } from "./consume.js";

test("runs and trains", { timeout: 120_000 }, async () => {
  const outcome = await consume();
  writeFileSync("outcome.json", JSON.stringify(outcome));
  expect(outcome.logits).toHaveLength(69);
});
