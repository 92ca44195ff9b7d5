/**
 * A folder of idx files as a data set, of images of any size: MNIST's likes, such as KMNIST and EMNIST. Node only.
 *
 * Their names hold `train-images-idx`, `train-labels-idx`, and `t10k` or `test` in place of `train`. Images have two axes,
 * or three with their channels. Classes are numbered, because idx has no names.
 */
import { reject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { requireNode } from "../../io/node.ts";
import type { Dataset, ImageSplit } from "../dataset.ts";
import { parseIdx } from "../idx.ts";
import { directorySource, readRequired } from "../source.ts";
import { split } from "../split.ts";

const REMEDY = "Put the four idx files of one data set into a folder of their own, packed by gzip or not.";

/**
 * Reads the idx files in `directory`, packed by gzip or not.
 *
 * @throws ProxbitError "data" where a file is missing, malformed or there twice, or images and labels disagree.
 */
export async function idxFolder(directory: string): Promise<Dataset<ImageSplit>> {
  const { files, path } = requireNode(
    "Reading a folder of idx files",
    "Fetch the files, and pass their bytes to split.",
  );
  if (typeof directory !== "string" || directory === "") {
    reject({ code: "argument", what: "idxFolder" }, "the folder", "the path of a directory", directory);
  }
  const names = await files.readdir(directory).catch((cause: unknown) => {
    throw new ProxbitError("data", `${directory} cannot be read`, "Give the path of a folder.", { cause });
  });
  const source = directorySource(directory);
  const read = async (part: string, kind: string) => {
    const fitting = names.filter((name) => new RegExp(`(${part})-${kind}-idx\\d`).test(name));
    const plain = [...new Set(fitting.map((name) => name.replace(/\.gz$/, "")))];
    if (plain.length !== 1) {
      const found = plain.length === 0 ? "no file" : `several files (${plain.join(", ")})`;
      throw new ProxbitError("data", `${directory} has ${found} of ${part.replace("|", " or ")}-${kind}-idx`, REMEDY);
    }
    const name = plain[0] as string;
    const bytes = await readRequired(source, name, REMEDY);
    return { name, ...parseIdx(bytes, kind === "labels" ? 1 : (bytes[3] ?? 0), name) };
  };
  const parts = [];
  for (const part of ["train", "t10k|test"])
    parts.push([await read(part, "images"), await read(part, "labels")] as const);
  const classes = 1 + parts.reduce((most, [, { data }]) => data.reduce((a, b) => Math.max(a, b), most), 0);
  const [train, test] = parts.map(([images, labels]) => {
    const [count, height = 0, width = 0, channels = 1, ...more] = images.dimensions;
    if (count !== labels.data.length || images.dimensions.length < 3 || more.length > 0) {
      const message = `${images.name} is of ${images.dimensions.join(" x ")}, ${labels.name} has ${labels.data.length} labels`;
      throw new ProxbitError("data", message, "Get both files from one place: images are count x height x width.");
    }
    return split(images.data, labels.data, [height, width, channels], { classes });
  }) as [ImageSplit, ImageSplit];
  const name = path.basename(path.resolve(directory));
  return { name, classes: Array.from({ length: classes }, (_, index) => String(index)), train, test };
}
