/** The layouts of bits, written out one bit at a time. A bit is 0 or 1 in a `Uint8Array`, one element a number. */
import type { ConvShape } from "../../ts/program/kernels.ts";
import { interior, sign, taps, terms } from "./naive.ts";

export const groups = (channels: number): number => Math.ceil(channels / 4);
export const words = (channels: number): number => Math.ceil(channels / 64);

/** 1 where a number is at least 0. */
export const bitsOf = (x: Float32Array): Uint8Array => Uint8Array.from(x, (value) => (value >= 0 ? 1 : 0));

/** Padded nibbles of unpadded bits; the border holds what its padding says. */
export function nibbles(shape: ConvShape, bits: Uint8Array): Uint8Array {
  const { channels } = shape;
  const map = interior(shape);
  const out = new Uint8Array(map.length * groups(channels));
  map.forEach((pixel, padded) => {
    for (let c = 0; c < channels; c++) {
      const bit = pixel < 0 ? Number(shape.padOne) : bits[pixel * channels + c]!;
      out[padded * groups(channels) + (c >> 2)]! |= bit << (4 + (c & 3));
    }
  });
  return out;
}

/** Padded words of unpadded bits. */
export function packedWords(shape: ConvShape, bits: Uint8Array): BigUint64Array {
  const { channels } = shape;
  const map = interior(shape);
  const halves = new Uint32Array(2 * map.length * words(channels));
  map.forEach((pixel, padded) => {
    for (let c = 0; c < channels; c++) {
      const bit = pixel < 0 ? Number(shape.padOne) : bits[pixel * channels + c]!;
      halves[2 * padded * words(channels) + (c >> 5)]! |= bit << (c & 31);
    }
  });
  return new BigUint64Array(halves.buffer);
}

/** The same geometry with the image as its own padded buffer. */
export function unpadded(shape: ConvShape): ConvShape {
  return { ...shape, padTop: 0, padLeft: 0, paddedHeight: shape.height, paddedWidth: shape.width, padOne: false };
}

/** File bits `[N][ceil(K / 8)]` of the signs of `w` `[K][N]`. */
export function fileBits(w: Float32Array, k: number, n: number): Uint8Array {
  const bytes = Math.ceil(k / 8);
  const out = new Uint8Array(n * bytes);
  for (let row = 0; row < k; row++) {
    for (let filter = 0; filter < n; filter++) {
      if (w[row * n + filter]! >= 0) out[filter * bytes + (row >> 3)]! |= 1 << (row & 7);
    }
  }
  return out;
}

/**
 * Look-up weights `[panels of 64 filters][threes of groups][4][3][16]`: plain nibbles. The 16 filters of a block lie by turns:
 * 0, 8, 1, 9 and so on.
 */
export function lookupWeights(shape: ConvShape, w: Float32Array): Uint8Array {
  const { channels, filters } = shape;
  const splits = Math.ceil((taps(shape) * groups(channels)) / 3);
  const out = new Uint8Array(Math.ceil(filters / 64) * splits * 192);
  for (let row = 0; row < terms(shape); row++) {
    const [tap, c] = [Math.floor(row / channels), row % channels];
    const group = tap * groups(channels) + (c >> 2);
    for (let filter = 0; filter < filters; filter++) {
      if (w[row * filters + filter]! < 0) continue;
      const split = (filter >> 6) * splits + Math.floor(group / 3);
      const lane = 2 * (filter & 7) + ((filter >> 3) & 1);
      out[((4 * split + ((filter >> 4) & 3)) * 3 + (group % 3)) * 16 + lane]! |= 1 << (c & 3);
    }
  }
  return out;
}

/**
 * Codeword weights: disagreements `[2][512 patches][16 codewords]`, the second ones times 16, and the codeword of each channel of
 * each filter, `[panels of 64 filters][channels][4][16]`, channels by their place in a nibble, filters by turns. Codewords have
 * numbers in the order in which filters have them. Bits 0 to 3 of a patch are its taps 4 to 7, bits 4 to 7 its taps 0 to 3.
 */
export function codewordWeights(shape: ConvShape, w: Float32Array): Uint8Array {
  const { channels, filters } = shape;
  const table = 2 * 512 * 16;
  const out = new Uint8Array(table + Math.ceil(filters / 64) * channels * 64);
  const words: number[] = [];
  for (let filter = 0; filter < filters; filter++) {
    for (let c = 0; c < channels; c++) {
      let patch = 0;
      for (const [bit, tap] of [4, 5, 6, 7, 0, 1, 2, 3, 8].entries()) {
        if (w[(tap * channels + c) * filters + filter]! >= 0) patch |= 1 << bit;
      }
      if (!words.includes(patch)) words.push(patch);
      const place = (c & 3) * groups(channels) + (c >> 2);
      const lane = 2 * (filter & 7) + ((filter >> 3) & 1);
      const block = ((filter >> 6) * channels + place) * 4 + ((filter >> 4) & 3);
      out[table + 16 * block + lane] = words.indexOf(patch);
    }
  }
  for (let patch = 0; patch < 512; patch++) {
    for (let word = 0; word < 16; word++) {
      const count = [...((patch ^ (words[word] ?? 0)) >>> 0).toString(2)].filter((digit) => digit === "1").length;
      out[16 * patch + word] = count;
      out[table / 2 + 16 * patch + word] = 16 * count;
    }
  }
  return out;
}

/** Byte weights `[panels][taps * bytes][32]`, 8 channels a byte; the last panel is 16 wide where that is enough. */
export const byteWeights = (shape: ConvShape, w: Float32Array): Uint8Array => panelWeights(shape, w, 8);

/** The same with 4 channels a byte: nibble weights. */
export const nibbleWeights = (shape: ConvShape, w: Float32Array): Uint8Array => panelWeights(shape, w, 4);

function panelWeights(shape: ConvShape, w: Float32Array, group: 4 | 8): Uint8Array {
  const { channels, filters } = shape;
  const pixel = Math.ceil(channels / group);
  const rows = taps(shape) * pixel;
  const blocks = Math.ceil(filters / 16);
  const out = new Uint8Array(blocks * rows * 16);
  for (let filter = 0; filter < filters; filter++) {
    const panel = filter >> 5;
    const lanes = Math.min(32, 16 * blocks - 32 * panel);
    for (let tap = 0; tap < taps(shape); tap++) {
      for (let c = 0; c < channels; c++) {
        if (w[(tap * channels + c) * filters + filter]! < 0) continue;
        const row = tap * pixel + Math.floor(c / group);
        out[panel * rows * 32 + row * lanes + (filter & 31)]! |= 1 << (c % group);
      }
    }
  }
  return out;
}

/** Word weights `[N rounded up to 2][taps][words]`. */
export function wordWeights(shape: ConvShape, w: Float32Array): BigUint64Array {
  const { channels, filters } = shape;
  const halves = new Uint32Array(2 * Math.ceil(filters / 2) * 2 * taps(shape) * words(channels));
  for (let filter = 0; filter < filters; filter++) {
    for (let tap = 0; tap < taps(shape); tap++) {
      for (let c = 0; c < channels; c++) {
        if (w[(tap * channels + c) * filters + filter]! < 0) continue;
        halves[2 * (filter * taps(shape) + tap) * words(channels) + (c >> 5)]! |= 1 << (c & 31);
      }
    }
  }
  return new BigUint64Array(halves.buffer);
}

/** Sums of the weights of each tap, `[taps][N]`. */
export function tapSums(shape: ConvShape, w: Float32Array): Int32Array {
  const { channels, filters } = shape;
  const out = new Int32Array(taps(shape) * filters);
  for (let row = 0; row < terms(shape); row++) {
    for (let filter = 0; filter < filters; filter++) {
      out[Math.floor(row / channels) * filters + filter]! += sign(w[row * filters + filter]!);
    }
  }
  return out;
}

/** The sums of each tap and of all that stand no lower and no further right, `[taps][N]`. */
export function areaSums(shape: ConvShape, w: Float32Array): Int32Array {
  const { filters, kernelWidth: width } = shape;
  const single = tapSums(shape, w);
  return single.map((_, at) => {
    const [tap, filter] = [Math.floor(at / filters), at % filters];
    let sum = 0;
    for (let row = 0; row <= Math.floor(tap / width); row++) {
      for (let column = 0; column <= tap % width; column++) sum += single[(row * width + column) * filters + filter]!;
    }
    return sum;
  });
}

/** Signs of w `[K][N]`, four filters a byte, for the input's gradient: `[K][ceil(N / 4)]`. */
export function inputWeights(shape: ConvShape, w: Float32Array): Uint8Array {
  const { filters } = shape;
  const out = new Uint8Array(terms(shape) * groups(filters));
  w.forEach((value, i) => {
    const [row, filter] = [Math.floor(i / filters), i % filters];
    if (value >= 0) out[row * groups(filters) + (filter >> 2)]! |= 1 << (4 + (filter & 3));
  });
  return out;
}

/** Kernel positions outside the image at the window that starts at `start` of an unpadded axis. */
const missing = (start: number, size: number, kernel: number, dilation: number): readonly boolean[] =>
  Array.from({ length: kernel }, (_, tap) => start + tap * dilation < 0 || start + tap * dilation >= size);

/** An axis of a shape. */
interface Axis {
  readonly out: number;
  readonly stride: number;
  readonly pad: number;
  readonly size: number;
  readonly kernel: number;
  readonly dilation: number;
}

/** The positions missing, by pattern: none first, then one for every window of the axis that misses some. */
function patterns({ out, stride, pad, size, kernel, dilation }: Axis): (readonly boolean[])[] {
  const all = Array.from({ length: out }, (_, position) => missing(position * stride - pad, size, kernel, dilation));
  return [Array.from({ length: kernel }, () => false), ...all.filter((taps) => taps.includes(true))];
}

/** The same of twice the sums over 0 and 1, in each of as many patterns: the terms, and the sums of all weights. */
export function unitStarts({ filters, ...shape }: ConvShape, sums: Int32Array, patterns: number): Int32Array {
  const row = Array.from({ length: 16 * Math.ceil(filters / 16) }, (_, filter) => {
    if (filter >= filters) return 0;
    return sums.reduce((sum, own, i) => sum + (i % filters === filter ? own : 0), terms({ filters, ...shape }));
  });
  return Int32Array.from({ length: patterns * row.length }, (_, i) => row[i % row.length]!);
}

/** What sums start from, `[patterns][N rounded up to 16]`: the terms, and the weights' sums of the taps that are missing. */
export function starts(shape: ConvShape, sums: Int32Array): Int32Array {
  const { filters, kernelHeight, kernelWidth, padOne } = shape;
  const rows = patterns({
    ...{ out: shape.outHeight, stride: shape.strideHeight, pad: shape.padTop, size: shape.height },
    ...{ kernel: kernelHeight, dilation: shape.dilationHeight },
  });
  const columns = patterns({
    ...{ out: shape.outWidth, stride: shape.strideWidth, pad: shape.padLeft, size: shape.width },
    ...{ kernel: kernelWidth, dilation: shape.dilationWidth },
  });
  const out: number[] = [];
  for (const row of padOne ? rows.slice(0, 1) : rows) {
    for (const column of padOne ? columns.slice(0, 1) : columns) {
      for (let filter = 0; filter < 16 * Math.ceil(filters / 16); filter++) {
        let start = filter < filters ? terms(shape) : 0;
        for (let tap = 0; filter < filters && tap < taps(shape); tap++) {
          const isMissing = row[Math.floor(tap / kernelWidth)] || column[tap % kernelWidth];
          if (isMissing) start += sums[tap * filters + filter]!;
        }
        out.push(start);
      }
    }
  }
  return Int32Array.from(out);
}
