/**
 * Signs of 3x3 kernels as codewords: the compact form of a layer that has few different kernels (PSTE, Wang et al., "Compacting
 * Binary Neural Networks by Sparse Kernel Selection", CVPR 2023). A kernel is the nine signs of one input channel of a filter.
 *
 * The form is a run of bits, least significant first. It begins with n codewords of 9 bits in ascending order, bit t of which is
 * the sign of tap t. An index of max(1, ceil(log2 n)) bits follows for each kernel, filter by filter, channel by channel. The
 * bits past the last index are 0. Every n takes another number of bytes, which is how a reader finds it. It is at most 256, since
 * more have indices of 9 bits, as many as a kernel has signs.
 */
import { CODEWORDS, TAPS } from "../quantizers/codebook.ts";

const MOST = CODEWORDS / 2;

/** Rows and columns of a kernel: 9 weights for each channel, and a column for each filter. */
type Matrix = readonly [reduced: number, filters: number];

const kernelsOf = ([reduced, filters]: Matrix): number => (reduced / TAPS) * filters;

/** One bit at least, so that a file is never more than sixteen times smaller than the signs in it. */
const indexBits = (n: number): number => Math.max(1, 32 - Math.clz32(n - 1));

const bitsOf = (n: number, kernels: number): number => TAPS * n + indexBits(n) * kernels;

/** Nine bits or fewer from bit `at` on. */
function read(bytes: Uint8Array, at: number, width: number): number {
  const byte = Math.floor(at / 8);
  const both = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8);
  return (both >> (at % 8)) & ((1 << width) - 1);
}

/** Sets those of nine bits or fewer from bit `at` on, which were 0. */
function write(bytes: Uint8Array, at: number, value: number): void {
  const byte = Math.floor(at / 8);
  const both = value << (at % 8);
  bytes[byte] = (bytes[byte] ?? 0) | both;
  if (both > 255) bytes[byte + 1] = (bytes[byte + 1] ?? 0) | (both >> 8);
}

/** Visits the kernels of packed signs `[filters][ceil(reduced / 8)]`: where a filter begins, its channels, and one of them. */
function eachKernel([reduced, filters]: Matrix, visit: (kernel: number, row: number, channel: number) => void): void {
  const [channels, rowBytes] = [reduced / TAPS, Math.ceil(reduced / 8)];
  for (let filter = 0; filter < filters; filter++) {
    for (let channel = 0; channel < channels; channel++) visit(filter * channels + channel, filter * rowBytes, channel);
  }
}

/** The kernel of a channel as a number, tap t being bit t. `row` is the first byte of its filter. */
function numberAt(bits: Uint8Array, channels: number, row: number, channel: number): number {
  let word = 0;
  for (let tap = 0; tap < TAPS; tap++) {
    const at = tap * channels + channel;
    word |= (((bits[row + (at >> 3)] as number) >> (at & 7)) & 1) << tap;
  }
  return word;
}

/** True where 3x3 kernels with these packed signs are at most `most` different ones. */
export function holdsFewKernels(bits: Uint8Array, [reduced, filters]: Matrix, most: number): boolean {
  const [channels, rowBytes] = [reduced / TAPS, Math.ceil(reduced / 8)];
  const found = new Set<number>();
  for (let filter = 0; filter < filters; filter++) {
    for (let channel = 0; channel < channels; channel++) {
      found.add(numberAt(bits, channels, filter * rowBytes, channel));
      if (found.size > most) return false;
    }
  }
  return true;
}

/**
 * The compact form of the signs `bits` of 3x3 kernels, in the layout of `bits.ts` with clean tails. It is undefined where it would
 * take a bit a weight or more.
 */
export function toCodewords(bits: Uint8Array, matrix: Matrix): Uint8Array<ArrayBuffer> | undefined {
  const channels = matrix[0] / TAPS;
  const kernels = kernelsOf(matrix);
  const words = new Uint16Array(kernels);
  eachKernel(matrix, (kernel, row, channel) => {
    words[kernel] = numberAt(bits, channels, row, channel);
  });
  const table = [...new Set(words)].sort((a, b) => a - b);
  const [n, width] = [table.length, indexBits(table.length)];
  if (bitsOf(n, kernels) >= TAPS * kernels) return undefined;
  const bytes = new Uint8Array(Math.ceil(bitsOf(n, kernels) / 8));
  const indices = new Uint16Array(CODEWORDS);
  for (const [index, word] of table.entries()) {
    write(bytes, TAPS * index, word);
    indices[word] = index;
  }
  words.forEach((word, kernel) => {
    write(bytes, TAPS * n + width * kernel, indices[word] as number);
  });
  return bytes;
}

/** The signs in a compact form, in the layout of `bits.ts`; the fault of a form that is not sound, as the end of a sentence. */
export function fromCodewords(bytes: Uint8Array, matrix: Matrix): Uint8Array<ArrayBuffer> | string {
  const channels = matrix[0] / TAPS;
  const kernels = kernelsOf(matrix);
  let n = 1;
  while (n < MOST && Math.ceil(bitsOf(n, kernels) / 8) < bytes.length) n++;
  const [width, end] = [indexBits(n), bitsOf(n, kernels)];
  if (Math.ceil(end / 8) !== bytes.length) return `has ${bytes.length} bytes, which no number of codewords takes`;
  if (end % 8 > 0 && (bytes.at(-1) as number) >> (end % 8) > 0) return "has bits set past the end of its last index";
  const table = Uint16Array.from({ length: n }, (_, index) => read(bytes, TAPS * index, TAPS));
  const unsorted = table.findIndex((word, index) => index > 0 && word <= (table[index - 1] as number));
  if (unsorted >= 0) return `has codewords that do not ascend: number ${unsorted} is ${table[unsorted]}`;
  const bits = new Uint8Array(matrix[1] * Math.ceil(matrix[0] / 8));
  let stray = -1;
  eachKernel(matrix, (kernel, row, channel) => {
    const index = read(bytes, TAPS * n + width * kernel, width);
    if (index >= n) stray = kernel;
    const word = table[index] ?? 0;
    for (let tap = 0; tap < TAPS; tap++) {
      const at = tap * channels + channel;
      const byte = row + (at >> 3);
      bits[byte] = (bits[byte] as number) | (((word >> tap) & 1) << (at & 7));
    }
  });
  return stray < 0 ? bits : `has an index past its ${n} codewords at kernel ${stray}`;
}
