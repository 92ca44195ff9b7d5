/** Changes of optimizers that methods share. */
import { isReal, type Optimizer, type ParameterOptimizer } from "../train/optimizers/optimizers.ts";

/** `optimizer` without decay at `parameters`, which are all latent weights of a network, or, with "rest", none of them. */
export function withoutDecay(
  optimizer: Optimizer,
  parameters: readonly string[],
  of: "binary" | "rest" = "binary",
): Optimizer {
  if (optimizer.kind !== "case") return undecayed(optimizer, parameters);
  if (of === "rest") return { ...optimizer, rest: undecayed(optimizer.rest, parameters) };
  return { ...optimizer, binary: undecayed(optimizer.binary, parameters) };
}

function undecayed<Own extends ParameterOptimizer>(own: Own, kernels: readonly string[]): Own {
  if (!isReal(own) || own.weightDecay === 0) return own;
  return { ...own, noDecay: [...new Set([...(own.noDecay ?? []), ...kernels])] };
}
