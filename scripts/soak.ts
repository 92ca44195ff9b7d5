/**
 * A soak: what programs do all day, thousands of times, with the memory in use after each tenth. It must be as much at the
 * end as it was half-way.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { blankFile } from "../test/blank-models.ts";
import { split } from "../ts/data/split.ts";
import { load } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { formatTable, grouped } from "../ts/show/table.ts";
import { Trainer } from "../ts/train/run/trainer.ts";

const USAGE = `usage: npm run soak -- [OPTIONS]

  --share X        that share of the work, at least ten turns of each (default: 1: 2,000 loads, 200,000 runs, 200 epochs,
                   300 trainers)
  --only PATTERN   only kinds of work whose name matches
  --json           a JSON line for each kind of work
  --write          keep the table in bench/results/soak.md

Exit code 1 where memory in use grew by more than 1 % from the middle to the end.`;

/** Growth from the middle to the end that is no leak: garbage comes in pieces. */
const MOST_GROWTH = 0.01;
const TENTHS = 10;

const graph = sequential({ inputShape: [8, 8, 1] }, [
  layers.conv2d({ filters: 8, kernelSize: 3, padding: "same" }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 8, kernelSize: 3, padding: "same" }),
  layers.batchNorm(),
  layers.flatten(),
  layers.dense({ units: 4 }),
]);
const file = blankFile(graph);
const image = new Float32Array(64).fill(0.5);
const images = (count: number) =>
  split(
    Uint8Array.from({ length: 64 * count }, (_, i) => i * 7),
    Uint8Array.from({ length: count }, (_, i) => i % 4),
    [8, 8, 1],
    {
      classes: 4,
    },
  );
const data = { name: "soak", classes: ["a", "b", "c", "d"], train: images(64), test: images(16) };

async function epochs(trainer: Trainer, count: number): Promise<void> {
  for await (const _ of trainer.fit(data, { epochs: count, batchSize: 16 }));
}

/** A kind of work; `begin` gives what does one turn of it, and what ends it. */
interface Work {
  readonly name: string;
  readonly turns: number;
  readonly begin: () => Promise<{ readonly turn: () => unknown; readonly end: () => void }>;
}

const all: readonly Work[] = [
  {
    name: "loads",
    turns: 2000,
    begin: async () => ({
      turn: async () => {
        using session = await load(file);
        session.run(image);
      },
      end: () => {},
    }),
  },
  {
    name: "runs",
    turns: 200_000,
    begin: async () => {
      const session = await load(file);
      return { turn: () => session.run(image), end: session.close };
    },
  },
  {
    name: "epochs",
    turns: 200,
    begin: async () => {
      const trainer = await Trainer.create(graph, { workers: 2 });
      return { turn: () => epochs(trainer, 1), end: trainer.close };
    },
  },
  {
    name: "trainers",
    turns: 300,
    begin: async () => ({
      turn: async () => {
        using trainer = await Trainer.create(graph, { workers: 2 });
        await epochs(trainer, 1);
      },
      end: () => {},
    }),
  },
];

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Bytes in use once all garbage is gone: of JavaScript and its buffers, and of the whole process. */
async function inUse(): Promise<{ readonly used: number; readonly resident: number }> {
  for (let turn = 0; turn < 5; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { used: heapUsed + external, resident: rss };
}

interface Line {
  readonly name: string;
  readonly turns: number;
  readonly seconds: number;
  /** Bytes after each tenth. */
  readonly used: readonly number[];
  readonly resident: readonly number[];
  /** From the middle to the end, as a share. */
  readonly growth: { readonly used: number; readonly resident: number };
}

const growthOf = (bytes: readonly number[]): number => (bytes.at(-1) as number) / (bytes[TENTHS / 2 - 1] as number) - 1;

async function soak({ name, turns, begin }: Work, share: number): Promise<Line> {
  const perTenth = Math.max(1, Math.round((turns * share) / TENTHS));
  const { turn, end } = await begin();
  const began = performance.now();
  const [used, resident]: [number[], number[]] = [[], []];
  for (let tenth = 0; tenth < TENTHS; tenth++) {
    for (let i = 0; i < perTenth; i++) await turn();
    const now = await inUse();
    used.push(now.used);
    resident.push(now.resident);
  }
  end();
  const seconds = (performance.now() - began) / 1000;
  const growth = { used: growthOf(used), resident: growthOf(resident) };
  return { name, turns: TENTHS * perTenth, seconds, used, resident, growth };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function tableOf(lines: readonly Line[]): string {
  const right = (title: string) => ({ title, align: "right" as const });
  const titles = ["turns", "in use, middle", "end", "growth", "process, middle", "end", "growth", "time"];
  const half = TENTHS / 2 - 1;
  return formatTable(
    [{ title: "work" }, ...titles.map(right)],
    lines.map(({ name, turns, used, resident, growth, seconds }) => [
      ...[name, grouped(turns)],
      ...[megabytes(used[half] as number), megabytes(used.at(-1) as number), percent(growth.used)],
      ...[megabytes(resident[half] as number), megabytes(resident.at(-1) as number), percent(growth.resident)],
      `${seconds.toFixed(0)} s`,
    ]),
  );
}

const pageOf = (table: string, share: number): string =>
  `# Memory after hours of work

Memory in use by JavaScript and its buffers, and by the whole process (Node ${process.versions.node}), half-way and at the
end, after the garbage was collected.

\`\`\`sh
npm run soak -- --share ${share} --write
\`\`\`

\`\`\`
${table}
\`\`\`
`;

const { values } = parseArgs({
  options: {
    share: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const share = Number(values.share);
if (values.help) console.log(USAGE);
else if (!(share > 0 && share <= 1)) throw new Error("--share takes a number above 0 and at most 1");
else {
  const lines: Line[] = [];
  for (const work of all.filter(({ name }) => new RegExp(values.only).test(name))) {
    const line = await soak(work, share);
    lines.push(line);
    if (values.json) console.log(JSON.stringify(line));
  }
  if (lines.length === 0) throw new Error(`no kind of work matches ${values.only}`);
  const table = tableOf(lines);
  if (!values.json) console.log(table);
  if (values.write) await writeFile(join(import.meta.dirname, "../bench/results/soak.md"), pageOf(table, share));
  if (lines.some(({ growth }) => growth.used > MOST_GROWTH)) process.exitCode = 1;
}
