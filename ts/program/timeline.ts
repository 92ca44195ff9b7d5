/**
 * Stretches of time by number, and which of them meet another: a segment tree (Bentley 1977) whose nodes hold the stretches
 * that cover them, and the stretches by their first moments.
 */
export interface Timeline {
  /** Adds a stretch, both ends included. */
  readonly add: (first: number, last: number, number: number) => void;
  /** The numbers of the stretches that meet this one; null where they are more than `most`, or it is too long to ask. */
  readonly together: (first: number, last: number, most: number) => readonly number[] | null;
}

/** A timeline of the moments 0 to `moments - 1`. */
export function createTimeline(moments: number): Timeline {
  let leaves = 1;
  while (leaves < moments) leaves *= 2;
  const covering = new Map<number, number[]>();
  const starting = new Map<number, number[]>();
  const put = (lists: Map<number, number[]>, key: number, number: number): void => {
    const known = lists.get(key);
    if (known === undefined) lists.set(key, [number]);
    else known.push(number);
  };
  return {
    add: (first, last, number) => {
      put(starting, first, number);
      // The fewest nodes that make the stretch, from the leaves up.
      for (let [from, to] = [first + leaves, last + leaves + 1]; from < to; from >>= 1, to >>= 1) {
        if (from % 2 === 1) put(covering, from++, number);
        if (to % 2 === 1) put(covering, --to, number);
      }
    },
    together: (first, last, most) => {
      if (last - first > most) return null;
      const found: number[] = [];
      // Each stretch over the first moment covers one node on the way up; all others begin later.
      for (let node = first + leaves; node > 0; node >>= 1) {
        for (const number of covering.get(node) ?? []) if (found.push(number) > most) return null;
      }
      for (let moment = first + 1; moment <= last; moment++) {
        for (const number of starting.get(moment) ?? []) if (found.push(number) > most) return null;
      }
      return found;
    },
  };
}
