import { describe, expect, it } from "vitest";
import { split, take } from "../ts/data/index.ts";
import { thrown } from "./io-helpers.ts";

describe("split", () => {
  const images = Uint8Array.from({ length: 24 }, (_, index) => index);

  it("takes the user's arrays with bytes scaled to [-1, 1]", () => {
    const made = split(images, [0, 1, 2], [2, 2, 2]);
    expect(made).toEqual({
      count: 3,
      images,
      labels: Uint8Array.of(0, 1, 2),
      shape: [2, 2, 2],
      scale: 2 / 255,
      offset: -1,
    });
    expect(made.images.buffer).toBe(images.buffer);
  });

  it("takes clamped bytes of a canvas, and its own scale", () => {
    const clamped = new Uint8ClampedArray(images.buffer, 8, 8);
    const made = split(clamped, Int32Array.of(1), [2, 2, 2], { scale: 1 / 255, offset: 0, classes: 2 });
    expect(made.images).toEqual(images.subarray(8, 16));
    expect([made.scale, made.offset]).toEqual([1 / 255, 0]);
  });

  it("makes plain bytes of a Buffer", () => {
    expect(Object.getPrototypeOf(split(Buffer.from(images), [0, 1, 2], [2, 2, 2]).images)).toBe(Uint8Array.prototype);
  });

  it("does not change when the caller's labels do", () => {
    const labels = Uint8Array.of(1, 2, 3);
    const made = split(images, labels, [2, 2, 2]);
    labels[0] = 200;
    expect(made.labels[0]).toBe(1);
  });

  it.each([[[]], [[2, 2, 0]], [[2, 2, -2]], [[2, 2, 1.5]], [[2, 2, 2, 1, 1]], ["8"]])(
    "refuses the shape %j",
    (shape) => {
      thrown("shape", () => split(images, [0, 1, 2], shape as unknown as [number, number, number]));
    },
  );

  it("refuses lengths that do not fit", () => {
    expect(thrown("shape", () => split(images, [0, 1], [2, 2, 2])).message).toBe(
      "2 images of [2, 2, 2] take 16 bytes, not 24",
    );
  });

  it.each([-1, 3, 0.5, Number.NaN, 256])("refuses the label %d of 3 classes", (label) => {
    expect(thrown("data", () => split(images, [0, label, 2], [2, 2, 2], { classes: 3 })).message).toContain("image 1");
  });

  it("refuses no images, images that are no bytes and options out of range", () => {
    thrown("data", () => split(new Uint8Array(), [], [2, 2, 2]));
    for (const wrong of [null, "bytes", new BigInt64Array(24), new DataView(new ArrayBuffer(24)), {}]) {
      thrown("argument", () => split(wrong as unknown as Uint8Array, [0, 1, 2], [2, 2, 2]));
    }
    thrown("argument", () => split(images, 3 as unknown as number[], [2, 2, 2]));
    for (const options of [
      { scale: 0 },
      { scale: Number.NaN },
      { offset: Number.POSITIVE_INFINITY },
      { classes: 0 },
      { classes: 2 ** 24 + 1 },
      { clases: 3 },
    ]) {
      thrown("argument", () => split(images, [0, 1, 2], [2, 2, 2], options));
    }
  });

  it("can be cut to its first images, without copying", () => {
    const whole = split(images, [5, 6, 7], [2, 2, 2]);
    const cut = take(whole, 2);
    expect(cut).toEqual({ ...whole, count: 2, images: images.subarray(0, 16), labels: Uint8Array.of(5, 6) });
    expect(cut.images.buffer).toBe(images.buffer);
    expect(take(whole, 9)).toEqual(whole);
    for (const count of [0, -1, 1.5, Number.NaN]) thrown("argument", () => take(whole, count));
  });
});
