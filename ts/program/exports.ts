/** The functions of one instance of the core, and the way to call them. */
import { type AnswerName, type KernelCall, type KernelName, positions } from "./named-call.ts";

/** A function of the core. Nobody calls it as it is, with numbers by position: `ready` takes a call with names. */
export type KernelFunction = (...given: never[]) => number;

export type KernelExports = Readonly<Record<KernelName | AnswerName, KernelFunction>>;

/** The function as it is: byte addresses, sizes and reals in the order of the generated table. */
export type Positional = (...given: number[]) => number;

/** A function that makes `call` on an instance, as often as wanted. Its status is not 0 where it met a bad number. */
export function ready(exports: KernelExports, call: KernelCall<number>): () => number {
  const [kernel, given] = [exports[call.kernel] as Positional, positions(call)];
  return () => kernel(...given);
}

/** The core's answer about the descriptor at an address. */
export const answer = (exports: KernelExports, name: AnswerName, shape: number): number =>
  (exports[name] as Positional)(shape);
