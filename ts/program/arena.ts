/**
 * Addresses handed out one after the other. Nothing is freed, because a plan is made once. Its size is known before a
 * byte of it is reserved.
 */

/** The alignment of 16-byte vectors; also a whole number of every element type in use. */
const ALIGNMENT = 16;

export interface Arena {
  /** The address of `bytes` fresh bytes, aligned to 16. */
  readonly allocate: (bytes: number) => number;
  /** One past the last byte handed out, aligned to 16. */
  readonly end: () => number;
}

/** An arena that starts at `base`, a multiple of 16. */
export function createArena(base: number): Arena {
  let next = base;
  return {
    allocate: (bytes) => {
      const address = next;
      next += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
      return address;
    },
    end: () => next,
  };
}
