/** The size of the core, and the time from a packed model in memory to its first answer. */
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { withoutCustomSections } from "../../scripts/wasm-sections.ts";
import { quantile } from "../../ts/base/quantiles.ts";
import { cnn } from "../../ts/nn/models/cnn.ts";
import { coreNames } from "../../ts/runtime/variants.ts";
import { bytes } from "../../ts/show/table.ts";
import { Trainer } from "../../ts/train/run/trainer.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import type { Table } from "../frame/finding.ts";
import { chromiumStarts } from "./chromium.ts";
import { nodeStarts } from "./node.ts";

/** Milliseconds of one start. */
export interface Start {
  /** Read the core from the disk, or fetch it from a server on the same machine. */
  readonly fetch: number;
  /** Compile and instantiate the core, choose the kernel, check the file, lay out the weights. */
  readonly load: number;
  /** The first image. */
  readonly run: number;
}

/** The demo network as it is before training: its numbers do not matter, its size does. */
async function demoModel(): Promise<Uint8Array> {
  const trainer = await Trainer.create(cnn(), { workers: 1 });
  try {
    return await trainer.pack({ inputScale: String(1 / 127.5), inputOffset: "-1" });
  } finally {
    trainer.close();
  }
}

function sizes(): Table {
  const rows = coreNames.map((name) => {
    const built = readFileSync(new URL(`../../ts/wasm/${name}/proxbit_wasm_bg.wasm`, import.meta.url));
    const file = withoutCustomSections(built);
    const brotli = brotliCompressSync(file, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    return [name, bytes(file.length), bytes(gzipSync(file, { level: 9 }).length), bytes(brotli.length)];
  });
  return { type: "table", title: "The core", columns: ["core", "wasm", "gzip", "brotli"], rows };
}

function times(place: string, starts: readonly Start[]): Table {
  const row = (name: string, milliseconds: readonly number[]): readonly string[] => {
    const sorted = milliseconds.toSorted((a, b) => a - b);
    return [name, ...[0.5, 0.25, 0.75, 0].map((q) => quantile(sorted, q).toFixed(1))];
  };
  const rows = [
    row(
      "the core from disk or server",
      starts.map(({ fetch }) => fetch),
    ),
    row(
      "load: instantiate, choose the kernel, lay out",
      starts.map(({ load }) => load),
    ),
    row(
      "first image",
      starts.map(({ run }) => run),
    ),
    row(
      "load and first image",
      starts.map(({ load, run }) => load + run),
    ),
  ];
  const columns = ["", "median, ms", "lower quartile", "upper quartile", "best"];
  return { type: "table", title: `${starts.length} starts in ${place}`, columns, rows };
}

export const start: Benchmark = {
  title: "Size and start",
  about:
    "The size of the core as it is shipped, and the time from the packed demo network and the core for inference in memory to the first answer, each time in a fresh process or page. No peer: these are ours alone.",
  async *run(context) {
    const count = context.quick ? 5 : 15;
    context.expect(count);
    yield sizes();
    const packed = await demoModel();
    const startOnce = await (context.browser ? chromiumStarts : nodeStarts)(context, packed, 28 * 28);
    const starts: Start[] = [];
    for (let round = 0; round < count; round++) {
      starts.push(await startOnce());
      context.tick();
    }
    yield times(context.browser ? "headless Chromium" : `Node ${process.version}`, starts);
    yield { type: "note", text: `The model file has ${bytes(packed.length)}.` };
  },
};
