/**
 * The subject "sessions": logits of packed files. A session's build, kernel, batch and threads change no bit. So each
 * file has one list of digests, a digest an image. Sessions that differ are named.
 */
import type { BinaryKernel, LoadOptions, ParallelOptions } from "../../ts/inference/index.ts";
import { load, loadParallel } from "../../ts/inference/index.ts";
import { digest } from "./digest.ts";
import { differences, type Figures, type Subject } from "./figures.ts";
import { imagesFor } from "./images.ts";
import { runCalled, sessionRuns } from "./runs.ts";

/** Not a multiple of either batch. */
const IMAGES = 10;
const kernels: readonly BinaryKernel[] = ["lookup", "popcnt8", "popcnt64"];

const single: readonly LoadOptions[] = (["plain", "relaxed"] as const).flatMap((variant) =>
  kernels.flatMap((kernel) => [1, 7].map((batch) => ({ variant, kernel, batch }))),
);

const parallel: readonly ParallelOptions[] = [
  { workers: 2, variant: "plain-shared", kernel: "lookup", batch: 1 },
  { workers: 2, variant: "relaxed-shared", kernel: "popcnt8", batch: 6 },
];

interface Logits {
  readonly bytes: Float32Array;
  readonly floats: Float32Array;
}

async function make(name: string): Promise<Figures> {
  const { file, graph } = await runCalled(name);
  const { images, scale, offset } = imagesFor(graph, IMAGES, 3);
  const floats = Float32Array.from(images, (byte) => byte * scale + offset);
  const results: [string, Figures][] = [];
  for (const options of single) {
    const session = await load(file, options);
    const logits = { bytes: session.run(images, { count: IMAGES }), floats: session.run(floats, { count: IMAGES }) };
    results.push([sessionName(options), figuresOf(logits)]);
  }
  for (const options of parallel) {
    const session = await loadParallel(file, options);
    try {
      const logits = {
        bytes: await session.run(images, { count: IMAGES }),
        floats: await session.run(floats, { count: IMAGES }),
      };
      results.push([`${sessionName(options)}, ${options.workers} threads`, figuresOf(logits)]);
    } finally {
      session.close();
    }
  }
  const [[, figures], ...others] = results as [[string, Figures], ...[string, Figures][]];
  const parted = others.flatMap(([session, found]) => {
    const [first] = differences(figures, found);
    return first === undefined ? [] : [[session, first] as const];
  });
  return parted.length === 0 ? figures : { ...figures, "sessions that differ": Object.fromEntries(parted) };
}

const sessionName = ({ variant, kernel, batch }: LoadOptions | ParallelOptions): string =>
  `${variant}, ${kernel}, batch ${batch}`;

const figuresOf = ({ bytes, floats }: Logits): Figures => ({
  "logits of bytes of image": perImage(bytes),
  "logits of floats of image": perImage(floats),
});

function perImage(logits: Float32Array): string {
  const classes = logits.length / IMAGES;
  const own = Array.from({ length: IMAGES }, (_, image) => logits.subarray(image * classes, (image + 1) * classes));
  return own.map(digest).join(" ");
}

export const sessions: Subject = { name: "sessions", entries: sessionRuns, make };
