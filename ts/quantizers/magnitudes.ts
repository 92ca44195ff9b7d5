/**
 * SiMaN's weights (Lin et al., "SiMaN: Sign-to-Magnitude Network Binarization", TPAMI 2022), from the definition in f64. The
 * larger half of a filter's magnitudes about its mean is +1, the rest -1.
 */

/** Added to the variance of the magnitudes: it keeps a filter of equal magnitudes finite. */
const VARIANCE_FLOOR = 1e-8;
/** The least f32 that is not 0 or denormal: what a weight of the smaller half is below 0 at least. */
const LEAST = 2 ** -126;

/** w', whose sign is the weight, and dS at each weight. */
export interface Magnitudes {
  readonly value: Float64Array;
  readonly slope: Float64Array;
}

/**
 * With a = |w - mean| and c = a within the `percentile`-th and the (100 - `percentile`)-th percentile of the filter, joined by
 * lines, w' = (c - t) / deviation of c. The threshold t lies half-way between the least of the ceil(K / 2) largest magnitudes
 * and the largest of the rest. Of equal magnitudes there, those of earlier rows are the larger.
 *
 * The way back holds mean, percentiles, threshold and deviation constant: dS = sign(w - mean) / deviation, and 0 where a lies
 * beyond the percentiles; sign(0) = +1.
 */
export function simanWeights(w: Float64Array, filters: number, percentile: number): Magnitudes {
  const [value, slope] = [new Float64Array(w.length), new Float64Array(w.length)];
  for (let filter = 0; filter < filters; filter++) {
    const found = magnitudesOf(
      w.filter((_, i) => i % filters === filter),
      percentile,
    );
    for (const [row, own] of found.value.entries()) value[row * filters + filter] = own;
    for (const [row, own] of found.slope.entries()) slope[row * filters + filter] = own;
  }
  return { value, slope };
}

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function magnitudesOf(w: Float64Array, percentile: number): Magnitudes {
  const mean = meanOf(w);
  const a = w.map((x) => Math.abs(x - mean));
  // The largest first, and of equal ones the earlier.
  const order = Array.from(a.keys()).sort((i, j) => (a[j] as number) - (a[i] as number) || i - j);
  const ascending = a.toSorted();
  const lowest = quantile(ascending, percentile / 100);
  const highest = quantile(ascending, 1 - percentile / 100);
  const c = a.map((x) => Math.min(highest, Math.max(lowest, x)));
  const centre = meanOf(c);
  const deviation = Math.sqrt(meanOf(c.map((x) => (x - centre) * (x - centre))) + VARIANCE_FLOOR);
  const half = Math.ceil(w.length / 2);
  const least = a[order[half - 1] as number] as number;
  const next = a[order[half] ?? (order[half - 1] as number)] as number;
  const threshold = (next + least) / 2;
  const value = new Float64Array(w.length);
  for (const [rank, row] of order.entries()) {
    const own = ((c[row] as number) - threshold) / deviation;
    value[row] = rank < half ? Math.max(0, own) : Math.min(-LEAST, own);
  }
  const passes = (x: number): boolean => lowest <= x && x <= highest;
  const slope = w.map((x, row) => (passes(a[row] as number) ? (x >= mean ? 1 : -1) / deviation : 0));
  return { value, slope };
}

/** The order statistic at `share` (n - 1), on the line between its neighbours. */
function quantile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const lower = ascending[below] as number;
  const upper = ascending[Math.min(below + 1, ascending.length - 1)] as number;
  return lower + (place - below) * (upper - lower);
}
