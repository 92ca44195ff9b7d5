/**
 * Files of a data set from the network, each fetched once and kept in the user's cache directory. A file is taken only
 * where the SHA-256 of its content is the known one. So no server, proxy or disk can alter a file unseen, and its
 * packing does not matter. Node only: a browser has a cache of its own.
 */
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { clean } from "../base/text.ts";
import { requireNode, systemCode } from "../io/node.ts";
import { readWholeFile } from "../io/read.ts";
import { writeFileAtomic } from "../io/write.ts";
import { fetchBytes } from "./fetch-bytes.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { type DownloadProgress, MAXIMUM_FILE_BYTES, type Source } from "./source.ts";

export interface Download {
  /** The name of the data set, and of its directory in the cache. */
  readonly name: string;
  /** SHA-256 of each file's content, unpacked, in hexadecimal, by the name that the file has without `.gz`. */
  readonly checksums: Readonly<Record<string, string>>;
  /** Bytes of each file's content. A download that must be longer is stopped; 1 GiB where a file is not named. */
  readonly contentBytes?: Readonly<Record<string, number>>;
  /** Addresses that serve the files as `NAME.gz`. The next address is asked where one gives no file of the checksum. */
  readonly addresses: readonly string[];
  /** The directory of downloads; undefined stands for `proxbit` in the user's cache directory. */
  readonly cacheDirectory: string | undefined;
  /** The remedy where no address gives a file. */
  readonly remedy: string;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Most bytes of a gzip file with so much content: what cannot be packed grows by less than a thousandth. */
const packedBytes = (content: number): number => content + Math.ceil(content / 1000) + 1024;

/**
 * The directory of files that users' programs can get again. It is `$XDG_CACHE_HOME` or `~/.cache` (XDG Base Directory
 * Specification), `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
 */
export function userCacheDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
  platform: string,
) {
  const { path } = node();
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment;
  // The specification has relative paths ignored.
  if (xdg !== undefined && path.isAbsolute(xdg)) return xdg;
  if (platform === "darwin") return path.join(home, "Library", "Caches");
  if (platform === "win32") return local ?? path.join(home, "AppData", "Local");
  return path.join(home, ".cache");
}

/**
 * A source that downloads files that are not in the cache yet. Its `read` throws ProxbitError "data" where no address
 * gives a file.
 */
export function downloadedSource(download: Download): Source {
  const { path, os } = node();
  const cache =
    download.cacheDirectory ?? path.join(userCacheDirectory(process.env, os.homedir(), process.platform), "proxbit");
  const directory = path.join(cache, download.name);
  return { place: directory, read: (name) => readCached(download, directory, name) };
}

const node = () => requireNode("Keeping a download", "In a browser pass the baseUrl of the files.");

async function readCached(
  download: Download,
  directory: string,
  name: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const checksum = Object.hasOwn(download.checksums, name) ? download.checksums[name] : undefined;
  if (checksum === undefined) return undefined;
  const { files, path } = node();
  const file = path.join(directory, `${name}.gz`);
  const expected = { checksum, bytes: download.contentBytes?.[name] ?? MAXIMUM_FILE_BYTES };
  // What cannot be read, or was damaged since, is fetched again.
  const kept = await readWholeFile(file).catch(() => undefined);
  const content = kept === undefined ? undefined : await verified(kept, expected, file).catch(() => undefined);
  if (content !== undefined) return content;
  const fetched = await fetchAny(download, name, expected);
  try {
    await files.mkdir(directory, { recursive: true });
    await writeFileAtomic(file, fetched.bytes);
  } catch (cause) {
    // The content is right, wherever it could not be kept.
    const why = isProxbitError(cause) ? cause.message : `${directory} cannot be made (${systemCode(cause)})`;
    process.emitWarning(
      clean(
        `${name}.gz was downloaded and could not be kept: ${why}. Set XDG_CACHE_HOME to a directory to keep it in.`,
      ),
    );
  }
  return fetched.content;
}

/** The facts that are known of a file's content. */
interface Expected {
  /** SHA-256, in hexadecimal. */
  readonly checksum: string;
  /** Most bytes of it. */
  readonly bytes: number;
}

interface Fetched {
  /** The bytes as they came. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The file from the first address that gives it whole and right. */
async function fetchAny(download: Download, name: string, expected: Expected): Promise<Fetched> {
  const { addresses, remedy, signal } = download;
  const reasons: string[] = [];
  for (const address of addresses) {
    const url = `${address.replace(/\/$/, "")}/${name}.gz`;
    try {
      const bytes = await fetchBytes(
        url,
        (received, total) => {
          download.onProgress?.({ file: `${name}.gz`, received, total });
        },
        { signal, mostBytes: packedBytes(expected.bytes), check: checkAnswer },
      );
      if (bytes === undefined) throw new Error("it has no such file");
      return { bytes, content: await verified(bytes, expected, url) };
    } catch (cause) {
      if (signal?.aborted)
        throw new ProxbitError("aborted", `the download of ${url} was stopped`, "Start it again.", { cause });
      reasons.push(cause instanceof ProxbitError ? cause.message : `${url}: ${reasonOf(cause)}`);
    }
  }
  throw new ProxbitError("data", `${download.name} could not be downloaded: ${reasons.join("; ")}`, remedy);
}

function checkAnswer({ ok, status }: Response): true {
  if (!ok) throw new Error(`it answers with status ${status}`);
  return true;
}

/** fetch says "fetch failed" and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = systemCode(cause);
  const reasons: Readonly<Record<string, string>> = {
    ENOTFOUND: "no such host, or no network",
    EAI_AGAIN: "no such host, or no network",
    ECONNREFUSED: "nobody answers there",
    ECONNRESET: "the connection was cut",
    UND_ERR_SOCKET: "the connection was cut",
  };
  return reasons[code ?? ""] ?? (cause instanceof Error ? cause.message : String(cause));
}

/**
 * The content of `bytes`, unpacked.
 *
 * @throws ProxbitError "data" where its SHA-256 is not `checksum`; `what` names it.
 */
async function verified(
  bytes: Uint8Array<ArrayBuffer>,
  { checksum, bytes: most }: Expected,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const content = isGzip(bytes) ? await gunzip(bytes, most, what) : bytes;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found === checksum) return content;
  throw new ProxbitError(
    "data",
    `${what} has other content than expected: SHA-256 ${found}, not ${checksum}`,
    "Get the file from another place.",
  );
}
