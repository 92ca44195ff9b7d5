/** Downloads are fetched once, checked by their content, and kept whole. The error names the cause where none works. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { sha256 } from "../ts/compare/grid.ts";
import { type Download, downloadedSource, userCacheDirectory } from "../ts/data/download.ts";
import { fashionMnist } from "../ts/data/index.ts";
import type { DownloadProgress } from "../ts/data/source.ts";
import { timerSet } from "./fake-clock.ts";
import { type Handler, withServer } from "./http-server.ts";
import { rejected, withFolder } from "./io-helpers.ts";

/** Large enough to come in several pieces. */
const CONTENT = Uint8Array.from({ length: 300_000 }, (_, at) => (at * at) >> 7);
const PACKED = gzipSync(CONTENT);

/** Runs `action` with an address below which a server has a data set. */
const withData = <T>(handler: Handler, action: (address: string, asked: readonly string[]) => Promise<T>): Promise<T> =>
  withServer(handler, (origin, asked) => action(`${origin}/data`, asked));

const serve =
  (bytes: Uint8Array): Handler =>
  (_, response) =>
    void response.writeHead(200, { "content-length": bytes.length }).end(bytes);
const refuse: Handler = (_, response) => void response.writeHead(404).end("no");
const cut: Handler = (_, response) => {
  response.writeHead(200, { "content-length": PACKED.length });
  response.write(PACKED.subarray(0, 1000), () => response.destroy());
};

const download = (cacheDirectory: string, addresses: readonly string[], more: Partial<Download> = {}): Download => ({
  name: "set",
  checksums: { file: sha256(CONTENT) },
  addresses,
  cacheDirectory,
  remedy: "Do something else.",
  onProgress: undefined,
  signal: undefined,
  ...more,
});

describe("a download", () => {
  it("comes once, shows its progress, and is kept as it came", () =>
    withFolder((folder) =>
      withData(serve(PACKED), async (address, asked) => {
        const seen: DownloadProgress[] = [];
        const source = downloadedSource(
          download(folder, [`${address}/`], { onProgress: (one) => void seen.push(one) }),
        );
        expect(await source.read("file")).toEqual(CONTENT);
        expect(seen.at(-1)).toEqual({ file: "file.gz", received: PACKED.length, total: PACKED.length });
        expect(await readdir(join(folder, "set"))).toEqual(["file.gz"]);
        expect(await readFile(join(folder, "set", "file.gz"))).toEqual(PACKED);
        expect(await source.read("file")).toEqual(CONTENT);
        expect(asked).toEqual(["/data/file.gz"]);
      }),
    ));

  it("is taken however it is packed, for what counts is in it", () =>
    withFolder((folder) =>
      withData(serve(CONTENT), async (address) => {
        expect(await downloadedSource(download(folder, [address])).read("file")).toEqual(CONTENT);
        const other = downloadedSource(download(join(folder, "other"), [address]));
        expect(await other.read("file")).toEqual(CONTENT);
      }),
    ));

  it("comes again where the file in the cache has been damaged", () =>
    withFolder((folder) =>
      withData(serve(PACKED), async (address, asked) => {
        const source = downloadedSource(download(folder, [address]));
        await source.read("file");
        for (const damaged of [PACKED.subarray(0, 500), gzipSync("something else"), new Uint8Array()]) {
          await writeFile(join(folder, "set", "file.gz"), damaged);
          expect(await source.read("file")).toEqual(CONTENT);
          expect(await readFile(join(folder, "set", "file.gz"))).toEqual(PACKED);
        }
        expect(asked).toHaveLength(4);
      }),
    ));

  it("comes from the next address where one has not got it, has another, or breaks off", () =>
    withFolder((folder) =>
      withData(serve(PACKED), async (good) => {
        for (const [index, bad] of [refuse, serve(gzipSync("another file")), cut].entries()) {
          await withData(bad, async (address, asked) => {
            const source = downloadedSource(download(join(folder, String(index)), [address, good]));
            expect(await source.read("file")).toEqual(CONTENT);
            expect(asked).toHaveLength(1);
          });
        }
      }),
    ));

  it("knows no file that has no checksum", () =>
    withFolder(async (folder) => {
      expect(await downloadedSource(download(folder, ["http://127.0.0.1:1"])).read("toString")).toBeUndefined();
    }));

  it.each<readonly [string, Handler, string]>([
    ["answers with an error", refuse, "/data/file.gz: it answers with status 404"],
    ["has another file", serve(gzipSync("another")), "has other content than expected: SHA-256 "],
    ["sends a damaged one", serve(PACKED.subarray(0, 5000)), "is not a sound gzip file"],
    ["breaks off", cut, "the connection was cut"],
  ])("is an error that leaves nothing behind where the server %s", (_, handler, says) =>
    withFolder((folder) =>
      withData(handler, async (address) => {
        const { message, remedy } = await rejected("data", downloadedSource(download(folder, [address])).read("file"));
        expect(message).toContain(says);
        expect(message).toContain("set could not be downloaded: ");
        expect(remedy).toBe("Do something else.");
        expect(await readdir(folder)).toEqual([]);
      }),
    ),
  );

  it("says of every address why there was nothing, offline too", () =>
    withFolder(async (folder) => {
      const closed = await withData(refuse, async (address) => address);
      const { message } = await rejected(
        "data",
        downloadedSource(download(folder, [closed, "http://nowhere.invalid"])).read("file"),
      );
      expect(message).toContain(`${closed}/file.gz: nobody answers there`);
      expect(message).toContain("http://nowhere.invalid/file.gz: no such host, or no network");
    }));

  it("stops at a signal", () =>
    withFolder((folder) =>
      withData(
        (_, response) => void response.writeHead(200, { "content-length": 1e6 }).write(PACKED.subarray(0, 10)),
        async (address) => {
          const controller = new AbortController();
          const onProgress = (): void => controller.abort();
          const source = downloadedSource(download(folder, [address], { signal: controller.signal, onProgress }));
          expect((await rejected("aborted", source.read("file"))).message).toContain(`${address}/file.gz`);
          expect(await readdir(folder)).toEqual([]);
        },
      ),
    ));

  it("is used where it cannot be kept, because it is right all the same", () =>
    withFolder((folder) =>
      withData(serve(PACKED), async (address) => {
        const warnings: unknown[] = [];
        vi.spyOn(process, "emitWarning").mockImplementation((warning) => void warnings.push(warning));
        await writeFile(join(folder, "set"), "a file in the way");
        expect(await downloadedSource(download(folder, [address])).read("file")).toEqual(CONTENT);
        const place = join(folder, "other");
        await mkdir(join(place, "set", "file.gz"), { recursive: true });
        expect(await downloadedSource(download(place, [address])).read("file")).toEqual(CONTENT);
        vi.restoreAllMocks();
        expect(warnings).toMatchObject([
          expect.stringContaining("file.gz was downloaded and could not be kept: "),
          expect.stringContaining("Set XDG_CACHE_HOME to a directory to keep it in."),
        ]);
      }),
    ));
});

describe("patience with a server", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  type Reply = ReadableStreamDefaultController<Uint8Array>;
  /** Servers in place of the network, one for each request. null never answers, a number is the answer's status. */
  function serveBy(...servers: readonly (null | number | ((reply: Reply) => void))[]): void {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let request = 0;
    vi.stubGlobal("fetch", (_: string, { signal }: { readonly signal: AbortSignal }) => {
      const server = servers[request++] ?? null;
      if (typeof server === "number") return Promise.resolve(new Response("no", { status: server }));
      if (server === null) {
        return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      }
      const body = new ReadableStream({
        start: (stream) => {
          signal.addEventListener("abort", () => stream.error(signal.reason));
          server(stream);
        },
      });
      return Promise.resolve(new Response(body));
    });
  }

  const TRICKLE = CONTENT.subarray(0, 40);
  const checksums = { file: sha256(TRICKLE) };
  const addresses = ["http://first", "http://second"];

  /** A server that sends so many bytes in each stretch of 30 seconds, and the one message that the client ends with. */
  async function endOf(folder: string, bytesAStretch: number, stretches: number): Promise<string> {
    let reply: Reply | undefined;
    serveBy((given) => {
      reply = given;
    });
    const seen: DownloadProgress[] = [];
    const counting = { checksums, onProgress: (one: DownloadProgress) => void seen.push(one) };
    const failing = rejected("data", downloadedSource(download(folder, ["http://first"], counting)).read("file"));
    await timerSet();
    for (let stretch = 0; stretch < stretches; stretch++) {
      reply?.enqueue(new Uint8Array(bytesAStretch));
      while (seen.length === stretch) await new Promise(setImmediate);
      await vi.advanceTimersByTimeAsync(30_000);
    }
    const { message } = await failing;
    expect(vi.getTimerCount()).toBe(0);
    return message;
  }

  it("ends where a server trickles", () =>
    withFolder(async (folder) => {
      expect(await endOf(folder, 16_383, 1)).toContain("http://first/file.gz: only 16383 bytes came in 30 seconds");
    }));

  it("ends after an hour where a server never comes to an end", () =>
    withFolder(async (folder) => {
      expect(await endOf(folder, 16_384, 120)).toContain("http://first/file.gz: it was not done after 60 minutes");
    }));

  it("ends at the size that the file may have, said beforehand or not", () =>
    withFolder((folder) => {
      const [most, contentBytes] = [1000 + 1 + 1024, { file: 1000 }];
      const says = async (handler: Handler): Promise<string> =>
        withData(handler, async (address) => {
          const source = downloadedSource(download(folder, [address], { contentBytes }));
          return (await rejected("data", source.read("file"))).message;
        });
      const endless: Handler = (_, response) => void response.writeHead(200).write(new Uint8Array(most + 1));
      const honest: Handler = (_, response) =>
        void response.writeHead(200, { "content-length": most + 1 }).write(new Uint8Array(10));
      return (async () => {
        expect(await says(endless)).toContain(`it sends more than the ${most} bytes that the file may have`);
        expect(await says(honest)).toContain(`it has ${most + 1} bytes, and the file at most ${most}`);
        expect(await says(serve(gzipSync(new Uint8Array(1001))))).toContain("holds more than 1000 bytes");
      })();
    }));

  it.each<readonly [string, null | ((reply: Reply) => void)]>([
    ["never answers", null],
    ["answers and sends nothing", () => undefined],
    ["sends something and then nothing", (reply) => reply.enqueue(TRICKLE.subarray(0, 9))],
  ])("ends after 30 seconds without a byte where a server %s, and the next one is asked", (_, silent) =>
    withFolder(async (folder) => {
      let asked = false;
      serveBy(silent, (reply) => {
        asked = true;
        reply.enqueue(TRICKLE);
        reply.close();
      });
      const reading = downloadedSource(download(folder, addresses, { checksums })).read("file");
      await timerSet();
      await vi.advanceTimersByTimeAsync(29_999);
      expect(asked).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(await reading).toEqual(TRICKLE);
      expect(vi.getTimerCount()).toBe(0);
    }),
  );

  it("says for how long nothing came, and leaves neither a timer nor a file", () =>
    withFolder(async (folder) => {
      serveBy(404, null);
      const failing = rejected("data", downloadedSource(download(folder, addresses)).read("file"));
      await timerSet();
      await vi.advanceTimersByTimeAsync(30_000);
      const { message } = await failing;
      expect(message).toContain("http://first/file.gz: it answers with status 404; ");
      expect(message).toContain("http://second/file.gz: nothing came for 30 seconds");
      expect(vi.getTimerCount()).toBe(0);
      expect(await readdir(folder)).toEqual([]);
    }));

  it("leaves no timer where its user stops it", () =>
    withFolder(async (folder) => {
      const controller = new AbortController();
      serveBy((reply) => reply.enqueue(TRICKLE.subarray(0, 9)));
      const stopping = { signal: controller.signal, onProgress: () => controller.abort() };
      await rejected("aborted", downloadedSource(download(folder, addresses, stopping)).read("file"));
      expect(vi.getTimerCount()).toBe(0);
    }));
});

describe("the cache directory", () => {
  it("is the platform's own", () => {
    expect(userCacheDirectory({}, "/home/a", "linux")).toBe("/home/a/.cache");
    expect(userCacheDirectory({ XDG_CACHE_HOME: "/cache" }, "/home/a", "linux")).toBe("/cache");
    expect(userCacheDirectory({ XDG_CACHE_HOME: "cache" }, "/home/a", "linux")).toBe("/home/a/.cache");
    expect(userCacheDirectory({}, "/Users/a", "darwin")).toBe("/Users/a/Library/Caches");
    expect(userCacheDirectory({ LOCALAPPDATA: "/local" }, "/a", "win32")).toBe("/local");
  });
});

describe("Fashion-MNIST from the network", () => {
  it("is asked for at the address that was given, and refused where it is another data set", () =>
    withFolder((folder) =>
      withData(serve(PACKED), async (address, asked) => {
        const error = await rejected("data", fashionMnist({ downloadUrl: address, cacheDirectory: folder }));
        expect(error.message).toContain("train-images-idx3-ubyte.gz has other content than expected");
        expect(error.message).toContain("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888");
        expect(error.remedy).toContain("apt-get install dataset-fashion-mnist");
        expect(asked).toEqual(["/data/train-images-idx3-ubyte.gz"]);
      }),
    ));

  it("is not asked for where a directory is given", async () => {
    await rejected("argument", fashionMnist({ directory: ".", downloadUrl: "http://127.0.0.1:1" }));
  });
});
