/** The places where work is soaked: this process, or a page of Chromium. Each tells the memory in use once garbage is gone. */
import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { blankFile } from "../../test/blank-models.ts";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import { findModule, ownAddress } from "../../ts/chromium/modules.ts";
import { startServer } from "../../ts/chromium/server.ts";
import { load } from "../../ts/inference/index.ts";
import { layers, sequential } from "../../ts/nn/index.ts";
import { Trainer } from "../../ts/train/run/trainer.ts";
import { beginWork, type WorkName } from "./work.ts";

const graph = sequential({ inputShape: [8, 8, 1] }, [
  layers.conv2d({ filters: 8, kernelSize: 3, padding: "same" }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 8, kernelSize: 3, padding: "same" }),
  layers.batchNorm(),
  layers.flatten(),
  layers.dense({ units: 4 }),
]);
const file = blankFile(graph);

/** Bytes in use. */
export interface InUse {
  /** Those of JavaScript and its buffers. */
  readonly used: number;
  /** Those of the whole process without pages of files, because code that is read for the first time is not taken. */
  readonly resident: number;
}

/** One kind of work under way. */
export interface Bench {
  readonly turns: (count: number) => Promise<void>;
  readonly inUse: () => Promise<InUse>;
  readonly end: () => Promise<void>;
}

export interface Place {
  /** The engine and its version. */
  readonly name: string;
  readonly begin: (work: WorkName) => Promise<Bench>;
  readonly close: () => Promise<void>;
}

/** A page keeps what it has freed for a moment, and garbage comes in pieces. */
const COLLECTIONS = 5;
const PAUSE_MS = 20;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** Bytes of a process by its number. @throws Error where the system has no /proc. */
async function residentOf(id: number): Promise<number> {
  const status = await readFile(`/proc/${id}/status`, "utf8");
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
  return 1024 * (kilobytes("RssAnon") + kilobytes("RssShmem"));
}

export function inNode(): Place {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  return {
    name: `Node ${process.versions.node}`,
    begin: async (work) => {
      const { turn, end } = await beginWork({ load, Trainer }, work, graph, file);
      return {
        turns: async (count) => {
          for (let i = 0; i < count; i++) await turn();
        },
        inUse: async () => {
          for (let i = 0; i < COLLECTIONS; i++) {
            collect();
            await pause();
          }
          const { heapUsed, external } = process.memoryUsage();
          return { used: heapUsed + external, resident: await residentOf(process.pid) };
        },
        end: async () => end(),
      };
    },
    close: async () => {},
  };
}

/** Begins the work in a page; its turns are made by `soak(count)`. */
const beginning = (work: WorkName): string => `(async () => {
  const { Trainer } = await import(${JSON.stringify(ownAddress("index"))});
  const { load } = await import(${JSON.stringify(ownAddress("inference/index"))});
  const begin = ${beginWork.toString()};
  const file = Uint8Array.from(${JSON.stringify([...file])});
  const { turn } = await begin({ load, Trainer }, ${JSON.stringify(work)}, ${JSON.stringify(graph)}, file);
  globalThis.soak = async (count) => {
    for (let i = 0; i < count; i++) await turn();
  };
})()`;

export async function inChromium(): Promise<Place> {
  const server = await startServer(findModule, true);
  const browser = await startChromium("none", ["--js-flags=--max-semi-space-size=1"]);
  const system = await browser.newBrowserCDPSession();
  /** The largest page: an empty one may wait beside it. */
  const resident = async (): Promise<number> => {
    const { processInfo } = await system.send("SystemInfo.getProcessInfo");
    const pages = processInfo.filter(({ type }) => type === "renderer");
    return Math.max(0, ...(await Promise.all(pages.map(({ id }) => residentOf(id)))));
  };
  return {
    name: `Chromium ${browser.version()}`,
    begin: async (work) => {
      const complaints: string[] = [];
      const page = await openPage(browser, server.address, complaints);
      const tools = await page.context().newCDPSession(page);
      await page.evaluate(beginning(work));
      return {
        turns: async (count) => {
          await page.evaluate(`soak(${count})`);
          if (complaints.length > 0) throw new Error(complaints.join("\n"));
        },
        inUse: async () => {
          for (let i = 0; i < COLLECTIONS; i++) {
            await tools.send("HeapProfiler.collectGarbage");
            await pause();
          }
          const { usedSize, backingStorageSize } = await tools.send("Runtime.getHeapUsage");
          return { used: usedSize + (backingStorageSize ?? 0), resident: await resident() };
        },
        end: () => page.context().close(),
      };
    },
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}
