/** Comlink ships its adapter for Node's worker threads without types for the ES module. */
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { MessagePort, Worker } from "node:worker_threads";
  import type { Endpoint } from "comlink";
  export default function nodeEndpoint(port: Worker | MessagePort): Endpoint;
}
