/**
 * Places: a run is made by a build of the core with a number of workers. The project's promise is that no place changes a bit,
 * so one figure serves all. Runs take turns through the places; a run that is made everywhere holds the promise itself.
 */
import type { Variant } from "../../ts/index.ts";

export interface Place {
  readonly variant: Variant;
  readonly workers: number;
}

export const places: readonly Place[] = [
  { variant: "plain", workers: 1 },
  { variant: "relaxed-shared", workers: 3 },
  { variant: "relaxed", workers: 1 },
  { variant: "plain-shared", workers: 3 },
  { variant: "relaxed-shared", workers: 1 },
  { variant: "plain-shared", workers: 1 },
];

export const placeName = ({ variant, workers }: Place): string =>
  `${variant}, ${workers} worker${workers === 1 ? "" : "s"}`;
