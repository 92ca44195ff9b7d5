/** Files of MNIST's layout, as small as a test likes. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The idx file of `data` in `dimensions`. */
export function idx(dimensions: readonly number[], data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * dimensions.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + dimensions.length);
  for (const [axis, size] of dimensions.entries()) view.setUint32(4 + 4 * axis, size);
  bytes.set(data, 4 + 4 * dimensions.length);
  return bytes;
}

/** The four files of a small data set in MNIST's layout: `train` and `test` images. Image i is all of the byte i. */
export function smallFiles(train: number, test: number): Map<string, Uint8Array<ArrayBuffer>> {
  const images = (count: number) =>
    idx(
      [count, 28, 28],
      Uint8Array.from({ length: count * 784 }, (_, at) => Math.floor(at / 784)),
    );
  const labels = (count: number) =>
    idx(
      [count],
      Uint8Array.from({ length: count }, (_, at) => at % 10),
    );
  return new Map([
    ["train-images-idx3-ubyte", images(train)],
    ["train-labels-idx1-ubyte", labels(train)],
    ["t10k-images-idx3-ubyte", images(test)],
    ["t10k-labels-idx1-ubyte", labels(test)],
  ]);
}

export async function writeAll(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
}
