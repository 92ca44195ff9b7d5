/**
 * Typed arrays and buffers of any realm: of this one, a frame, a vm context, a test runner. They are told by their tag,
 * because `instanceof` knows those of its own realm only.
 */

/** The typed arrays by their tags. */
interface Arrays {
  readonly Uint8Array: Uint8Array;
  readonly Uint8ClampedArray: Uint8ClampedArray;
  readonly Int8Array: Int8Array;
  readonly Uint16Array: Uint16Array;
  readonly Int16Array: Int16Array;
  readonly Uint32Array: Uint32Array;
  readonly Int32Array: Int32Array;
  readonly Float32Array: Float32Array;
  readonly Float64Array: Float64Array;
  readonly BigInt64Array: BigInt64Array;
  readonly BigUint64Array: BigUint64Array;
}

export type ArrayTag = keyof Arrays;

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag)
  ?.get as (this: unknown) => ArrayTag | undefined;

/** The tag of a typed array; undefined for any other value. A value cannot pretend to one. */
export const arrayTag = (value: unknown): ArrayTag | undefined => tagOf.call(value);

/** True where `value` is a typed array of one of these tags. */
export const isArrayOf = <Tag extends ArrayTag>(value: unknown, ...tags: readonly Tag[]): value is Arrays[Tag] =>
  (tags as readonly (ArrayTag | undefined)[]).includes(arrayTag(value));

const bufferTags = [ArrayBuffer, globalThis.SharedArrayBuffer].flatMap((type) => {
  const length = type && Object.getOwnPropertyDescriptor(type.prototype, "byteLength")?.get;
  return length === undefined ? [] : [length];
});

/** True where `value` is an ArrayBuffer or a SharedArrayBuffer. */
export const isBuffer = (value: unknown): value is ArrayBufferLike =>
  bufferTags.some((length) => {
    try {
      length.call(value);
      return true;
    } catch {
      return false;
    }
  });

/** The bytes that a typed array, a DataView or a buffer holds, as a plain Uint8Array; nothing is copied. */
export function bytesOf(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}

/** The bytes of `parts`, one behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
