/**
 * The map of noisy supervision (Han, Wang, Xu, Xu, Wu and Xu, "Training Binary Neural Networks through Learning with Noisy
 * Supervision", ICML 2020), in f64: t = w + sum_j u_j tanh(v_j . w + c_j) for a filter w of K weights. The paper leaves the form of
 * the network open. This one has a hidden layer, and is the identity where all u are 0.
 */

/** t of every filter of `w` `[K][filters]`; a unit of `mapping` `[units][2 K + 1]` is v, c and u. */
export function mappedWeights(w: Float64Array, filters: number, mapping: ArrayLike<number>): Float64Array {
  const rows = w.length / filters;
  const size = 2 * rows + 1;
  const t = Float64Array.from(w);
  for (let filter = 0; filter < filters; filter++) {
    for (let unit = 0; unit < mapping.length; unit += size) {
      let sum = mapping[unit + rows] as number;
      for (let row = 0; row < rows; row++)
        sum += (mapping[unit + row] as number) * (w[row * filters + filter] as number);
      const hidden = Math.tanh(sum);
      for (let row = 0; row < rows; row++) {
        const at = row * filters + filter;
        t[at] = (t[at] as number) + (mapping[unit + rows + 1 + row] as number) * hidden;
      }
    }
  }
  return t;
}
