/** A batch must be large enough for statistics over it. */
import { ProxbitError } from "../../base/errors.ts";
import { rowsOf, type Shape } from "../../nn/shapes.ts";
import { trainOpOf } from "../ops/index.ts";
import type { Engine } from "./engine.ts";

/**
 * That each layer that normalises over a batch of `batchSize` examples sees at least two numbers of a channel. Of one number
 * the deviation is 0, and the layer learns nothing.
 *
 * @throws ProxbitError "argument" with the first such layer.
 */
export function checkBatch({ graph, shapes }: Engine, batchSize: number): void {
  if (batchSize > 1) return;
  const alone = graph.nodes.find(
    ({ op, name }) => trainOpOf(op).isOverBatch === true && rowsOf(shapes.get(name) as Shape).rows === 1,
  );
  if (alone === undefined) return;
  throw new ProxbitError(
    "argument",
    `a batch of one leaves layer "${alone.name}" a single number for each channel, which batch norm turns into 0`,
    "Use a batchSize of 2 or more, or layerNorm in place of batchNorm.",
  );
}

/** That a step of `batchSize` examples has enough for every term of the loss. @throws ProxbitError "argument" with the first */
export function checkTermBatch({ objective }: Engine, batchSize: number): void {
  const short = objective.find(({ leastBatch = 1 }) => leastBatch > batchSize);
  if (short === undefined) return;
  throw new ProxbitError(
    "argument",
    `the loss term "${short.name}" compares the examples of a step, and a batchSize of ${batchSize} leaves it nothing to tell`,
    `Use a batchSize of ${short.leastBatch} or more, or a bank of earlier examples, such as bank: 4096.`,
  );
}
