/** The functions of one instance of the core, and what makes calls of them. */
import { type AnswerName, type KernelCall, type KernelName, positions } from "./call.ts";

/** A function of the core. Nobody calls it as it is, with numbers by position: `ready` takes a call with names. */
export type KernelFunction = (...given: never[]) => number;

export type KernelExports = Readonly<Record<KernelName | AnswerName, KernelFunction>>;

/** The function as it is: byte addresses, sizes and reals in the order of the generated table. */
export type Positional = (...given: number[]) => number;

/** What makes `call` on an instance, as often as wanted; it returns the status, not 0 where a bad number was met. */
export function ready(exports: KernelExports, call: KernelCall<number>): () => number {
  const [kernel, given] = [exports[call.kernel] as Positional, positions(call)];
  return () => kernel(...given);
}

/** What the core answers about the descriptor at an address. */
export const answer = (exports: KernelExports, name: AnswerName, shape: number): number =>
  (exports[name] as Positional)(shape);
