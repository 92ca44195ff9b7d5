/**
 * A soak: what programs do all day, thousands of times, with the memory in use after each tenth. It must be as much at the
 * end as it was half-way.
 *
 * An engine warms up: it compiles what runs often, and keeps threads and memory for the next time. That grows less and less.
 * A leak grows with the number of turns. So a kind of work that has grown goes on until it has made twice as many turns,
 * and is looked at again: a warm-up is over sooner or later, and a leak is not.
 *
 * Node's room for young values is kept small (--max-semi-space-size=1 in package.json). Else it grows from 1 to 16 MB over
 * thousands of turns, which would look like a leak for as long.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatTable, grouped } from "../ts/show/table.ts";
import { type Bench, type InUse, inChromium, inNode } from "./soak/places.ts";
import { type WorkName, works } from "./soak/work.ts";

const USAGE = `usage: npm run soak -- [OPTIONS]

  --share X        that share of the work, at least ten turns of each (default: 1: 2,000 loads, 200,000 runs, 200 epochs,
                   300 trainers)
  --longest N      at most so many times the turns are doubled while memory grows (default: 3)
  --in PLACE       node or chromium (default: node)
  --only PATTERN   only kinds of work whose name matches
  --json           a JSON line for each kind of work
  --write          keep the table in bench/results/soak.md or soak-chromium.md

Exit code 1 where memory in use grew by more than 1 % from the middle to the end, however long the work went on.`;

/** Growth from the middle to the end that is no leak: garbage comes in pieces. */
const MOST_GROWTH = 0.01;
const TENTHS = 10;

/** Growth from the middle to the end, as shares. */
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

function growthOf(turns: number, tenths: readonly InUse[]): Growth {
  const [middle, end] = [tenths[TENTHS / 2 - 1], tenths[TENTHS - 1]] as [InUse, InUse];
  return { turns, used: end.used / middle.used - 1, resident: end.resident / middle.resident - 1 };
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
  const titles = ["turns", "in use, middle", "end", "growth", "process, middle", "end", "growth", "time"];
  return formatTable(
    [{ title: "work" }, ...titles.map(right), { title: "growth of the process before" }],
    lines.map(({ name, turns, inUse, growth, seconds }) => {
      const [middle, end] = [inUse[TENTHS / 2 - 1], inUse[TENTHS - 1]] as [InUse, InUse];
      const last = growth.at(-1) as Growth;
      return [
        ...[name, grouped(turns)],
        ...[megabytes(middle.used), megabytes(end.used), percent(last.used)],
        ...[megabytes(middle.resident), megabytes(end.resident), percent(last.resident)],
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

Memory in use by JavaScript and its buffers, and by the whole process without pages of files (${engine}), half-way and at
the end, after the garbage was collected. Work whose memory has grown by more than 1 % goes on to twice its turns: an engine
that warms up grows less each time, a leak grows on. Workers collect their garbage when they like, so that the process of a
trainer goes up and down.

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
  if (lines.some(({ growth }) => isGrowing(growth.at(-1) as Growth))) process.exitCode = 1;
}
