/** A graph whose nodes have classes, and what its edges make of numbers at the nodes. */

export interface Network {
  readonly nodes: number;
  /** Pairs of nodes, each edge once; nodes are numbered from 0. */
  readonly edges: readonly (readonly [number, number])[];
  readonly classes: readonly string[];
  /** The class of each node. */
  readonly labels: readonly number[];
}

/**
 * The normalised adjacency D^-1/2 (A + I) D^-1/2 with the degrees D of A + I, `[nodes][nodes]` (Kipf and Welling, ICLR 2017). A
 * product with it gives each node a mean over itself and its neighbours.
 */
export function adjacencyOf({ nodes, edges }: Network): Float64Array {
  const matrix = new Float64Array(nodes * nodes);
  for (let node = 0; node < nodes; node++) matrix[node * nodes + node] = 1;
  for (const [one, other] of edges) {
    matrix[one * nodes + other] = 1;
    matrix[other * nodes + one] = 1;
  }
  const degrees = Array.from({ length: nodes }, (_, node) =>
    matrix.subarray(node * nodes, (node + 1) * nodes).reduce((sum, entry) => sum + entry, 0),
  );
  return matrix.map(
    (entry, at) => entry / Math.sqrt((degrees[Math.floor(at / nodes)] as number) * (degrees[at % nodes] as number)),
  );
}

/** The product of the matrix `a [rows][rows]` with the features `x [rows][columns]`. */
export function aggregate(a: Float64Array, x: Float64Array): Float64Array {
  const rows = Math.sqrt(a.length);
  const columns = x.length / rows;
  return x.map((_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < rows; k++) sum += (a[row * rows + k] as number) * (x[k * columns + column] as number);
    return sum;
  });
}
