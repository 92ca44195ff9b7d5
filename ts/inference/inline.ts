/**
 * `proxbit/inference/inline`: `proxbit/inference` in one file, which holds the core for packed models and the workers'
 * script. `scripts/build-inline.ts` makes that file.
 */
export * from "./index.ts";
