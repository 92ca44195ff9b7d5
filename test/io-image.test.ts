import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import { ProxbitError } from "../ts/base/errors.ts";
import { readImage } from "../ts/data/image.ts";
import { rejected, withFolder } from "./io-helpers.ts";

type ColorType = 0 | 2 | 4 | 6;

/** A PNG of `width` x `height` whose pixels `paint` gives as [red, green, blue, alpha]. */
function png(
  width: number,
  height: number,
  colorType: ColorType,
  paint: (pixel: number) => readonly [number, number, number, number],
) {
  const image = new PNG({ width, height });
  for (let pixel = 0; pixel < width * height; pixel++) image.data.set(paint(pixel), 4 * pixel);
  return new Uint8Array(PNG.sync.write(image, { colorType }));
}

const gray = png(3, 2, 0, (pixel) => [40 * pixel, 40 * pixel, 40 * pixel, 255]);
const colour = png(3, 2, 2, (pixel) => [pixel, 100 + pixel, 200 + pixel, 255]);

describe("readImage", () => {
  it("reads a gray file for one channel", async () => {
    expect(await readImage(gray, [2, 3, 1])).toEqual(Uint8Array.of(0, 40, 80, 120, 160, 200));
  });

  it("reads a file in colour for three channels, channels running fastest", async () => {
    const bytes = await readImage(colour, [2, 3, 3]);
    expect(Array.from(bytes.subarray(0, 6))).toEqual([0, 100, 200, 1, 101, 201]);
    expect(bytes.length).toBe(18);
  });

  it("copies gray to three channels", async () => {
    expect(Array.from((await readImage(gray, [2, 3, 3])).subarray(3, 9))).toEqual([40, 40, 40, 80, 80, 80]);
  });

  it("reads a file in colour whose pixels are gray for one channel", async () => {
    const file = png(1, 2, 6, (pixel) => [7 + pixel, 7 + pixel, 7 + pixel, 255]);
    expect(await readImage(file, [2, 1, 1])).toEqual(Uint8Array.of(7, 8));
  });

  it("reads a path, and bytes that stand anywhere in a buffer", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "digit.png");
      await writeFile(path, gray);
      expect(await readImage(path, [2, 3, 1])).toEqual(await readImage(gray, [2, 3, 1]));
    });
    const wide = new Uint8Array(gray.length + 5);
    wide.set(gray, 3);
    expect(await readImage(wide.subarray(3, 3 + gray.length), [2, 3, 1])).toEqual(await readImage(gray, [2, 3, 1]));
  });

  it("names both sizes where they differ, and what to do", async () => {
    const error = await rejected("image", readImage(gray, [28, 28, 1]));
    expect(error.message).toBe("the image is 3 x 2 pixels (width x height); the network takes 28 x 28");
    expect(error.remedy).toBe("Resize the image to 28 x 28 pixels.");
    await rejected("image", readImage(gray, [3, 2, 1]));
  });

  it("refuses a claimed size before it allocates by it", async () => {
    const claim = gray.slice();
    new DataView(claim.buffer).setUint32(16, 0x7fffffff);
    expect((await rejected("image", readImage(claim, [2, 3, 1]))).message).toContain("2147483647 x 2");
  });

  it("refuses colour where gray is wanted", async () => {
    expect((await rejected("image", readImage(colour, [2, 3, 1]))).remedy).toContain("grayscale");
  });

  it("refuses a transparent pixel", async () => {
    const file = png(2, 1, 6, (pixel) => [1, 1, 1, 255 - pixel]);
    expect((await rejected("image", readImage(file, [1, 2, 1]))).message).toContain("transparent");
  });

  it.each([[[2, 3]], [[2, 3, 2]], [[2, 3, 4]], [[6]], [[]]])("refuses to fill the input %j", async (shape) => {
    expect((await rejected("image", readImage(gray, shape))).message).toContain("cannot fill");
  });

  it("refuses a file that is no PNG", async () => {
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(0xff, 0xd8, 0xff),
      new TextEncoder().encode("P5 3 2 255\n......"),
    ]) {
      expect((await rejected("image", readImage(bytes, [2, 3, 1]))).message).toContain("not a PNG");
    }
  });

  it("refuses an interlaced PNG, which the decoder would inflate without a bound", async () => {
    const interlaced = Uint8Array.from(gray);
    interlaced[28] = 1;
    expect((await rejected("image", readImage(interlaced, [2, 3, 1]))).message).toContain("interlaced");
  });

  it("refuses a path that is missing, and one that is a directory", async () => {
    await withFolder(async (folder) => {
      const error = await rejected("image", readImage(join(folder, "none.png"), [2, 3, 1]));
      expect(error.message).toContain("none.png cannot be read (ENOENT)");
      expect((await rejected("image", readImage(folder, [2, 3, 1]))).message).toContain("EISDIR");
    });
  });

  it("refuses every proper beginning of a file up to its last chunk", async () => {
    for (let length = 8; length < gray.length - 12; length++)
      await rejected("image", readImage(gray.slice(0, length), [2, 3, 1]));
  });

  it("refuses every flipped bit of the pixels, for each chunk has its checksum", async () => {
    const begin = new TextDecoder("latin1").decode(gray).indexOf("IDAT") + 4;
    for (let at = begin; at < gray.length - 16; at++) {
      await rejected(
        "image",
        readImage(
          gray.map((byte, index) => (index === at ? byte ^ 1 : byte)),
          [2, 3, 1],
        ),
      );
    }
  });

  it("throws nothing but typed errors for changed bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(gray.length - 1), fc.nat(255), async (at, to) => {
        const bytes = gray.map((byte, index) => (index === at ? to : byte));
        const outcome = await readImage(bytes, [2, 3, 1]).catch((error: unknown) => error);
        if (outcome instanceof Uint8Array) expect(outcome.length).toBe(6);
        else expect(outcome).toBeInstanceOf(ProxbitError);
      }),
      { numRuns: 300 },
    );
  });
});
