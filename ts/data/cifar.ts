/**
 * The binary layout of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): a row of records, colour images of 32 x 32.
 *
 * A record is one label (CIFAR-10) or two (CIFAR-100: the coarse class, then the fine one), then 1,024 bytes each of red,
 * green and blue, row by row. The planes are woven into NHWC here, and the last label is the class.
 */
import { ProxbitError } from "../base/errors.ts";
import type { ImageSplit } from "./dataset.ts";
import { split } from "./split.ts";

const PIXELS = 32 * 32;

/** @throws ProxbitError "data" where a file is no number of records, or a label is no class. */
export function readRecords(
  files: ReadonlyMap<string, Uint8Array>,
  labelBytes: 1 | 2,
  classes: number,
  remedy: string,
): ImageSplit {
  const bytesOfRecord = labelBytes + 3 * PIXELS;
  let count = 0;
  for (const [name, bytes] of files) {
    if (bytes.length === 0 || bytes.length % bytesOfRecord !== 0) {
      const message = `${name} has ${bytes.length} bytes, which is no number of records of ${bytesOfRecord}`;
      throw new ProxbitError("data", message, remedy);
    }
    count += bytes.length / bytesOfRecord;
  }
  const images = new Uint8Array(count * 3 * PIXELS);
  const labels = new Uint8Array(count);
  let image = 0;
  let out = 0;
  for (const bytes of files.values()) {
    for (let record = labelBytes; record < bytes.length; record += bytesOfRecord) {
      labels[image++] = bytes[record - 1] ?? 0;
      for (let pixel = record; pixel < record + PIXELS; pixel++) {
        images[out++] = bytes[pixel] ?? 0;
        images[out++] = bytes[pixel + PIXELS] ?? 0;
        images[out++] = bytes[pixel + 2 * PIXELS] ?? 0;
      }
    }
  }
  return split(images, labels, [32, 32, 3], { classes });
}
