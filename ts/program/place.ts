/** A place in memory before it has an address: so many bytes into a buffer. */
export interface Place {
  readonly buffer: number;
  readonly offset: number;
}

/** What a call may be given for an address while its program is written. */
export type Address = Place | number;

/** The place `bytes` further on. */
export function at<A extends Address>(place: A, bytes: number): A {
  const moved: Address = typeof place === "number" ? place + bytes : { ...place, offset: place.offset + bytes };
  return moved as A;
}
