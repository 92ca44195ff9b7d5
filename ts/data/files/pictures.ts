/** Files of pictures: which there are below a folder, and their bytes as a network takes them. Node only. */
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

/**
 * The paths of all PNG, JPEG and WebP files below `folder`, by their endings, in order. Hidden files are left out.
 *
 * @throws ProxbitError "data" where it cannot be read.
 */
export async function imageFilesIn(folder: string): Promise<readonly string[]> {
  const { files, path } = node();
  const found: string[] = [];
  const entries = await files.readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw imageError(
      `${folder} cannot be read (${systemCode(cause) ?? String(cause)})`,
      "Give a folder of images.",
      cause,
    );
  });
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  for (const name of inOrder([...byName.keys()])) {
    const place = path.join(folder, name);
    if (isHidden(name)) continue;
    if (byName.get(name)?.isDirectory()) found.push(...(await imageFilesIn(place)));
    else if (IMAGE.test(name)) found.push(place);
  }
  return found;
}

/** @throws ProxbitError "image" for a file that cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readWholeFile(path);
  } catch (cause) {
    throw imageError(`${path} cannot be read: ${readFault(cause)}`, "Give the path of a PNG, JPEG or WebP.", cause);
  }
}

interface ReadOptions {
  readonly decoder?: Decoder | undefined;
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
  { decoder, stopped = () => {} }: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  const ahead: Promise<Uint8Array>[] = [];
  for (let next = 0; next < paths.length || ahead.length > 0; ) {
    while (next < paths.length && ahead.length < AT_ONCE) {
      const path = paths[next++] as string;
      const picture = readBytes(path).then((bytes) => readInput(bytes, input, path, decoder));
      // A later picture may fail before its turn.
      picture.catch(() => {});
      ahead.push(picture);
    }
    stopped();
    yield await (ahead.shift() as Promise<Uint8Array>);
  }
}
