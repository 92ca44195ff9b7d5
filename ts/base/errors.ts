/**
 * The errors that proxbit throws on purpose. Each has a stable `code`, to which a program can react. The message names
 * the fault in one line. The remedy stands apart, and the command line prints both.
 */
import { cut, oneLine, withoutPasswords } from "./text.ts";

export type ErrorCode =
  | "shape" // a tensor, image or layer input has the wrong shape
  | "argument" // an option is missing, of the wrong type or out of its range
  | "unknown-name" // a quantizer, model, layer, data set or optimizer nobody has registered
  | "graph" // nodes that do not fit together: a circle, a missing input, a name used twice
  | "data" // a data set that is missing or malformed
  | "model-file" // a model file that is corrupt, truncated or of another version
  | "image" // an image that cannot be decoded or has the wrong size
  | "run-file" // a finished run of a comparison that is corrupt or of another version
  | "checkpoint" // a checkpoint that is missing, corrupt, in use, or of another run
  | "output" // a path that cannot be written
  | "not-finite" // NaN or infinity met during training or inference
  | "worker" // a worker that died or never started
  | "environment" // something the machine lacks: WebAssembly SIMD, a build, a browser
  | "aborted"; // stopped by the caller's signal

/** Longer messages hold something that was not meant for people. */
const LONGEST = 2000;

/** Messages name files, layers and servers, so that some of their text is a stranger's. */
const told = (text: string): string => oneLine(withoutPasswords(cut(text, LONGEST)));

/** An error of proxbit: the fault (`message`), the way to mend it (`remedy`), and a stable `code`. */
export class ProxbitError extends Error {
  override readonly name = "ProxbitError";
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(told(message), options);
    this.code = code;
    this.remedy = told(remedy);
  }
}

/** Recognises a {@link ProxbitError}, also one from another copy of the package or from a worker. */
export function isProxbitError(error: unknown): error is ProxbitError {
  return error instanceof Error && error.name === "ProxbitError" && "code" in error && "remedy" in error;
}
