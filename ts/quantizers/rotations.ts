/**
 * RBNN's weights (Lin, Ji, Xu, Zhang, Wang, Wu, Huang and Lin, "Rotated Binary Neural Network", NeurIPS 2020), in f64. A filter of
 * K = a b standardised weights w2 is a matrix X `[a][b]`, row by row, and its rotation is R1^T X R2. The weight is
 * w3 = w2 + |sin beta| (R1^T X R2 - w2), with an angle beta for each filter. On the way back the rotated weight is a constant, so
 * the factor from w3 to w2 is 1 - |sin beta|.
 */

/** The sides a <= b of a filter of `rows` weights as a matrix: a is the largest divisor up to the square root. */
export function rotationSides(rows: number): readonly [number, number] {
  let a = Math.floor(Math.sqrt(rows));
  while (rows % a !== 0) a--;
  return [a, rows / a];
}

/** The tensors of a layer of n filters: R1 `[a][a]`, R2 `[b][b]`, and the angles `[n]`. */
export interface Rotations {
  readonly left: ArrayLike<number>;
  readonly right: ArrayLike<number>;
  readonly angle: ArrayLike<number>;
}

/** R1^T X R2 of every filter of `w` `[K][filters]`, in the same layout. */
export function rotated(
  w: ArrayLike<number>,
  filters: number,
  { left, right }: Pick<Rotations, "left" | "right">,
): Float64Array {
  const [a, b] = rotationSides(w.length / filters);
  const found = new Float64Array(w.length);
  const half = new Float64Array(a * b);
  for (let filter = 0; filter < filters; filter++) {
    for (let row = 0; row < a; row++) {
      for (let column = 0; column < b; column++) {
        let sum = 0;
        for (let i = 0; i < a; i++)
          sum += (left[i * a + row] as number) * (w[(i * b + column) * filters + filter] as number);
        half[row * b + column] = sum;
      }
    }
    for (let row = 0; row < a; row++) {
      for (let column = 0; column < b; column++) {
        let sum = 0;
        for (let i = 0; i < b; i++) sum += (half[row * b + i] as number) * (right[i * b + column] as number);
        found[(row * b + column) * filters + filter] = sum;
      }
    }
  }
  return found;
}

/** The weights w3 of `w2`, |sin beta| of each filter, and R1^T X R2 - w2. */
export function turnedWeights(w2: Float64Array, filters: number, rotations: Rotations) {
  const share = Float64Array.from({ length: filters }, (_, f) => Math.abs(Math.sin(rotations.angle[f] as number)));
  const turned = rotated(w2, filters, rotations);
  const apart = turned.map((value, i) => value - (w2[i] as number));
  const value = w2.map((own, i) => own + (share[i % filters] as number) * (apart[i] as number));
  return { value, share, apart };
}
