/** Files of pictures: which there are below a folder, and their bytes as a network takes them. Node only. */
import { ProxbitError } from "../../base/errors.ts";
import { type Decoder, readInput } from "../../images/decode.ts";
import type { ImageInput } from "../../images/input.ts";
import { imageError } from "../../images/picture.ts";
import { requireNode, systemCode } from "../../io/node.ts";
import { readFault, readWholeFile } from "../../io/read.ts";

/** Pictures that are read and decoded at once. sharp has four threads unless UV_THREADPOOL_SIZE says otherwise. */
const AT_ONCE = 16;

const IMAGE = /\.(png|jpe?g|webp)$/i;

const node = () => requireNode("Reading files of images", "Decode them with a canvas, and give split their bytes.");

/** Names are in the order of their UTF-16 units, which is the same on every machine. */
export const inOrder = (names: readonly string[]): readonly string[] =>
  names.toSorted((a, b) => (a < b ? -1 : Number(a > b)));

/** Names that begin with a dot are a system's own. */
export const isHidden = (name: string): boolean => name.startsWith(".");

/** A folder or a file in a folder; a link is that to which it leads. */
interface Entry {
  readonly name: string;
  readonly isLink: boolean;
  readonly isFolder: boolean;
}

/**
 * The folders and files in `folder` that are not hidden, in order. A link is followed. One that leads nowhere is refused,
 * because a class or a picture would be missing in silence.
 *
 * @throws ProxbitError "data" where the folder cannot be read, or a link in it leads nowhere.
 */
export async function entriesIn(folder: string): Promise<readonly Entry[]> {
  const { files, path } = node();
  const entries = await files.readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const why = systemCode(cause) ?? String(cause);
    throw new ProxbitError("data", `${folder} cannot be read (${why})`, "Give the path of a folder.", { cause });
  });
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const found: Entry[] = [];
  for (const name of inOrder([...byName.keys()])) {
    const entry = byName.get(name);
    if (entry === undefined || isHidden(name)) continue;
    const isLink = entry.isSymbolicLink();
    const at = isLink ? await target(path.join(folder, name)) : entry;
    found.push({ name, isLink, isFolder: at.isDirectory() });
  }
  return found;
}

const target = (link: string) =>
  node()
    .files.stat(link)
    .catch((cause: unknown) => {
      const message = `${link} is a link that leads nowhere (${systemCode(cause) ?? String(cause)})`;
      throw new ProxbitError("data", message, "Mend or remove the link.", { cause });
    });

/**
 * The paths of all PNG, JPEG and WebP files below `folder`, by their endings, in order. Hidden files are left out. `seen`
 * keeps the real paths of the folders that were read, so links in a circle end; those of pictures, too, where it has a place
 * for them.
 *
 * @throws ProxbitError "data" where a folder cannot be read, or a link leads to what `seen` has.
 */
export async function imageFilesIn(folder: string, seen: Seen = { folders: new Set() }): Promise<readonly string[]> {
  const { path } = node();
  const found: string[] = [];
  const real = await realPath(folder);
  readOnce(seen.folders, folder, real, "folder");
  for (const { name, isFolder, isLink } of await entriesIn(folder)) {
    const place = path.join(folder, name);
    // No call with all paths as arguments: a folder of a hundred thousand would exhaust the stack.
    if (isFolder) for (const inner of await imageFilesIn(place, seen)) found.push(inner);
    else if (IMAGE.test(name)) {
      if (seen.pictures) {
        readOnce(seen.pictures, place, isLink ? await realPath(place) : path.join(real, name), "picture");
      }
      found.push(place);
    }
  }
  return found;
}

/** Real paths of what was read. */
export interface Seen {
  readonly folders: Set<string>;
  readonly pictures?: Set<string>;
}

const realPath = (place: string): Promise<string> =>
  node()
    .files.realpath(place)
    .catch(() => place);

function readOnce(seen: Set<string>, place: string, real: string, kind: string): void {
  if (seen.has(real)) {
    const message = `${place} is the same ${kind} as ${real}, which is read already`;
    throw new ProxbitError("data", message, "Remove one of the links, so that each image is read once.");
  }
  seen.add(real);
}

/** @throws ProxbitError "image" for a file that cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readWholeFile(path);
  } catch (cause) {
    throw imageError(`${path} cannot be read: ${readFault(cause)}`, "Give the path of a PNG, JPEG or WebP.", cause);
  }
}

export interface ReadOptions {
  readonly decoder?: Decoder | undefined;
  /** Called with each picture's bytes before they are decoded; it may throw. */
  readonly check?: ((bytes: Uint8Array, path: string) => void) | undefined;
  /** Ends the reading between two pictures. */
  readonly stopped?: (() => void) | undefined;
}

/**
 * The pictures at `paths` as bytes of `input`, in order. Some are read ahead.
 *
 * @throws ProxbitError "image" at the first picture, in order, that is missing, damaged or short.
 */
export async function* readPictures(
  paths: readonly string[],
  input: ImageInput,
  { decoder, check, stopped = () => {} }: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  const ahead: Promise<Uint8Array>[] = [];
  for (let next = 0; next < paths.length || ahead.length > 0; ) {
    while (next < paths.length && ahead.length < AT_ONCE) {
      const path = paths[next++] as string;
      const picture = readBytes(path).then((bytes) => {
        check?.(bytes, path);
        return readInput(bytes, input, path, decoder);
      });
      // A later picture may fail before its turn.
      picture.catch(() => {});
      ahead.push(picture);
    }
    stopped();
    yield await (ahead.shift() as Promise<Uint8Array>);
  }
}
