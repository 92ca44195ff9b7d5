/** A path as a data set: a folder of pictures or of a known data set's files, or an npz file. Node only. */
import { ProxbitError } from "../../base/errors.ts";
import type { ImageInput } from "../../images/input.ts";
import { requireNode, systemCode } from "../../io/node.ts";
import { cifar10 } from "../cifar10.ts";
import { cifar100 } from "../cifar100.ts";
import type { Dataset, Split } from "../dataset.ts";
import { type ImageFolderOptions, imageFolder } from "./folder.ts";
import { idxFolder } from "./idx-folder.ts";
import { npz } from "./npz.ts";

/** Files that tell a folder of a known layout, each with its reader; a name may end in `.gz`. */
const KNOWN: readonly (readonly [RegExp, (directory: string) => Promise<Dataset<Split>>])[] = [
  [/train-images-idx\d/, idxFolder],
  [/^(data_batch_1\.bin|cifar-10-batches-bin)$/, (directory) => cifar10({ directory })],
  [/^(train\.bin|cifar-100-binary)$/, (directory) => cifar100({ directory })],
];

/**
 * The data set at `place`. Options are those of a folder of pictures; others take fewer. Pictures become those of `input` where
 * a network has said it.
 *
 * @throws ProxbitError "argument" for an option that has no effect on what is there.
 * @throws ProxbitError "data" where nothing is there, or it is malformed; and as {@link imageFolder}.
 */
export async function dataAt(place: string, options: ImageFolderOptions, input?: ImageInput): Promise<Dataset<Split>> {
  const { files } = requireNode("Reading data from a path", "Pass arrays to split.");
  const denied = (cause: unknown): never => {
    const why =
      systemCode(cause) === "ENOENT" ? "there is no such folder or file" : `it cannot be read (${systemCode(cause)})`;
    throw new ProxbitError("data", `${place}: ${why}`, "Give a folder of images, or an npz file.", { cause });
  };
  const facts = await files.stat(place).catch(denied);
  if (!facts.isDirectory()) {
    if (/\.npz$/i.test(place)) {
      refuse(place, options, PICTURE_OPTIONS);
      return npz(place, { test: options.test, seed: options.seed });
    }
    throw new ProxbitError("data", `${place} is neither a folder nor an npz file`, "Give a folder of images.");
  }
  const names = await files.readdir(place).catch(denied);
  const known = KNOWN.find(([name]) => names.some((given) => name.test(given.replace(/\.gz$/, ""))));
  if (known === undefined) {
    if (input === undefined) return imageFolder(place, options);
    const { height, width, ...described } = input;
    return imageFolder(place, { ...options, ...described, size: [height, width] });
  }
  refuse(place, options, [...PICTURE_OPTIONS, "test", "seed"]);
  return known[1](place);
}

/** Options that describe pictures, which have no effect on numbers. */
const PICTURE_OPTIONS = ["size", "channels", "fit", "background", "decoder"] as const;

function refuse(place: string, options: ImageFolderOptions, keys: readonly (keyof ImageFolderOptions)[]): void {
  const given = keys.find((key) => options[key] !== undefined);
  if (given === undefined) return;
  throw new ProxbitError("argument", `${given} is for folders of images, and ${place} is none`, "Leave it out.");
}
