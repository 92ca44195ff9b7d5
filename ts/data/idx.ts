/**
 * The idx format of MNIST and its successors (the description on the page of the MNIST database).
 *
 * The layout is big endian. Two zero bytes come first, then a byte for the type of the elements. Type 8 is the unsigned
 * byte, the only one read here. A byte gives the number of dimensions, and each dimension takes 4 bytes. The elements
 * follow, the last dimension running fastest.
 */
import { ProxbitError } from "../base/errors.ts";
import { elementsOf } from "../nn/shapes.ts";

export interface Idx {
  readonly dimensions: readonly number[];
  /** A view into the file. */
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 8;

/**
 * Reads an idx file of unsigned bytes; `what` names it in errors.
 *
 * @throws ProxbitError "data" for another magic number or type, or another rank than `rank`.
 * @throws ProxbitError "data" for a length that disagrees with the dimensions.
 */
export function parseIdx(bytes: Uint8Array, rank: number, what: string): Idx {
  const fail = (message: string) =>
    new ProxbitError("data", `${what} ${message}`, "Get the file again from its source.");
  if (bytes.length < 4) throw fail(`has only ${bytes.length} bytes`);
  const [first, second, type, given] = bytes;
  if (first !== 0 || second !== 0) throw fail("is not an idx file: it does not begin with two zero bytes");
  if (type !== UNSIGNED_BYTE)
    throw fail(`has elements of type ${type}; only unsigned bytes (${UNSIGNED_BYTE}) are read`);
  if (given !== rank) throw fail(`has ${given} dimensions, not ${rank}`);
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw fail("ends within its dimensions");
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  const dimensions = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const elements = elementsOf(dimensions);
  if (bytes.length - start !== elements) {
    throw fail(`of ${dimensions.join(" x ")} must hold ${elements} elements but holds ${bytes.length - start}`);
  }
  return { dimensions, data: bytes.subarray(start) };
}
