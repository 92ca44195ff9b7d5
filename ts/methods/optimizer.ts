/** Changes of optimizers that methods share. */
import { isReal, type Optimizer, type ParameterOptimizer } from "../train/optimizers/optimizers.ts";

/** `optimizer` without decay at `kernels`, which are all latent weights of a network. */
export function withoutDecay(optimizer: Optimizer, kernels: readonly string[]): Optimizer {
  if (optimizer.kind === "case") return { ...optimizer, binary: undecayed(optimizer.binary, kernels) };
  return undecayed(optimizer, kernels);
}

function undecayed<Own extends ParameterOptimizer>(own: Own, kernels: readonly string[]): Own {
  if (!isReal(own) || own.weightDecay === 0) return own;
  return { ...own, noDecay: [...new Set([...(own.noDecay ?? []), ...kernels])] };
}
