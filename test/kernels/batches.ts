import fc from "../fast-check.ts";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";

const gathers = property(
  "batches out of a data set",
  fc.record({ count: fc.integer({ min: 1, max: 20 }), rows: fc.integer({ min: 1, max: 30 }), row: tails, seed: seeds }),
  (bench, { count, rows, row, seed }) => {
    const random = numbers(seed);
    const [bytes, labels, reals] = [random.bytes(rows * row), random.bytes(rows), random.reals(rows * row)];
    const [scale, offset] = [Math.fround(1 / 127.5), -1];
    const indices = Uint32Array.from({ length: count }, () => random.below(rows));
    const numbersOf = (data: ArrayLike<number>, map: (x: number) => number): Float32Array =>
      Float32Array.from({ length: count * row }, (_, i) => map(data[indices[Math.floor(i / row)]! * row + (i % row)]!));
    const at = bench.input(indices);
    const images = bench.output(Float32Array, count * row);
    status(
      "gather_bytes",
      bench.call(k.gatherBytes({ data: bench.input(bytes), indices: at, count, row, scale, offset, out: images })),
      0,
    );
    sameBits(
      "images",
      images.read(),
      numbersOf(bytes, (byte) => Math.fround(byte * scale) + offset),
    );
    const [signed, words] = [Int8Array.from(bytes), Uint16Array.from(bytes, (byte) => byte * 257)];
    for (const [call, data, place] of [
      [k.gatherSignedBytes, signed, bench.input(new Uint8Array(signed.buffer))],
      [k.gatherWords, words, bench.input(new Uint8Array(words.buffer))],
    ] as const) {
      const wide = bench.output(Float32Array, count * row);
      status("gather", bench.call(call({ data: place, indices: at, count, row, scale, offset, out: wide })), 0);
      sameBits(
        "numbers",
        wide.read(),
        numbersOf(data, (x) => Math.fround(Math.fround(x * scale) + offset)),
      );
    }
    const values = bench.output(Float32Array, count * row);
    status(
      "gather_reals",
      bench.call(k.gatherReals({ data: bench.input(reals), indices: at, count, row, out: values })),
      0,
    );
    sameBits(
      "reals",
      values.read(),
      numbersOf(reals, (x) => x),
    );
    const classes = Uint32Array.from(labels, (label) => label * 65_537);
    const answers = bench.output(Uint32Array, count);
    status(
      "gather_labels",
      bench.call(k.gatherLabels({ labels: bench.input(classes), indices: at, count, out: answers })),
      0,
    );
    sameBits(
      "labels",
      answers.read(),
      Uint32Array.from(indices, (index) => classes[index]!),
    );
  },
);

const bytesOfView = (mirrored: number, down: number, right: number): number =>
  mirrored | ((down & 0xff) << 8) | ((right & 0xff) << 16);

const views = property(
  "views of images",
  fc.record({
    count: fc.integer({ min: 1, max: 6 }),
    height: fc.integer({ min: 1, max: 7 }),
    width: fc.integer({ min: 1, max: 9 }),
    channels: fc.integer({ min: 1, max: 4 }),
    seed: seeds,
  }),
  (bench, { count, height, width, channels, seed }) => {
    const random = numbers(seed);
    const [rows, row] = [3, height * width * channels];
    const bytes = random.bytes(rows * row);
    const [scale, offset] = [Math.fround(1 / 127.5), -1];
    const indices = Uint32Array.from({ length: count }, () => random.below(rows));
    const moves = Array.from({ length: count }, (_, i) =>
      i === 0 ? [0, 0, 0] : [random.below(2), random.below(21) - 10, random.below(21) - 10],
    ) as [number, number, number][];
    const seen = Uint32Array.from(moves, (move) => bytesOfView(...move));
    const inputs = { indices: bench.input(indices), views: bench.input(seen) };
    const sizes = { count, height, width, channels };
    const numbersAt = (numberOf: (byte: number) => number): Float32Array =>
      Float32Array.from(
        moves.flatMap(([mirrored, down, right], image) => {
          const byteAt = (y: number, x: number, channel: number): number => {
            const [fromY, seenX] = [y - down, x - right];
            if (fromY < 0 || fromY >= height || seenX < 0 || seenX >= width) return 0;
            const fromX = mirrored ? width - 1 - seenX : seenX;
            return bytes[indices[image]! * row + (fromY * width + fromX) * channels + channel]!;
          };
          return Array.from({ length: row }, (_, i) => {
            const pixel = Math.floor(i / channels);
            const byte = byteAt(Math.floor(pixel / width), pixel % width, i % channels);
            return Math.fround(numberOf(byte) * scale) + offset;
          });
        }),
      );
    // The same numbers of each kind are the same images. Above 127 a signed byte is another number.
    for (const [call, data] of [
      [k.gatherViews, bytes],
      [k.gatherWordViews, Uint16Array.from(bytes)],
      [k.gatherRealViews, Float32Array.from(bytes)],
      [k.gatherSignedByteViews, bytes.map((byte) => byte & 0x7f)],
    ] as const) {
      const images = bench.output(Float32Array, count * row);
      const place = bench.input(new Uint8Array(data.buffer));
      status("views", bench.call(call({ ...inputs, ...sizes, data: place, scale, offset, out: images })), 0);
      const isSigned = call === k.gatherSignedByteViews;
      const wanted = isSigned ? numbersAt((byte) => byte & 0x7f) : numbersAt((byte) => byte);
      sameBits("images", images.read(), wanted);
    }
  },
);

export const batchProperties = [gathers, views];
