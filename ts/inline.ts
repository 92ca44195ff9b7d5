/**
 * `proxbit/inline`: all of `proxbit` and `proxbit/inference` in one file, which holds the core and the workers' script.
 * It needs no bundler's help and no second file. It is larger, because all builds of the core are inside.
 *
 * `scripts/build-inline.ts` makes that file. From here, as a source, it is no more than both entries together.
 */
export * from "./index.ts";
export * from "./inference/index.ts";
