/**
 * The assignment problem: a permutation of the largest sum. The Hungarian method in the form of shortest augmenting paths with
 * potentials (Kuhn 1955; Jonker and Volgenant 1987), O(n^3). Equal sums are told apart by the order of rows and columns alone.
 */

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

/** The row of each column, `[side]`: a permutation with the largest sum of `gains` `[side][side]`, which are finite. */
export function bestAssignment(gains: ArrayLike<number>, side: number): Uint32Array {
  // Columns and rows count from 1; 0 stands for none.
  const rowOf = new Uint32Array(side + 1);
  const [ofRow, ofColumn] = [new Float64Array(side + 1), new Float64Array(side + 1)];
  const [least, before, isDone] = [new Float64Array(side + 1), new Uint32Array(side + 1), new Uint8Array(side + 1)];
  for (let row = 1; row <= side; row++) {
    least.fill(Number.POSITIVE_INFINITY);
    isDone.fill(0);
    rowOf[0] = row;
    let column = 0;
    // A shortest path from this row to a column that has none.
    while (at(rowOf, column) !== 0) {
      isDone[column] = 1;
      const own = at(rowOf, column);
      let [step, nearest] = [Number.POSITIVE_INFINITY, 0];
      for (let other = 1; other <= side; other++) {
        if (at(isDone, other) === 1) continue;
        const cost = -at(gains, (own - 1) * side + other - 1) - at(ofRow, own) - at(ofColumn, other);
        if (cost < at(least, other)) {
          least[other] = cost;
          before[other] = column;
        }
        const isFree = at(rowOf, other) === 0;
        // Of equal ways a column without a row ends the path at once.
        if (at(least, other) > step || (at(least, other) === step && !isFree)) continue;
        step = at(least, other);
        nearest = other;
      }
      for (let other = 0; other <= side; other++) {
        if (at(isDone, other) === 1) {
          ofRow[at(rowOf, other)] = at(ofRow, at(rowOf, other)) + step;
          ofColumn[other] = at(ofColumn, other) - step;
        } else least[other] = at(least, other) - step;
      }
      column = nearest;
    }
    // Each column on the path takes the row of the one before it.
    while (column !== 0) {
      rowOf[column] = at(rowOf, at(before, column));
      column = at(before, column);
    }
  }
  return rowOf.slice(1).map((row) => row - 1);
}
