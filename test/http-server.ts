/** Servers of HTTP on free ports of this machine, for as long as a test needs them. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface OpenServer {
  /** Its address, without a path. */
  readonly origin: string;
  /** Ends it, and the connections that are left. */
  close(): Promise<void>;
}

export async function openServer(handler: Handler): Promise<OpenServer> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Runs `action` with the address of a server, and with the paths that it is asked for as they come. */
export async function withServer<T>(
  handler: Handler,
  action: (origin: string, asked: readonly string[]) => Promise<T>,
): Promise<T> {
  const asked: string[] = [];
  const server = await openServer((request, response) => {
    asked.push(request.url ?? "");
    handler(request, response);
  });
  try {
    return await action(server.origin, asked);
  } finally {
    await server.close();
  }
}
