/**
 * fast-check with one seed for all, so that every run of the tests draws the same cases, and one that passed passes again.
 * `FC_SEED=7 npx vitest run` looks further.
 */
import fc from "fast-check";

// A page, which runs the kernels' suite too, has no process.
fc.configureGlobal({ seed: Number(globalThis.process?.env.FC_SEED ?? 20_231_210) });

export * from "fast-check";
export default fc;
