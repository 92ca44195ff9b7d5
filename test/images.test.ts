/** Files of pictures: what decodes, what is refused, and how a picture becomes a network's input. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it, vi } from "vitest";
import { checkImage, type Decoder, decodeImage, readInput } from "../ts/images/decode.ts";
import type { ImageInput } from "../ts/images/input.ts";
import { upright } from "../ts/images/orientation.ts";
import { fitPicture } from "../ts/images/resize.ts";
import { pngFile } from "./image-files.ts";
import { rejected, thrown } from "./io-helpers.ts";

interface SuiteFile {
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
  readonly png: string;
}

const suite: Readonly<Record<string, SuiteFile>> = JSON.parse(
  await readFile(new URL("./pngsuite.json", import.meta.url), "utf8"),
).files;

const bytesOf = ({ png }: SuiteFile): Uint8Array => Uint8Array.from(Buffer.from(png, "base64"));
const digest = (data: Uint8Array | Uint8ClampedArray): string =>
  createHash("sha256").update(Uint8Array.from(data)).digest("hex");
const input = (height: number, width: number, more: Partial<ImageInput> = {}): ImageInput => ({
  ...{ height, width, channels: 3, fit: "cover", background: "#ffffff" },
  ...more,
});

/** A picture without sharp edges, on which decoders and resizers agree best. */
const soft = (width: number, height: number): Buffer =>
  Buffer.from(
    Uint8Array.from({ length: 3 * width * height }, (_, at) => {
      const [pixel, channel] = [Math.floor(at / 3), at % 3];
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      return Math.round(128 + 100 * Math.sin(x / 9 + channel) * Math.cos(y / 11 + 2 * channel));
    }),
  );

const softFile = (width: number, height: number) => sharp(soft(width, height), { raw: { width, height, channels: 3 } });

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a, (value, at) => Math.abs(value - (b[at] as number))).reduce((x, y) => Math.max(x, y), 0);
};

describe("PngSuite", () => {
  it.each(Object.keys(suite))("%s decodes as pypng does, or is refused by a clear word", async (name) => {
    const file = suite[name] as SuiteFile;
    if (/^basi\dg0[124]$/.test(name)) {
      const { message } = await rejected("image", decodeImage(bytesOf(file), name, "javascript"));
      expect(message).toMatch(/ is an interlaced PNG of [124] bits? a sample, which needs sharp$/);
      return;
    }
    const { width, height, data } = await decodeImage(bytesOf(file), name, "javascript");
    expect([width, height]).toEqual([file.width, file.height]);
    expect(digest(data)).toBe(file.sha256);
  });

  it.each(Object.keys(suite))("%s decodes with sharp, 16 bits but for rounding", async (name) => {
    const file = suite[name] as SuiteFile;
    const { data } = await decodeImage(bytesOf(file), name, "sharp");
    if (!name.endsWith("16")) expect(digest(data)).toBe(file.sha256);
    else expect(farthest(data, (await decodeImage(bytesOf(file), name, "javascript")).data)).toBeLessThanOrEqual(1);
  });
});

const files: Readonly<Record<string, Uint8Array>> = {
  png: bytesOf(suite.tbbn1g04 as SuiteFile),
  jpeg: await softFile(21, 13).jpeg().toBuffer(),
  progressive: await softFile(21, 13).jpeg({ progressive: true }).toBuffer(),
  webp: await softFile(21, 13).webp().toBuffer(),
};
const cases: readonly (readonly [string, Decoder])[] = [
  ...Object.keys(files).map((kind) => [kind, "sharp"] as const),
  ...["png", "jpeg", "progressive"].map((kind) => [kind, "javascript"] as const),
];

describe("a damaged or short file", () => {
  it.each(cases)("%s, %s: is refused at every length", async (kind, decoder) => {
    const whole = files[kind] as Uint8Array;
    const lengths = Array.from({ length: whole.length }, (_, length) => length).filter((n) => n < 50 || n % 7 === 0);
    for (const length of [...lengths, whole.length - 1]) {
      await rejected("image", decodeImage(whole.slice(0, length), `${length} bytes`, decoder));
    }
  });

  it.each(cases)("%s, %s: what trails it is ignored", async (kind, decoder) => {
    const whole = files[kind] as Uint8Array;
    const longer = Uint8Array.from([...whole, 0xff, 0xd9, 0, 1, 2, 3]);
    expect(await decodeImage(longer, "longer", decoder)).toEqual(await decodeImage(whole, "whole", decoder));
  });

  it.each(["sharp", "javascript"] as const)("a PNG is refused with any bit changed (%s)", async (decoder) => {
    const whole = files.png as Uint8Array;
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      await rejected("image", decodeImage(changed, `byte ${at}`, decoder));
    }
  });

  it.each([
    ["less", 2 * 7 - 1],
    ["more", 2 * 7 + 1],
    ["far more", 1e6],
  ])("a sound PNG whose pixels unpack to %s than its header says is refused", async (_name, length) => {
    const file = pngFile(2, 2, { pixels: deflateSync(new Uint8Array(length)) });
    const { message } = await rejected("image", decodeImage(file, "the file", "javascript"));
    expect(message).toMatch(/^the file is damaged: its pixels unpack to /);
  });

  it("a PNG that would take gigabytes is refused by its header", () => {
    const { message } = thrown("image", () => checkImage(pngFile(65535, 65535), "bomb.png"));
    expect(message).toBe("bomb.png says that it has 65535 x 65535 pixels; 1 to 268435456 are read");
  });

  it("a PNG whose pixels cannot be in it is refused before they are unpacked, and one of 100 million needs sharp", async () => {
    const { message } = thrown("image", () => checkImage(pngFile(16384, 16384), "bomb.png"));
    expect(message).toBe(
      "bomb.png is damaged: its header says 16384 x 16384 pixels, which its 8 bytes of pixels cannot hold",
    );
    // A byte holds at most 1032, and the rows of 2 x 2 pixels in colour take 14.
    expect(checkImage(pngFile(2, 2, { pixels: new Uint8Array(1) }), "a.png").width).toBe(2);
    const large = pngFile(12_000, 12_000, { pixels: new Uint8Array(500_000) });
    expect((await rejected("image", decodeImage(large, "large.png", "javascript"))).message).toBe(
      "large.png is a PNG of more than 100 million pixels, which needs sharp",
    );
  });

  it.each(["jpeg", "progressive"])("a %s whose size is no size of its bytes is refused", (kind) => {
    const withSize = (side: number): Uint8Array => {
      const file = Buffer.from(files[kind] as Uint8Array);
      const frame = file.findIndex((byte, at) => byte === 0xff && [0xc0, 0xc2].includes(file[at + 1] ?? 0));
      file.writeUInt16BE(side, frame + 5);
      file.writeUInt16BE(side, frame + 7);
      return Uint8Array.from(file);
    };
    expect(thrown("image", () => checkImage(withSize(65_535), "bomb.jpg")).message).toContain("65535 x 65535 pixels");
    expect(thrown("image", () => checkImage(withSize(16_000), "bomb.jpg")).message).toMatch(
      /^bomb.jpg is a damaged JPEG: its size is 16000 x 16000, which its \d+ bytes cannot hold$/,
    );
    expect(checkImage(withSize(500), "a.jpg").width).toBe(500);
  });

  it("a JPEG that scans its picture over and over is refused", () => {
    const whole = files.progressive as Uint8Array;
    const scan = whole.findLastIndex((byte, at) => byte === 0xff && whole[at + 1] === 0xda);
    const last = whole.subarray(scan, -2);
    const file = (times: number) =>
      Buffer.concat([whole.subarray(0, scan), ...Array(times).fill(last), whole.slice(-2)]);
    expect(checkImage(file(100), "a.jpg").width).toBe(21);
    expect(thrown("image", () => checkImage(file(200), "a.jpg")).message).toBe(
      "a.jpg is a damaged JPEG: it has more than 200 scans",
    );
  });

  it("a JPEG without pixels or without a size is refused by that name", () => {
    const whole = files.jpeg as Uint8Array;
    const scan = whole.findIndex((byte, at) => byte === 0xff && whole[at + 1] === 0xda);
    const end = [0xff, 0xd9];
    for (const broken of [
      [...whole.subarray(0, scan), ...end],
      [...whole.subarray(0, 2), ...end],
    ]) {
      const { message } = thrown("image", () => checkImage(Uint8Array.from(broken), "a.jpg"));
      expect(message).toBe("a.jpg is a damaged JPEG: it has no pixels");
    }
  });

  it("kinds that JavaScript does not decode are named", async () => {
    const cmyk = await softFile(16, 16).toColourspace("cmyk").jpeg().toBuffer();
    expect((await rejected("image", decodeImage(cmyk, "print.jpg", "javascript"))).message).toBe(
      "print.jpg is a JPEG of 4 components, such as CMYK, which needs sharp",
    );
    expect((await rejected("image", decodeImage(files.webp as Uint8Array, "a.webp", "javascript"))).message).toBe(
      "a.webp is a WebP, which needs sharp or a browser",
    );
    expect((await rejected("image", decodeImage(Buffer.from("GIF89a..."), "a.gif"))).message).toBe(
      "a.gif is no PNG, JPEG or WebP",
    );
  });
});

describe("orientation", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "%i turns a picture as sharp turns it, in JPEG, PNG and WebP",
    async (orientation) => {
      const stored = softFile(24, 16).withMetadata({ orientation });
      const wanted = await sharp(await stored.clone().png().toBuffer())
        .autoOrient()
        .ensureAlpha()
        .raw()
        .toBuffer();
      for (const kind of ["png", "jpeg", "webp"] as const) {
        const bytes = await stored
          .clone()
          .toFormat(kind, kind === "png" ? {} : { quality: 100 })
          .toBuffer();
        const { width, height } = checkImage(bytes, kind);
        expect([width, height]).toEqual(orientation > 4 ? [16, 24] : [24, 16]);
        const picture = await decodeImage(bytes, kind, kind === "webp" ? "sharp" : "javascript");
        expect([picture.width, picture.height]).toEqual([width, height]);
        expect(farthest(picture.data, wanted)).toBeLessThanOrEqual(kind === "png" ? 0 : 12);
      }
    },
  );

  it("leaves bytes alone that begin at any place", () => {
    const data = Uint8Array.from({ length: 9 }, (_, index) => index).subarray(1);
    expect([...upright({ width: 2, height: 1, data }, 2).data]).toEqual([5, 6, 7, 8, 1, 2, 3, 4]);
  });
});

describe("a picture as a network's input", () => {
  const picture = (width: number, height: number, pixels: readonly (readonly number[])[]) => ({
    width,
    height,
    data: Uint8Array.from(
      pixels.flatMap(([red = 0, green = red, blue = red, alpha = 255]) => [red, green, blue, alpha]),
    ),
  });

  it("is taken as it is where the size is right", () => {
    const pixels = picture(2, 1, [[1, 2, 3], [250]]);
    expect([...fitPicture(pixels, input(1, 2))]).toEqual([1, 2, 3, 250, 250, 250]);
  });

  it("is gray by the luma of BT.601, and gray stays what it was", () => {
    const pixels = picture(4, 1, [[255, 0, 0], [0, 255, 0], [0, 0, 255], [77]]);
    expect([...fitPicture(pixels, input(1, 4, { channels: 1 }))]).toEqual([76, 150, 29, 77]);
  });

  it("is blended on the background where it is transparent", () => {
    const pixels = picture(3, 1, [
      [0, 0, 0, 0],
      [0, 0, 0, 128],
      [9, 9, 9, 255],
    ]);
    expect([...fitPicture(pixels, input(1, 3, { background: "#ff8000" }))]).toEqual([255, 128, 0, 127, 64, 0, 9, 9, 9]);
  });

  it("covers: its middle is cut out", () => {
    const pixels = picture(4, 2, [[1], [2], [3], [4], [5], [6], [7], [8]]);
    expect([...fitPicture(pixels, input(2, 2, { channels: 1 }))]).toEqual([2, 3, 6, 7]);
  });

  it("is contained: the background fills the rest", () => {
    const pixels = picture(
      4,
      2,
      Array.from({ length: 8 }, () => [10]),
    );
    const wide = fitPicture(pixels, input(4, 4, { channels: 1, fit: "contain", background: "#c8c8c8" }));
    expect([...wide]).toEqual([200, 200, 200, 200, 10, 10, 10, 10, 10, 10, 10, 10, 200, 200, 200, 200]);
  });

  it("fills: it is stretched, and averaged where it gets smaller", () => {
    const pixels = picture(2, 2, [[0], [100], [0], [100]]);
    expect([...fitPicture(pixels, input(2, 1, { channels: 1, fit: "fill" }))]).toEqual([50, 50]);
    expect([...fitPicture(pixels, input(1, 4, { channels: 1, fit: "fill" }))]).toEqual([0, 25, 75, 100]);
    // The triangle is as wide as the target's pixel: weights 5, 7, 7 and 5 of 24.
    const bright = picture(4, 1, [[240], [0], [0], [0]]);
    expect([...fitPicture(bright, input(1, 1, { channels: 1, fit: "fill" }))]).toEqual([50]);
  });

  it.each([
    ["cover", 1, 4096],
    ["contain", 1, 4096],
    ["fill", 1, 4096],
    ["fill", 4096, 1],
  ] as const)("%s: a strip of %i x %i takes no more on its way than before or after", (fit, width, height) => {
    const pixels = picture(
      width,
      height,
      Array.from({ length: 4096 }, (_, at) => [at % 251]),
    );
    let largest = 0;
    class Counting extends Uint8Array {
      constructor(...given: readonly never[]) {
        super(...(given as unknown as [number]));
        largest = Math.max(largest, this.length);
      }
    }
    vi.stubGlobal("Uint8Array", Counting);
    const fitted = fitPicture(pixels, input(64, 64, { channels: 1, fit }));
    vi.unstubAllGlobals();
    expect([fitted.length, largest]).toEqual([4096, 4096]);
  });

  it.each(["cover", "contain", "fill"] as const)("%s: is enlarged alike by JavaScript and sharp", async (fit) => {
    const ramp = pngFile(8, 8, {}, (x, y) => [10 * x, 10 * y, 10 * x]);
    for (const [height, width] of [
      [16, 16],
      [4, 16],
      [16, 4],
      [9, 8],
    ] as const) {
      const wanted = input(height, width, { fit });
      const ours = await readInput(ramp, wanted, "ramp", "javascript");
      expect(farthest(ours, await readInput(ramp, wanted, "ramp", "sharp"))).toBeLessThanOrEqual(1);
    }
    const enlarged = await readInput(ramp, input(16, 16, { fit }), "ramp", "sharp");
    expect([0, 3, 6, 9].map((at) => enlarged[at])).toEqual([0, 3, 8, 13]);
  });

  it("covers by the same part of a picture with sharp, where the rest is no even number of pixels", async () => {
    for (const [width, height] of [
      [200, 150],
      [150, 200],
    ] as const) {
      const bytes = await softFile(width, height).png().toBuffer();
      const ours = await readInput(bytes, input(32, 32), "soft", "javascript");
      expect(farthest(ours, await readInput(bytes, input(32, 32), "soft", "sharp"))).toBeLessThanOrEqual(6);
    }
  });

  it.each([1, 2] as const)("a gray file of %i channels has a background in colour", async (channels) => {
    const pixels = Buffer.from(
      Array.from({ length: 32 * channels }, (_, at) => (channels === 2 && at % 2 ? 128 : 100)),
    );
    const gray = await sharp(pixels, { raw: { width: 8, height: 4, channels } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    const wanted = input(4, 4, { fit: "contain", background: "#ff0000" });
    const ours = await readInput(gray, wanted, "gray", "javascript");
    expect([...ours.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect(farthest(await readInput(gray, wanted, "gray", "sharp"), ours)).toBeLessThanOrEqual(1);
  });

  it.each(["cover", "contain", "fill"] as const)("%s: JavaScript and sharp agree within a few levels", async (fit) => {
    const bytes = await softFile(90, 60).png().toBuffer();
    for (const channels of [1, 3] as const) {
      const wanted = input(32, 32, { fit, channels, background: "#808080" });
      const ours = await readInput(bytes, wanted, "soft", "javascript");
      expect(farthest(ours, await readInput(bytes, wanted, "soft", "sharp"))).toBeLessThanOrEqual(6);
    }
  });
});
