/** PNG files for tests, written chunk by chunk, so that a test can write a wrong one. */
import { crc32, deflateSync } from "node:zlib";

interface Wrong {
  /** The packed rows in place of the right ones. */
  readonly pixels?: Uint8Array;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A PNG in colour of 8 bits; `paint` gives a pixel's red, green and blue. */
export function pngFile(
  width: number,
  height: number,
  wrong: Wrong = {},
  paint: (x: number, y: number) => readonly [number, number, number] = () => [0, 0, 0],
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = (): Uint8Array =>
    Uint8Array.from({ length: height * (1 + 3 * width) }, (_, at) => {
      const [y, place] = [Math.floor(at / (1 + 3 * width)), (at % (1 + 3 * width)) - 1];
      return place < 0 ? 0 : (paint(Math.floor(place / 3), y)[place % 3] as number);
    });
  return Uint8Array.from(
    Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk("IHDR", header),
      chunk("IDAT", wrong.pixels ?? (width * height > 1e6 ? new Uint8Array(8) : deflateSync(rows()))),
      chunk("IEND", new Uint8Array()),
    ]),
  );
}
