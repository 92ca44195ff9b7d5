/**
 * RBNN's rotations of a layer (Lin et al., NeurIPS 2020, section 3.2). They lessen the angles between the rotated filters and their
 * signs: the sum over filters of tr(B_i R2^T X_i^T R1) grows, where X_i `[a][b]` is a filter and B_i = sign(R1^T X_i R2). One after
 * the other B, R1 and R2 are set to their best. R1 is V U^T of the singular value decomposition U S V^T of sum_i B_i R2^T X_i^T, and
 * R2 is U V^T of that of sum_i X_i^T R1 B_i. Both are orthogonal factors of polar decompositions.
 *
 * All is f64, in order, and each operation is one whose bits IEEE 754 fixes. So a run has the same rotations in every engine.
 */
import { type Rotations, rotated, rotationSides } from "../quantizers/rotations.ts";

/** The two rotations, `[a][a]` and `[b][b]`. */
export type Pair = Pick<Rotations, "left" | "right">;

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

/** `times` alternations over standardised filters `w` `[K][filters]`. */
export function alternate(w: ArrayLike<number>, filters: number, given: Pair, times: number): Pair {
  let pair = given;
  for (let i = 0; i < times; i++) {
    const signs = rotated(w, filters, pair).map((value) => (value >= 0 ? 1 : -1));
    const left = nextLeft(w, signs, filters, pair.right);
    pair = { left, right: nextRight(w, signs, filters, left) };
  }
  return pair;
}

/** The mean over filters of the cosine between a filter after its rotation and its signs. */
export function meanCosine(w: ArrayLike<number>, filters: number, pair: Pair): number {
  const turned = rotated(w, filters, pair);
  const [sums, squares] = [new Float64Array(filters), new Float64Array(filters)];
  for (const [i, value] of turned.entries()) {
    sums[i % filters] = at(sums, i % filters) + Math.abs(value);
    squares[i % filters] = at(squares, i % filters) + value * value;
  }
  const rows = w.length / filters;
  const cosines = sums.map((sum, f) => (at(squares, f) === 0 ? 0 : sum / Math.sqrt(rows * at(squares, f))));
  return cosines.reduce((sum, cosine) => sum + cosine, 0) / filters;
}

/** R1, the polar factor of sum_i X_i R2 B_i^T. */
function nextLeft(w: ArrayLike<number>, signs: Float64Array, filters: number, right: ArrayLike<number>): Float64Array {
  const [a, b] = rotationSides(w.length / filters);
  const [sum, half] = [new Float64Array(a * a), new Float64Array(b)];
  for (let filter = 0; filter < filters; filter++) {
    for (let row = 0; row < a; row++) {
      half.fill(0);
      for (let i = 0; i < b; i++) {
        const value = at(w, (row * b + i) * filters + filter);
        for (let column = 0; column < b; column++) half[column] = at(half, column) + value * at(right, i * b + column);
      }
      for (let other = 0; other < a; other++) {
        let total = 0;
        for (let column = 0; column < b; column++)
          total += at(half, column) * at(signs, (other * b + column) * filters + filter);
        sum[row * a + other] = at(sum, row * a + other) + total;
      }
    }
  }
  return polarFactor(sum, a);
}

/** R2, the polar factor of sum_i X_i^T R1 B_i. */
function nextRight(w: ArrayLike<number>, signs: Float64Array, filters: number, left: ArrayLike<number>): Float64Array {
  const [a, b] = rotationSides(w.length / filters);
  const [sum, half] = [new Float64Array(b * b), new Float64Array(a)];
  for (let filter = 0; filter < filters; filter++) {
    for (let row = 0; row < b; row++) {
      half.fill(0);
      for (let i = 0; i < a; i++) {
        const value = at(w, (i * b + row) * filters + filter);
        for (let column = 0; column < a; column++) half[column] = at(half, column) + value * at(left, i * a + column);
      }
      for (let column = 0; column < b; column++) {
        let total = 0;
        for (let i = 0; i < a; i++) total += at(half, i) * at(signs, (i * b + column) * filters + filter);
        sum[row * b + column] = at(sum, row * b + column) + total;
      }
    }
  }
  return polarFactor(sum, b);
}

const MOST_SWEEPS = 60;
/** Columns are at right angles where their product is this small beside their lengths. */
const CLOSE = 1e-14;

/**
 * U V^T of the singular value decomposition U S V^T of `matrix` `[d][d]`: the orthogonal matrix Q with the largest tr(Q^T M). The
 * decomposition is Hestenes' (1958): Jacobi's rotations from the right until the columns M V = U S are at right angles.
 */
export function polarFactor(matrix: ArrayLike<number>, d: number): Float64Array {
  // Columns as rows: those of M V, and of V.
  const u = Array.from({ length: d }, (_, j) => Float64Array.from({ length: d }, (_r, i) => at(matrix, i * d + j)));
  const v = Array.from({ length: d }, (_, j) => Float64Array.from({ length: d }, (_r, i) => (i === j ? 1 : 0)));
  for (let sweep = 0, moved = true; moved && sweep < MOST_SWEEPS; sweep++) {
    moved = false;
    for (let p = 0; p < d; p++) {
      for (let q = p + 1; q < d; q++) {
        const turn = turnOf(u[p] as Float64Array, u[q] as Float64Array);
        if (turn === null) continue;
        moved = true;
        for (const columns of [u, v]) turnColumns(columns[p] as Float64Array, columns[q] as Float64Array, turn);
      }
    }
  }
  normalise(u);
  const found = new Float64Array(d * d);
  for (const [j, column] of u.entries()) {
    const other = v[j] as Float64Array;
    for (let i = 0; i < d; i++) {
      for (let k = 0; k < d; k++) found[i * d + k] = at(found, i * d + k) + at(column, i) * at(other, k);
    }
  }
  return found;
}

const dot = (x: Float64Array, y: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += at(x, i) * at(y, i);
  return sum;
};

/** Cosine and sine of the turn that brings two columns to right angles; null where they are. */
function turnOf(x: Float64Array, y: Float64Array): readonly [number, number] | null {
  const [xx, yy, xy] = [dot(x, x), dot(y, y), dot(x, y)];
  if (Math.abs(xy) <= CLOSE * Math.sqrt(xx * yy)) return null;
  const zeta = (yy - xx) / (2 * xy);
  const tangent = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const cosine = 1 / Math.sqrt(1 + tangent * tangent);
  return [cosine, cosine * tangent];
}

function turnColumns(x: Float64Array, y: Float64Array, [cosine, sine]: readonly [number, number]): void {
  for (let i = 0; i < x.length; i++) {
    const [own, other] = [at(x, i), at(y, i)];
    x[i] = cosine * own - sine * other;
    y[i] = sine * own + cosine * other;
  }
}

/** Columns at right angles as unit vectors. One that is next to 0 becomes a unit vector at right angles to all others. */
function normalise(columns: readonly Float64Array[]): void {
  const lengths = columns.map((column) => Math.sqrt(dot(column, column)));
  const least = 1e-10 * lengths.reduce((most, length) => Math.max(most, length), 0);
  const done: Float64Array[] = [];
  const left: Float64Array[] = [];
  for (const [i, column] of columns.entries()) {
    const length = lengths[i] as number;
    if (length <= least) left.push(column);
    else done.push(scaled(column, 1 / length));
  }
  for (const column of left) done.push(complete(column, done));
}

function scaled(column: Float64Array, factor: number): Float64Array {
  for (let i = 0; i < column.length; i++) column[i] = at(column, i) * factor;
  return column;
}

/** Makes of `column` the axis that is furthest from the span of `others`, at right angles to all of them. */
function complete(column: Float64Array, others: readonly Float64Array[]): Float64Array {
  const covered = column.map((_, axis) => others.reduce((sum, other) => sum + at(other, axis) ** 2, 0));
  const axis = covered.reduce((best, value, i) => (value < at(covered, best) ? i : best), 0);
  column.fill(0);
  column[axis] = 1;
  for (const other of [...others, ...others]) {
    const along = dot(column, other);
    for (let i = 0; i < column.length; i++) column[i] = at(column, i) - along * at(other, i);
  }
  return scaled(column, 1 / Math.sqrt(dot(column, column)));
}
