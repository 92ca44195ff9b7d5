/** Jest's test of a program that uses the package. */
import { writeFileSync } from "node:fs";
import { consume } from "./consume.js";

test("runs and trains", async () => {
  const outcome = await consume();
  writeFileSync("outcome.json", JSON.stringify(outcome));
  expect(outcome.logits).toHaveLength(69);
}, 120_000);
