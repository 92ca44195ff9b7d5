/**
 * The heights over a stretch of time: a segment tree (Bentley 1977) whose entries rise only. Reading and raising a stretch take
 * steps by the logarithm of its length.
 */
export interface Skyline {
  /** The greatest height from `first` to `last`, both included. */
  readonly highest: (first: number, last: number) => number;
  /** Raises all of the stretch to `height`, which is not below any height there. */
  readonly raise: (first: number, last: number, height: number) => void;
}

/** A skyline of height 0 over the moments 0 to `moments - 1`. */
export function createSkyline(moments: number): Skyline {
  let leaves = 1;
  while (leaves < moments) leaves *= 2;
  /** The greatest height below a node of the tree, and a height that all of its stretch has at least. */
  const [highestOf, floorOf] = [new Float64Array(2 * leaves), new Float64Array(2 * leaves)];
  const highest = (first: number, last: number, node = 1, from = 0, to = leaves - 1): number => {
    if (last < from || to < first) return 0;
    if (first <= from && to <= last) return highestOf[node] as number;
    const middle = (from + to) >> 1;
    const below = Math.max(
      highest(first, last, 2 * node, from, middle),
      highest(first, last, 2 * node + 1, middle + 1, to),
    );
    return Math.max(below, floorOf[node] as number);
  };
  const raise = (first: number, last: number, height: number, node = 1, from = 0, to = leaves - 1): void => {
    if (last < from || to < first) return;
    highestOf[node] = Math.max(highestOf[node] as number, height);
    if (first <= from && to <= last) {
      floorOf[node] = Math.max(floorOf[node] as number, height);
      return;
    }
    const middle = (from + to) >> 1;
    raise(first, last, height, 2 * node, from, middle);
    raise(first, last, height, 2 * node + 1, middle + 1, to);
  };
  return {
    highest: (first, last) => highest(first, last),
    raise: (first, last, height) => raise(first, last, height),
  };
}
