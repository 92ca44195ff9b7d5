/** A path as a data set: a folder of pictures or of a known data set's files, or an npz file. Node only. */
import { ProxbitError } from "../../base/errors.ts";
import { requireNode, systemCode } from "../../io/node.ts";
import type { Dataset, Split } from "../dataset.ts";
import { type ImageFolderOptions, imageFolder } from "./folder.ts";

/** Readers of folders whose files have names of their own, by such a name. */
type FolderReader = (directory: string) => Promise<Dataset<Split>>;

/** Names that tell a folder of a known layout, each with its reader; a name may end in `.gz`. */
export type KnownFolders = readonly (readonly [RegExp, FolderReader])[];

/**
 * The data set at `place`. Options are those of a folder of pictures.
 *
 * @throws ProxbitError "data" where nothing is there, or it is malformed; and as {@link imageFolder}.
 */
export async function dataAt(
  place: string,
  options: ImageFolderOptions,
  known: KnownFolders = [],
): Promise<Dataset<Split>> {
  const { files } = requireNode("Reading data from a path", "Pass arrays to split.");
  const facts = await files.stat(place).catch((cause: unknown) => {
    const why =
      systemCode(cause) === "ENOENT" ? "there is no such folder or file" : `it cannot be read (${systemCode(cause)})`;
    throw new ProxbitError("data", `${place}: ${why}`, "Give a folder of images, or an npz file.", { cause });
  });
  if (!facts.isDirectory()) {
    throw new ProxbitError("data", `${place} is no folder`, "Give a folder of images.");
  }
  const names = await files.readdir(place);
  const reader = known.find(([name]) => names.some((given) => name.test(given.replace(/\.gz$/, ""))));
  return reader === undefined ? imageFolder(place, options) : reader[1](place);
}
