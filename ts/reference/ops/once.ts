/** Numbers that the distances of a node's value and gradients have in common are calculated once. */

/** `make`, which calculates at the first call. */
export function once<Made>(make: () => Made): () => Made {
  let made: Made | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/**
 * `make`, which calculates once for each node over its operands. The tensors belong to the tidy of tfjs's in which they were
 * first asked for, so operands are good for one tidy.
 */
export function oncePer<Given extends object, Made>(make: (given: Given) => Made): (given: Given) => Made {
  const made = new WeakMap<Given, Made>();
  return (given) => {
    const known = made.get(given);
    if (known !== undefined) return known;
    const result = make(given);
    made.set(given, result);
    return result;
  };
}
