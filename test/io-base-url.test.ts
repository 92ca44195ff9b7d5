/** Data sets that the user's own server has: packed or plain, found by content, and an error where it fails. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { fashionMnist, mnist } from "../ts/data/index.ts";
import { withServer } from "./http-server.ts";
import { smallFiles } from "./idx-files.ts";
import { rejected } from "./io-helpers.ts";

describe("a base URL", () => {
  type Answer = { readonly status: number; readonly type: string; readonly body: Uint8Array };

  /** Serves the answers of `answer` to paths. */
  const withAnswers = <T>(answer: (path: string) => Answer, action: (url: string) => Promise<T>): Promise<T> =>
    withServer(
      (request, response) => {
        const { status, type, body } = answer(request.url ?? "");
        response.writeHead(status, { "content-type": type }).end(body);
      },
      (origin) => action(`${origin}/data`),
    );

  const found = (body: Uint8Array): Answer => ({ status: 200, type: "application/octet-stream", body });
  const page: Answer = {
    status: 200,
    type: "text/html; charset=utf-8",
    body: new TextEncoder().encode("<html></html>"),
  };

  it.each(["", "/"])("serves a data set, packed files first, base ending in %j", async (ending) => {
    const files = smallFiles(3, 2);
    const asked: string[] = [];
    const answer = (path: string): Answer => {
      asked.push(path);
      const name = path.replace("/data/", "");
      const packed = files.get(name.replace(/\.gz$/, ""));
      if (name.startsWith("train") && name.endsWith(".gz") && packed !== undefined) return found(gzipSync(packed));
      if (name.startsWith("t10k") && files.has(name)) return found(files.get(name) ?? new Uint8Array());
      return name.startsWith("t10k-labels") ? page : { status: 404, type: "text/plain", body: new Uint8Array() };
    };
    const { train, test } = await withAnswers(answer, (url) => mnist({ baseUrl: url + ending }));
    expect([train.count, test.count]).toEqual([3, 2]);
    expect(asked).toEqual([
      "/data/train-images-idx3-ubyte.gz",
      "/data/train-labels-idx1-ubyte.gz",
      "/data/t10k-images-idx3-ubyte.gz",
      "/data/t10k-images-idx3-ubyte",
      "/data/t10k-labels-idx1-ubyte.gz",
      "/data/t10k-labels-idx1-ubyte",
    ]);
  });

  it("is an error where it only serves its start page", async () => {
    const error = await withAnswers(
      () => page,
      (url) => rejected("data", mnist({ baseUrl: new URL(url) })),
    );
    expect(error.message).toMatch(/^there is no train-images-idx3-ubyte in http:/);
  });

  it("tells how a fetch goes on, and stops it by the signal", async () => {
    const files = smallFiles(3, 2);
    const answer = (path: string): Answer =>
      found(files.get(path.replace("/data/", "").replace(/\.gz$/, "")) ?? page.body);
    const seen: string[] = [];
    const stop = new AbortController();
    await withAnswers(answer, async (baseUrl) => {
      await mnist({ baseUrl, onDownload: ({ file, received }) => seen.push(`${file} ${received}`) });
      const bytes = files.get("train-labels-idx1-ubyte")?.length;
      expect(seen).toContain(`train-labels-idx1-ubyte.gz ${bytes}`);
      await rejected("aborted", mnist({ baseUrl, signal: stop.signal, onDownload: () => stop.abort() }));
      await rejected("aborted", mnist({ baseUrl, signal: stop.signal }));
    });
  });

  it("is an error where it answers with one", async () => {
    const answer = () => ({ status: 500, type: "text/plain", body: new Uint8Array() });
    const error = await withAnswers(answer, (url) => rejected("data", fashionMnist({ baseUrl: url })));
    expect(error.message).toContain("status 500");
  });

  it("is an error where nobody answers", async () => {
    const url = await withAnswers(
      () => page,
      async (free) => free,
    );
    expect((await rejected("data", mnist({ baseUrl: url }))).message).toContain("cannot be fetched");
  });
});
