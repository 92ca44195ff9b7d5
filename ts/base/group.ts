/** Groups of values. `Map.groupBy` is younger than the engines that run the core: Node 21, Chrome 117, Safari 17.4. */

/** The values by their keys, in the order in which a key is met first. */
export function groupBy<T, K>(values: Iterable<T>, keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
