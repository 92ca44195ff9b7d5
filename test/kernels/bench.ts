/**
 * One instance of the kernels with a piece of memory to try them in. Every tensor of a case lies between guard bytes.
 * Those of an input are 0xff, as reals NaN: a kernel that lets what lies past an input into its result is found by the
 * NaN. Those of what may be written are 0xa5, so that no such NaN can be written over them unseen. Outputs start as
 * 0xff, so an element that was never written shows. After every call all guards and all inputs are compared with what
 * they were.
 */
import { createArena } from "../../ts/program/arena.ts";
import { addressed, type KernelCall, type KernelName, kernelsOver, positions } from "../../ts/program/call.ts";
import { encodeConvShape } from "../../ts/program/conv-shape.ts";
import type { Positional } from "../../ts/program/exports.ts";
import type { ConvShape } from "../../ts/program/kernels.ts";
import { type KernelInstance, pageBytes } from "../../ts/runtime/instantiate.ts";

export type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array | BigUint64Array;

/** A kind of typed array, by its constructor. */
interface Kind<T extends Numbers> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
}

/** The place of a tensor. */
interface Located {
  readonly address: number;
}

/** The kernels over tensors of a bench. */
export const k = kernelsOver<Located>();

/** The place so many bytes into a tensor. */
export const at = ({ address }: Located, bytes: number): Located => ({ address: address + bytes });

/** A tensor in the memory of the kernels. */
export interface Tensor<T extends Numbers> extends Located {
  /** A copy of its elements. What is read also goes into the digest of the property. */
  readonly read: () => T;
}

export interface Bench {
  /** Forgets all tensors. */
  readonly fresh: () => void;
  /** A tensor that kernels may only read. */
  readonly input: <T extends Numbers>(values: T) => Tensor<T>;
  /** A tensor that kernels read and write. */
  readonly state: <T extends Numbers>(values: T) => Tensor<T>;
  /** A tensor that nobody has written yet. */
  readonly output: <T extends Numbers>(kind: Kind<T>, length: number) => Tensor<T>;
  /** The descriptor of a convolution. */
  readonly shape: (shape: ConvShape) => Tensor<Uint8Array>;
  /** Makes a call and checks guards and inputs; returns its status. */
  readonly call: (call: KernelCall<Located>) => number;
  /** The kernels called and the digest (FNV-1a, a word at a time) of all results read since the last time this was asked. */
  readonly report: () => { readonly kernels: readonly KernelName[]; readonly digest: string };
}

const INPUT_GUARD = 0xff;
const OUTPUT_GUARD = 0xa5;
const UNWRITTEN = 0xff;
const GUARD_BYTES = 48;
const ROOM = 32 << 20;

interface Placed {
  readonly address: number;
  readonly bytes: number;
  /** What an input holds, in words (the last one ends in guard bytes); null for what kernels may write. */
  readonly held: Uint32Array | null;
}

/** A bench over `instance`, in memory added to it. */
export function createBench({ exports, memory }: KernelInstance): Bench {
  const base = memory.grow(ROOM / pageBytes) * pageBytes;
  const all = new Uint8Array(memory.buffer);
  const allWords = new Uint32Array(memory.buffer);
  let arena = createArena(base);
  let placed: Placed[] = [];
  let called = new Set<KernelName>();
  let digest = 0x811c9dc5;

  const place = (bytes: number, content: Uint8Array | null, constant: boolean): number => {
    const start = arena.allocate(bytes + 2 * GUARD_BYTES);
    if (arena.end() > base + ROOM) throw new Error(`the case needs more than ${ROOM} bytes`);
    const address = start + GUARD_BYTES;
    all.fill(constant ? INPUT_GUARD : OUTPUT_GUARD, start, arena.end());
    if (content === null) all.fill(UNWRITTEN, address, address + bytes);
    else all.set(content, address);
    placed.push({ address, bytes, held: constant ? allWords.slice(address / 4, (address + bytes + 3) >>> 2) : null });
    return address;
  };
  const tensor = <T extends Numbers>(kind: Kind<T>, address: number, length: number): Tensor<T> => ({
    address,
    read: () => {
      const size = length * kind.BYTES_PER_ELEMENT;
      const words = allWords.slice(address / 4, (address + size + 3) >>> 2);
      for (let i = 0; i < words.length; i++) digest = Math.imul(digest ^ (words[i] as number), 0x01000193);
      return new kind(words.buffer, 0, length);
    },
  });
  const filled = <T extends Numbers>(values: T, constant: boolean): Tensor<T> => {
    const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const address = place(values.byteLength, content, constant);
    return tensor(values.constructor as unknown as Kind<T>, address, values.length);
  };
  const inspect = (kernel: KernelName): void => {
    for (const [number, { address, bytes, held }] of placed.entries()) {
      const guard = held === null ? OUTPUT_GUARD : INPUT_GUARD;
      for (let i = 1; i <= GUARD_BYTES; i++) {
        if (all[address - i] !== guard) throw new Error(`${kernel} wrote ${i} bytes before tensor ${number}`);
        if (all[address + bytes + i - 1] !== guard) throw new Error(`${kernel} wrote past the end of tensor ${number}`);
      }
      for (let i = 0; held !== null && i < held.length; i++) {
        if (allWords[address / 4 + i] !== held[i]) throw new Error(`${kernel} changed its input ${number}`);
      }
    }
  };

  return {
    fresh: () => {
      arena = createArena(base);
      placed = [];
    },
    input: (values) => filled(values, true),
    state: (values) => filled(values, false),
    output: (kind, length) => tensor(kind, place(length * kind.BYTES_PER_ELEMENT, null, false), length),
    shape: (shape) => filled(encodeConvShape(shape), true),
    call: (call) => {
      const { kernel } = call;
      const found = exports[kernel];
      if (typeof found !== "function") throw new Error(`the build exports no ${kernel}`);
      called.add(kernel);
      const status = (found as Positional)(...positions(addressed(call, ({ address }: Located) => address)));
      inspect(kernel);
      return status;
    },
    report: () => {
      const summary = { kernels: [...called], digest: (digest >>> 0).toString(16).padStart(8, "0") };
      called = new Set();
      digest = 0x811c9dc5;
      return summary;
    },
  };
}
