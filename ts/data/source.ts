/**
 * Sources of a data set's files: a directory (Node) or a base URL (anywhere with `fetch`). A source answers a name with
 * bytes, or with undefined where there is no such file. Everything else is an error.
 */
import { callbackOf, isList, reading, reject, type Subject, signalOf } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { unknownName } from "../base/names.ts";
import { requireNode, systemCode } from "../io/node.ts";
import { readWholeFile } from "../io/read.ts";
import { fetchBytes, Patience } from "./fetch-bytes.ts";
import { gunzip, isGzip } from "./gzip.ts";

/** Progress of a download. `total` is undefined where the server does not say. */
export interface DownloadProgress {
  readonly file: string;
  readonly received: number;
  readonly total: number | undefined;
}

/** Places of a data set; at most one of `directory`, `baseUrl` and `downloadUrl` is given. */
export interface DatasetOptions {
  /** A directory that holds the data set's files (Node). */
  readonly directory?: string | undefined;
  /** A URL under which the data set's files are served; the way to load one in a browser. */
  readonly baseUrl?: string | URL | undefined;
  /**
   * An address that replaces those of a data set that can be downloaded, whatever is installed (Node). The files are
   * checked and kept in the user's cache directory.
   */
  readonly downloadUrl?: string | URL | undefined;
  /** The directory of downloads; `proxbit` in the user's cache directory where absent. */
  readonly cacheDirectory?: string | undefined;
  /** Called as a file is downloaded, or fetched from baseUrl. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** Stops a download, or a fetch from baseUrl. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = ["directory", "baseUrl", "downloadUrl", "cacheDirectory", "onDownload", "signal"];

export interface Source {
  /** The directory or URL, as messages name it. */
  readonly place: string;
  /** The file called `name` or `name.gz`, unpacked; undefined where there is neither. */
  readonly read: (name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** No file of the known data sets is larger, unpacked; a gzip file that grows past it is refused. */
export const MAXIMUM_FILE_BYTES = 2 ** 30;

type Read = (name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/** Tries `names` in turn. A packed file is unpacked under any name. */
async function readFirst(
  names: readonly string[],
  place: string,
  read: Read,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  for (const name of names) {
    const bytes = await read(name);
    if (bytes !== undefined) return isGzip(bytes) ? gunzip(bytes, MAXIMUM_FILE_BYTES, `${name} in ${place}`) : bytes;
  }
  return undefined;
}

export function directorySource(directory: string): Source {
  const { path } = requireNode("Reading a data set from a directory", "Serve the files and pass their baseUrl.");
  const read: Read = async (name) => {
    const file = path.join(directory, name);
    try {
      return await readWholeFile(file);
    } catch (cause) {
      const code = systemCode(cause);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw new ProxbitError("data", `${file} cannot be read (${code ?? String(cause)})`, "Make the file readable.", {
        cause,
      });
    }
  };
  return { place: directory, read: (name) => readFirst([name, `${name}.gz`], directory, read) };
}

/** A source that fetches from below `baseUrl`. Packed files come first, because they are smaller. */
export function urlSource(baseUrl: string | URL, { onDownload, signal }: DatasetOptions = {}): Source {
  const place = String(baseUrl);
  const read: Read = async (name) => {
    const url = `${place.replace(/\/$/, "")}/${name}`;
    const check = (response: Response): boolean => {
      // A development server answers a path it does not know with its start page.
      const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
      if (response.status === 404 || (response.ok && isPage)) return false;
      if (response.ok) return true;
      throw new ProxbitError("data", `${url} answers with status ${response.status}`, "Check baseUrl and the server.");
    };
    const tell = (received: number, total: number | undefined): void => onDownload?.({ file: name, received, total });
    try {
      return await fetchBytes(url, tell, { signal, mostBytes: MAXIMUM_FILE_BYTES, check });
    } catch (cause) {
      if (signal?.aborted)
        throw new ProxbitError("aborted", `${url} was not fetched to its end`, "Start it again.", { cause });
      if (cause instanceof ProxbitError) throw cause;
      const why = cause instanceof Patience ? `: ${cause.message}` : "";
      throw new ProxbitError(
        "data",
        `${url} cannot be fetched${why}`,
        "Check baseUrl, the server and its cross-origin headers.",
        { cause },
      );
    }
  };
  return { place, read: (name) => readFirst([`${name}.gz`, name], place, read) };
}

/**
 * The source that `options` name, or undefined where they name none.
 *
 * @throws ProxbitError "unknown-name" for an option that does not exist.
 * @throws ProxbitError "argument" for an option of the wrong type, or for two sources.
 */
export function sourceOf(options: DatasetOptions): Source | undefined {
  const { directory, baseUrl, downloadUrl } = checkedOptions(options);
  const [first, second] = Object.entries({ directory, baseUrl, downloadUrl }).filter(
    ([, place]) => place !== undefined,
  );
  if (first !== undefined && second !== undefined) {
    throw new ProxbitError("argument", `${first[0]} and ${second[0]} are both given`, "Give one of them.");
  }
  if (directory !== undefined) {
    if (typeof directory === "string" && directory !== "") return directorySource(directory);
    throw new ProxbitError("argument", "directory must be the path of a directory", 'Pass a path such as "./data".');
  }
  if (baseUrl === undefined) return undefined;
  if (isUrl(baseUrl) || (typeof baseUrl === "string" && baseUrl !== "")) return urlSource(baseUrl, options);
  throw new ProxbitError("argument", "baseUrl must be a URL", 'Pass a URL such as "/data/mnist".');
}

/** True for a URL. A proxy that was revoked is none. */
function isUrl(value: unknown): value is URL {
  try {
    return value instanceof URL;
  } catch {
    return false;
  }
}

/**
 * The options of a data set, with a copy of their values.
 *
 * @throws ProxbitError "unknown-name" for an option that does not exist, "argument" for what is no object.
 */
export function checkedOptions(options: DatasetOptions): DatasetOptions {
  const what = "the options of a data set";
  const isObject = typeof options === "object" && options !== null && !isList(options) && !ArrayBuffer.isView(options);
  if (!isObject) {
    throw new ProxbitError("argument", `${what} must be an object, not ${describe(options)}`, "Give an object.");
  }
  const given: DatasetOptions = reading(what, "an object whose values can be read", () => ({ ...options }));
  for (const key of Object.keys(given)) if (!OPTIONS.includes(key)) throw unknownName("option", key, OPTIONS);
  const subject: Subject = { code: "argument", what };
  callbackOf(given.onDownload, "onDownload", subject);
  signalOf(given.signal, "signal", subject);
  const { downloadUrl, cacheDirectory } = given;
  const isAddress = downloadUrl === undefined || typeof downloadUrl === "string" || isUrl(downloadUrl);
  if (!isAddress) reject(subject, "downloadUrl", "a URL", downloadUrl);
  if (cacheDirectory !== undefined && (typeof cacheDirectory !== "string" || cacheDirectory === "")) {
    reject(subject, "cacheDirectory", "the path of a directory", cacheDirectory);
  }
  return given;
}

/** @throws ProxbitError "argument" where the data set `name`, which nobody downloads, is given an address for it. */
export function refuseDownload(name: string, { downloadUrl }: DatasetOptions): void {
  if (downloadUrl === undefined) return;
  throw new ProxbitError(
    "argument",
    `${name} is not downloaded, so that an address (downloadUrl, --data-url) has no effect`,
    "Leave the address out, or choose a data set that is downloaded, such as fashion-mnist.",
  );
}

/** The file called `name`. @throws ProxbitError "data" with `remedy` where the source has none. */
export async function readRequired(source: Source, name: string, remedy: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await source.read(name);
  if (bytes === undefined) throw new ProxbitError("data", `there is no ${name} in ${source.place}`, remedy);
  return bytes;
}
