/**
 * The script of workers that comes with the package. Bundlers find it by these very forms. `proxbit/inline` has another
 * module in place of this one.
 */

/** Starts a worker of a page. */
export const startPageWorker = (): Worker => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

/** Starts a worker of Node. Bundles for pages take the script from above, and would ship its source once more here. */
export const startNodeWorker = (
  { Worker }: typeof import("node:worker_threads"),
  options: import("node:worker_threads").WorkerOptions,
): import("node:worker_threads").Worker => new Worker(scriptAddress(), options);

/** The address of the script, where this module is in no bundle. */
export const scriptAddress = (): URL =>
  new URL(/* @vite-ignore */ /* webpackIgnore: true */ "./worker.ts", import.meta.url);
