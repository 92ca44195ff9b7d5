/**
 * Folders of JPEG files, read and decoded into a data set, against sharp alone, which does the same and nothing else.
 *
 * sharp opens the files itself and gives the pixels of each. Ours lists the folder, reads the files, checks their structure,
 * lets sharp decode, and makes a split.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { imageFolder } from "../../ts/data/files/folder.ts";
import { randomStream } from "../../ts/nn/random.ts";
import type { Benchmark, Context } from "../frame/benchmark.ts";
import { compare, type Finding } from "../frame/finding.ts";
import { type Contestant, race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";

interface Folder {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly count: number;
  /** The side of the network's input. */
  readonly size: number;
}

const CLASSES = ["a", "b"];
/** As many as our reader has under way. */
const AT_ONCE = 16;

const folders = (quick: boolean): readonly Folder[] => [
  { name: "small pictures", width: 32, height: 32, count: quick ? 200 : 2000, size: 32 },
  { name: "photos", width: 640, height: 480, count: quick ? 20 : 200, size: 64 },
];

/** Smooth colours with some noise, which JPEG packs about as well as a photo. */
function pixels({ width, height }: Folder, seed: number): Buffer {
  const { below } = randomStream(seed, "picture");
  const bytes = Buffer.alloc(3 * width * height);
  for (let at = 0; at < bytes.length; at++) {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    bytes[at] = 128 + 90 * Math.sin((x + seed) / 21 + (at % 3)) * Math.cos(y / 17) + below(24);
  }
  return bytes;
}

async function write(root: string, folder: Folder): Promise<void> {
  const { width, height, count } = folder;
  for (const name of CLASSES) await mkdir(join(root, name));
  for (let index = 0; index < count; index++) {
    const raw = { width, height, channels: 3 } as const;
    const jpeg = await sharp(pixels(folder, index), { raw }).jpeg({ quality: 90 }).toBuffer();
    await writeFile(join(root, CLASSES[index % 2] as string, `${index}.jpg`), jpeg);
  }
}

/** The pixels of every file below `root`, some at once, in no order. */
async function bySharp(root: string, size: number): Promise<number> {
  const names = await readdir(root, { recursive: true });
  const paths = names.filter((name) => name.endsWith(".jpg")).map((name) => join(root, name));
  let [next, bytes] = [0, 0];
  const worker = async (): Promise<void> => {
    while (next < paths.length) {
      const picture = sharp(paths[next++]).autoOrient().resize(size, size, { kernel: "linear" });
      bytes += (await picture.raw().toBuffer()).length;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return bytes;
}

export const read: Benchmark = {
  title: "Reading folders of pictures",
  about:
    "imageFolder with sharp (ours) against sharp alone (peer), from files on the disk to bytes of the network's size, and the " +
    "same in JavaScript.",
  async *run(context) {
    const pace = { rounds: context.quick ? 3 : 11, warmUp: 1, sliceMilliseconds: 0 };
    const all = folders(context.quick);
    context.expect(all.length * (pace.rounds + pace.warmUp));
    for (const folder of all) yield* raced(folder, pace, context);
  },
};

async function* raced(
  folder: Folder,
  pace: { readonly rounds: number; readonly warmUp: number; readonly sliceMilliseconds: number },
  context: Context,
): AsyncGenerator<Finding> {
  const root = await mkdtemp(join(tmpdir(), "proxbit-bench-read-"));
  context.atEnd(() => rm(root, { recursive: true, force: true }));
  await write(root, folder);
  const { name, width, height, count, size } = folder;
  const version = sharp.versions.sharp ?? "";
  const contestants: readonly Contestant[] = [
    { name: "imageFolder", version: ownVersion, run: () => imageFolder(root, { size, decoder: "sharp" }) },
    { name: "sharp", version, run: () => bySharp(root, size) },
    { name: "JavaScript", version: ownVersion, run: () => imageFolder(root, { size, decoder: "javascript" }) },
  ];
  const [ours, peer, plain] = (await race(contestants, pace, context.tick)) as readonly [Timing, Timing, Timing];
  const title = `${count} ${name} of ${width} x ${height}, to ${size} x ${size}`;
  yield compare(title, ours, peer, { threads: 4, variant: "sharp" });
  yield compare(`${title}, without sharp`, plain, peer, { threads: 1, variant: "JavaScript" });
  await rm(root, { recursive: true, force: true });
}
