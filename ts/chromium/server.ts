/** A small http server for this machine's own browser. */
import { statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".ts": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** These headers make a page cross-origin isolated, so that it may share memory. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export interface Server {
  /** "http://127.0.0.1:PORT", without a slash at its end. */
  readonly address: string;
  readonly close: () => Promise<void>;
}

/** The bytes at a path such as "/page.html", or undefined where there are none. */
type Lookup = (path: string) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>;

/** Serves the files of `find` on a free port, to this machine only. The end of a path says its type. */
export async function startServer(find: Lookup, isolated: boolean): Promise<Server> {
  const answer = async (path: string): Promise<string | Uint8Array | undefined> => find(path);
  const server = createServer((request, response) => {
    const path = pathOf(request.url);
    if (path === undefined) {
      response.writeHead(400).end();
      return;
    }
    const headers = {
      "Content-Type": types[path === "/" ? ".html" : extname(path)] ?? "application/octet-stream",
      ...(isolated ? isolation : {}),
    };
    answer(path).then(
      (body) => response.writeHead(body === undefined ? 404 : 200, headers).end(body),
      (error: unknown) => response.writeHead(500, { ...headers, "Content-Type": "text/plain" }).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The path that the target of a request names, or undefined where it is malformed. */
function pathOf(target = "/"): string | undefined {
  try {
    return decodeURIComponent(new URL(target, "http://localhost").pathname);
  } catch {
    return undefined;
  }
}

/** The file at `path` inside `folder`, or undefined where there is none. */
export function fileInside(folder: string, path: string): string | undefined {
  const file = normalize(join(folder, path));
  const inside = file.startsWith(normalize(folder + sep));
  return inside && statSync(file, { throwIfNoEntry: false })?.isFile() === true ? file : undefined;
}
