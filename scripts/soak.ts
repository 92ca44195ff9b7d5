/**
 * A soak: what programs do all day, thousands of times, with the memory in use after each tenth. The median of the last five
 * must be that of the first five. One sample alone goes up and down with the garbage of workers.
 *
 * An engine warms up: it compiles what runs often, and keeps threads and memory for the next time. That grows less and less.
 * A leak grows with the number of turns. So a kind of work that has grown goes on until it has made twice as many turns,
 * and is looked at again: a warm-up is over sooner or later, and a leak is not.
 *
 * The room for young values is kept small (--max-semi-space-size=1, in package.json and in `soak/places.ts`). Else it grows from
 * 1 to 16 MB in each thread over thousands of turns, which would look like a leak for as long.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../ts/base/quantiles.ts";
import { formatTable, grouped } from "../ts/show/table.ts";
import { type Bench, type InUse, inChromium, inNode } from "./soak/places.ts";
import { type WorkName, works } from "./soak/work.ts";

const USAGE = `usage: npm run soak -- [OPTIONS]

  --share X        that share of the work, at least ten turns of each (default: 1: 2,000 loads, 200,000 runs, 200 epochs,
                   300 trainers, 300 times two bare threads)
  --longest N      at most so many times the turns are doubled while memory grows (default: 3)
  --in PLACE       node or chromium (default: node)
  --only PATTERN   only kinds of work whose name matches
  --json           a JSON line for each kind of work
  --write          keep the table in bench/results/soak.md or soak-chromium.md

Exit code 1 where memory grew by more than 1 % from the first half to the second, however long the work went on. Bare threads
are not judged.`;

/** Growth from the first half to the second that is no leak: garbage comes in pieces. */
const MOST_GROWTH = 0.01;
const TENTHS = 10;

/** Growth from the first half to the second, as shares. */
interface Growth {
  readonly turns: number;
  readonly used: number;
  readonly resident: number;
}

interface Line {
  readonly name: WorkName;
  readonly turns: number;
  readonly seconds: number;
  /** After each tenth. */
  readonly inUse: readonly InUse[];
  /** The growth at each length; the last length stands last. */
  readonly growth: readonly Growth[];
}

/** The median of each half. */
function halves(tenths: readonly InUse[]): readonly [InUse, InUse] {
  const medians = (half: readonly InUse[]): InUse => ({
    used: median(half.map(({ used }) => used)),
    resident: median(half.map(({ resident }) => resident)),
  });
  return [medians(tenths.slice(0, TENTHS / 2)), medians(tenths.slice(TENTHS / 2))];
}

function growthOf(turns: number, tenths: readonly InUse[]): Growth {
  const [first, second] = halves(tenths);
  return { turns, used: second.used / first.used - 1, resident: second.resident / first.resident - 1 };
}

const isGrowing = ({ used, resident }: Growth): boolean => used > MOST_GROWTH || resident > MOST_GROWTH;

async function soak(name: WorkName, bench: Bench, share: number, longest: number): Promise<Line> {
  let perTenth = Math.max(1, Math.round((works[name] * share) / TENTHS));
  let tenths: InUse[] = [];
  const growth: Growth[] = [];
  const began = performance.now();
  for (let doublings = 0; ; doublings++) {
    while (tenths.length < TENTHS) {
      await bench.turns(perTenth);
      tenths.push(await bench.inUse());
    }
    const now = growthOf(TENTHS * perTenth, tenths);
    growth.push(now);
    if (!isGrowing(now) || doublings === longest) break;
    // Ten tenths are five of a work of twice the length.
    tenths = tenths.filter((_, tenth) => tenth % 2 === 1);
    perTenth *= 2;
  }
  const seconds = (performance.now() - began) / 1000;
  return { name, turns: TENTHS * perTenth, seconds, inUse: tenths, growth };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function tableOf(lines: readonly Line[]): string {
  const right = (title: string) => ({ title, align: "right" as const });
  const titles = ["turns", "in use, first half", "second", "growth", "process, first half", "second", "growth", "time"];
  return formatTable(
    [{ title: "work" }, ...titles.map(right), { title: "growth of the process before" }],
    lines.map(({ name, turns, inUse, growth, seconds }) => {
      const [first, second] = halves(inUse);
      const last = growth.at(-1) as Growth;
      return [
        ...[name, grouped(turns)],
        ...[megabytes(first.used), megabytes(second.used), percent(last.used)],
        ...[megabytes(first.resident), megabytes(second.resident), percent(last.resident)],
        `${seconds.toFixed(0)} s`,
        growth
          .slice(0, -1)
          .map((one) => `${percent(one.resident)} of ${grouped(one.turns)} turns`)
          .join(", "),
      ];
    }),
  );
}

const pageOf = (table: string, engine: string, command: string): string =>
  `# Memory after hours of work

Memory in use by JavaScript and its buffers, and by the whole process without pages of files (${engine}). It is taken after
each tenth of the turns, when the garbage is collected. The table has the medians of both halves. Work whose memory has grown
by more than 1 % goes on to twice its turns: an engine that warms up grows less each time, a leak grows on. "threads" are two
bare workers a turn, without a line of this package: what the engine itself keeps of them.

\`\`\`sh
${command}
\`\`\`

\`\`\`
${table}
\`\`\`
`;

const { values } = parseArgs({
  options: {
    share: { type: "string", default: "1" },
    longest: { type: "string", default: "3" },
    in: { type: "string", default: "node" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [share, longest] = [Number(values.share), Number(values.longest)];
if (values.help) console.log(USAGE);
else if (!(share > 0 && share <= 1)) throw new Error("--share takes a number above 0 and at most 1");
else if (!(Number.isInteger(longest) && longest >= 0)) throw new Error("--longest takes a whole number from 0 on");
else if (values.in !== "node" && values.in !== "chromium") throw new Error("--in takes node or chromium");
else {
  const place = values.in === "node" ? inNode() : await inChromium();
  const lines: Line[] = [];
  try {
    for (const name of (Object.keys(works) as WorkName[]).filter((work) => new RegExp(values.only).test(work))) {
      const bench = await place.begin(name);
      const line = await soak(name, bench, share, longest);
      await bench.end();
      lines.push(line);
      if (values.json) console.log(JSON.stringify(line));
    }
  } finally {
    await place.close();
  }
  if (lines.length === 0) throw new Error(`no kind of work matches ${values.only}`);
  const table = tableOf(lines);
  if (!values.json) console.log(table);
  const command = `npm run soak -- --share ${share} --longest ${longest} --in ${values.in} --write`;
  const page = values.in === "node" ? "soak.md" : "soak-chromium.md";
  if (values.write) {
    await writeFile(join(import.meta.dirname, "../bench/results", page), pageOf(table, place.name, command));
  }
  const isLeak = ({ name, growth }: Line): boolean => name !== "threads" && isGrowing(growth.at(-1) as Growth);
  if (lines.some(isLeak)) process.exitCode = 1;
}
