/** Sums in the order of the tables of four terms, which products of reals with signs are summed in. */

/** Terms in fours, `(t0 + t1) + (t2 + t3)`, and those in order. */
export function inTables(terms: number, term: (t: number) => number): number {
  const at = (t: number): number => (t < terms ? Math.fround(term(t)) : 0);
  let sum = 0;
  for (let t = 0; t < terms; t += 4) {
    const four = Math.fround(Math.fround(at(t) + at(t + 1)) + Math.fround(at(t + 2) + at(t + 3)));
    sum = Math.fround(sum + four);
  }
  return sum;
}
