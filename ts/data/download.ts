/**
 * Files of a data set from the network, each fetched once and kept in the user's cache directory. A file is taken only
 * where the SHA-256 of its content is the known one. So no server, proxy or disk can alter a file unseen, and its
 * packing does not matter. Node only: a browser has a cache of its own.
 */
import { ProxbitError } from "../base/errors.ts";
import { requireNode, systemCode } from "../io/node.ts";
import { writeFileAtomic } from "../io/write.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { type DownloadProgress, MAXIMUM_FILE_BYTES, type Source } from "./source.ts";

export interface Download {
  /** The name of the data set, and of its directory in the cache. */
  readonly name: string;
  /** SHA-256 of each file's content, unpacked, in hexadecimal, by the name that the file has without `.gz`. */
  readonly checksums: Readonly<Record<string, string>>;
  /** Addresses that serve the files as `NAME.gz`. The next address is asked where one gives no file of the checksum. */
  readonly addresses: readonly string[];
  /** The directory of downloads; undefined stands for `proxbit` in the user's cache directory. */
  readonly cacheDirectory: string | undefined;
  /** The remedy where no address gives a file. */
  readonly remedy: string;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A server that sends nothing for so long has gone away. */
const PATIENCE_MS = 30_000;

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
  const kept = await files.readFile(file).catch((cause: unknown) => {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw new ProxbitError("data", `${file} cannot be read (${systemCode(cause) ?? String(cause)})`, "Remove it.", {
      cause,
    });
  });
  if (kept !== undefined) {
    const content = await verified(new Uint8Array(kept), checksum, file).catch(() => undefined);
    // A file that was damaged since is fetched again.
    if (content !== undefined) return content;
  }
  const { bytes, content } = await fetchAny(download, name, checksum);
  await files.mkdir(directory, { recursive: true }).catch((cause: unknown) => {
    throw new ProxbitError(
      "output",
      `the directory ${directory} for downloads cannot be made (${systemCode(cause) ?? String(cause)})`,
      "Set XDG_CACHE_HOME to a directory where you may write.",
      { cause },
    );
  });
  await writeFileAtomic(file, bytes);
  return content;
}

interface Fetched {
  /** The bytes as they came. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The file from the first address that gives it whole and right. */
async function fetchAny(download: Download, name: string, checksum: string): Promise<Fetched> {
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
        signal,
      );
      return { bytes, content: await verified(bytes, checksum, url) };
    } catch (cause) {
      if (signal?.aborted)
        throw new ProxbitError("aborted", `the download of ${url} was stopped`, "Start it again.", { cause });
      reasons.push(cause instanceof ProxbitError ? cause.message : `${url}: ${reasonOf(cause)}`);
    }
  }
  throw new ProxbitError("data", `${download.name} could not be downloaded: ${reasons.join("; ")}`, remedy);
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

async function fetchBytes(
  url: string,
  onProgress: (received: number, total: number | undefined) => void,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const patience = new AbortController();
  const giveUp = (): void => patience.abort(new Error(`nothing came for ${PATIENCE_MS / 1000} seconds`));
  let timer = setTimeout(giveUp, PATIENCE_MS);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([patience.signal, ...(signal ? [signal] : [])]) });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`it answers with status ${response.status}`);
    }
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isSafeInteger(length) && !response.headers.has("content-encoding") ? length : undefined;
    const chunks: Uint8Array[] = [];
    let received = 0;
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, PATIENCE_MS);
      received += chunk.length;
      if (received > MAXIMUM_FILE_BYTES) throw new Error(`it sends more than ${MAXIMUM_FILE_BYTES} bytes`);
      chunks.push(chunk);
      onProgress(received, total);
    }
    return joined(chunks, received);
  } finally {
    clearTimeout(timer);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * The content of `bytes`, unpacked.
 *
 * @throws ProxbitError "data" where its SHA-256 is not `checksum`; `what` names it.
 */
async function verified(
  bytes: Uint8Array<ArrayBuffer>,
  checksum: string,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const content = isGzip(bytes) ? await gunzip(bytes, MAXIMUM_FILE_BYTES, what) : bytes;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found === checksum) return content;
  throw new ProxbitError(
    "data",
    `${what} has other content than expected: SHA-256 ${found}, not ${checksum}`,
    "Get the file from another place.",
  );
}
