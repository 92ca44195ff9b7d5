/** The test body that all consumers share. The harness writes model.js beside it. */
import { infer } from "./inference.js";
import { model } from "./model.js";
import { train } from "./training.js";

export async function consume(options = {}) {
  return { ...(await infer(model, options.load)), ...(await train(options.create)) };
}
