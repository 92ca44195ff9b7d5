/** The parts of the command line that need no network: numbers for people, pictures, and Ctrl-C's two steps. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it, vi } from "vitest";
import { commandLine, commandOf } from "../ts/cli/checkpoint.ts";
import { bar, clock, milliseconds, pairs, percent, printable, sizes } from "../ts/cli/format.ts";
import { accumulatorOf, quantizersOf } from "../ts/cli/model-file.ts";
import { checkModule } from "../ts/cli/obeys.ts";
import { quantizersFrom } from "../ts/cli/options.ts";
import { buildProgram } from "../ts/cli/program.ts";
import type { Context } from "../ts/cli/run.ts";
import { drawGray, sideBySide } from "../ts/cli/write-picture.ts";
import { softmax } from "../ts/inference/classes.ts";
import { largestAt } from "../ts/inference/classify.ts";
import { layers, type ModelOptions, sequential } from "../ts/nn/index.ts";
import { bytes, formatTable, grouped, scaled, share, wrapped } from "../ts/show/table.ts";
import { jsonLines, outcome } from "./cli-helpers.ts";
import { rejected } from "./io-helpers.ts";

it("names the way by which a command was begun, to be begun again", () => {
  vi.stubEnv("npm_lifecycle_script", "'proxbit'");
  expect(commandLine()).toMatch(/^npx proxbit\b/);
  vi.stubEnv("npm_lifecycle_script", "vitest run");
  expect(commandLine()).toMatch(/^proxbit\b/);
  vi.stubEnv("npm_lifecycle_event", "proxbit");
  vi.stubEnv("npm_lifecycle_script", "node ts/cli/main.ts train");
  expect(commandOf("eval", "my model")).toBe("npm run -s proxbit -- eval 'my model'");
  vi.unstubAllEnvs();
});

it("writes numbers the same way everywhere", () => {
  expect([grouped(0), grouped(999), grouped(60000), grouped(1234567.4)]).toEqual(["0", "999", "60,000", "1,234,567"]);
  expect([percent(0), percent(0.98712), percent(1)]).toEqual(["0.00 %", "98.71 %", "100.00 %"]);
  expect([clock(-1), clock(9.6), clock(75), clock(3600), clock(7325)]).toEqual([
    "0:00",
    "0:10",
    "1:15",
    "1:00:00",
    "2:02:05",
  ]);
  expect([milliseconds(0.12345), milliseconds(12.345)]).toEqual(["0.123 ms", "12.3 ms"]);
  expect(printable("a\x1b[2J\n\u009bé 漢\u202e")).toBe("a\ufffd[2J\ufffd\ufffdé 漢\ufffd");
  expect(sizes(1000, 26900)).toBe("1,000 bytes, 26.9 times smaller than 26,900 as float");
  expect(sizes(1000, 1001)).toBe("1,000 bytes, hardly smaller than 1,001 as float");
  expect(sizes(1000, 1000)).toBe("1,000 bytes, not smaller than 1,000 as float");
  expect(
    pairs([
      ["a", "1"],
      ["long", "2"],
    ]),
  ).toBe("a     1\nlong  2");
});

it("writes sizes with three digits and a prefix", () => {
  const counts = [0, 7, 999, 999.4, 999.6, 1812, 115605504, 1.6e9, 2.5e14];
  expect(counts.map(scaled)).toEqual(["0", "7", "999", "999", "1.00 k", "1.81 k", "116 M", "1.60 G", "250 T"]);
  // There is no prefix above T.
  expect(scaled(3e15)).toBe("3.00e+3 T");
  expect([bytes(0), bytes(64), bytes(4718592)]).toEqual(["0 B", "64 B", "4.72 MB"]);
  expect([share(0), share(0.1234), share(1)]).toEqual(["0.0 %", "12.3 %", "100.0 %"]);
});

it("aligns tables and keeps remarks within 100 columns", () => {
  const columns = [{ title: "name" }, { title: "count", align: "right" }] as const;
  expect(formatTable(columns, [["a", "1,000"], ["longer"]], ["sum", "1"]).split("\n")).toEqual([
    "name    count",
    "─────────────",
    "a       1,000",
    "longer",
    "─────────────",
    "sum         1",
  ]);
  const text = wrapped("word ".repeat(60).trim(), "- ", "  ");
  expect(text.replaceAll("\n ", "")).toBe(`- ${"word ".repeat(60).trim()}`);
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBe(96);
  expect(wrapped(`short ${"x".repeat(120)} end`, "", "  ")).toBe(`short\n  ${"x".repeat(120)}\n  end`);
  expect(wrapped("")).toBe("");
});

it("draws bars of a fixed width", () => {
  expect([bar(0, 4), bar(0.5, 4), bar(17 / 32, 4), bar(1, 4), bar(2, 4), bar(-1, 4)]).toEqual([
    "    ",
    "██  ",
    "██▏ ",
    "████",
    "████",
    "    ",
  ]);
});

it("draws two rows of pixels in one line", () => {
  const image = Uint8Array.from([0, 255, 0, 255, 255, 0, 255, 0, 0, 0, 0, 0]);
  expect(drawGray(image, 3, 4, 0, false)).toEqual(["▄▀▄▀", "    "]);
  const coloured = drawGray(Uint8Array.from([0, 128, 255, 64]), 2, 2, 0, true);
  expect(coloured).toEqual(["\x1b[38;5;232;48;5;255m▀\x1b[38;5;244;48;5;238m▀\x1b[0m"]);
  const inner = drawGray(
    Uint8Array.from({ length: 16 }, (_, pixel) => ([5, 6].includes(pixel) ? 255 : 0)),
    4,
    4,
    1,
    false,
  );
  expect(inner).toEqual(["▀▀"]);
});

it("sets pictures side by side above their captions", () => {
  const picture = (line: string, caption: string) => ({ lines: [line, line], width: 4, caption });
  expect(sideBySide([picture("████", "a"), picture("▀▀▀▀", "b")])).toBe("████  ▀▀▀▀\n████  ▀▀▀▀\na     b");
});

it("takes the first of equal maxima, and probabilities sum to 1 without overflow", () => {
  expect([largestAt([1, 3, 3, 2]), largestAt([-2, -1]), largestAt([0])]).toEqual([1, 1, 0]);
  expect(softmax([1000, 1000])).toEqual([0.5, 0.5]);
  expect(softmax([0, Math.log(3)])[1]).toBeCloseTo(0.75, 12);
});

/** A process that runs `source`, a module which may import from ts/cli by `from`. */
function startModule(source: string) {
  return spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: ["ignore", "pipe", "pipe"] });
}

const from = (file: string): string => JSON.stringify(new URL(`../ts/cli/${file}`, import.meta.url).href);

it("takes signals that come close together for one press, and ends at once on a second press", async () => {
  const child = startModule(`
    import { listenForInterrupt } from ${from("interrupt.ts")};
    let now = 1000;
    performance.now = () => now;
    process.on("SIGUSR2", () => {
      now += 500;
      console.log("later");
    });
    const { signal } = listenForInterrupt();
    signal.addEventListener("abort", () => console.log("aborted"));
    setInterval(() => {}, 1000);
    console.log("ready");`);
  let printed = "";
  child.stdout.on("data", (text) => {
    printed += text;
  });
  await once(child.stdout, "data");
  child.kill("SIGINT");
  await once(child.stdout, "data");
  const ended = once(child, "close");
  child.kill("SIGINT");
  // The child's clock stands still until this signal, whose answer shows that it lives on behind the second press.
  child.kill("SIGUSR2");
  await Promise.race([once(child.stdout, "data"), ended]);
  expect(printed).toBe("ready\naborted\nlater\n");
  child.kill("SIGINT");
  expect(await ended).toEqual([130, null]);
});

it("owns up to a fault of its own: exit code 1, and what is needed to report it", async () => {
  const { code, stdout, stderr } = await outcome(
    startModule(`
    import { runWithContext } from ${from("run.ts")};
    process.exitCode = await runWithContext(true, async () => {
      throw new RangeError("three\\nlines\\nhere");
    });`),
  );
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: three lines here\n {2}.*please report it.*\nRangeError: three\nlines\nhere\n {4}at /);
  expect(jsonLines(stdout)).toMatchObject([{ type: "error", code: "internal", message: "three lines here" }]);
});

it("makes of a task what a network is built with", () => {
  const both = { weightQuantizer: "bnn++", activationQuantizer: "poly" };
  expect(quantizersFrom({})).toEqual({ ...both, accumulator: null });
  expect(quantizersFrom({ accumulator: "wrap" })).toEqual({ ...both, accumulator: "wrap" });
  expect(quantizersFrom({ task: "bw", quantizer: "pc" })).toEqual({
    ...{ weightQuantizer: "pc", activationQuantizer: null, accumulator: null },
  });
  expect(quantizersFrom({ task: "ba", activationQuantizer: "ede" })).toEqual({
    ...{ weightQuantizer: null, activationQuantizer: "ede", accumulator: null },
  });
  expect(quantizersFrom({ task: "bwa" })).toEqual({ ...both, accumulator: null });
  const narrow = { bits: 8, overflow: "saturate" };
  expect(quantizersFrom({ task: "bwaa" })).toEqual({ ...both, accumulator: narrow });
  expect(quantizersFrom({ task: "bwaa", accumulator: "wrap", binaryHead: true })).toEqual({
    ...both,
    accumulator: { bits: 8, overflow: "wrap" },
    binaryHead: true,
  });
});

it("names what sums in 8 bits do in the graph", () => {
  const sums = (overflow: "wrap" | null) =>
    accumulatorOf(sequential({ inputShape: [8] }, [layers.binaryDense({ units: 4, accumulator: overflow })]));
  expect([sums("wrap"), sums(null)]).toEqual(["wrap", "none"]);
});

it("names the quantizers that are in the graph, whatever was asked for", () => {
  const binary = layers.binaryDense({ units: 4, weightQuantizer: "bc", activationQuantizer: "poly" });
  const graph = sequential({ inputShape: [8] }, [binary, layers.batchNorm(), layers.dense({ units: 2 })]);
  expect(quantizersOf(graph)).toEqual({ weightQuantizer: "bc", activationQuantizer: "poly" });
  const real = sequential({ inputShape: [8] }, [layers.dense({ units: 2 })]);
  expect(quantizersOf(real)).toEqual({ weightQuantizer: "none", activationQuantizer: "none" });
});

const refusedBy = async (code: "argument" | "unknown-name", ...args: readonly string[]) =>
  rejected(code, buildProgram({} as Context).parseAsync(args, { from: "user" }));

it("has words for help about a command that does not exist", async () => {
  const { message, remedy } = await refusedBy("unknown-name", "help", "trian");
  expect(message).toBe('no command is called "trian"');
  expect(remedy).toContain('Did you mean "train"?');
});

it("names the end of a domain that was typed", async () => {
  expect((await refusedBy("argument", "theory", "bnn++", "--from", "1e6")).message).toContain("--from must be");
  expect((await refusedBy("argument", "theory", "bnn++", "--to", "-5")).message).toContain("--to must be");
});

it("holds a module to the options that were typed, and to no others", async () => {
  const choices = { weightQuantizer: "bc", activationQuantizer: null } as const;
  const graph = sequential({ inputShape: [8, 8, 1] }, [
    layers.flatten(),
    layers.binaryDense({ units: 4, ...choices }),
    layers.batchNorm(),
  ]);
  const deaf = async () => graph;
  const given: ModelOptions = { ...quantizersFrom({}), inputShape: [8, 8, 1], classes: 4 };
  await checkModule("./mod.mjs", deaf, graph, { typed: {}, given, inputShape: [8, 8, 1], classes: 4 });
  const says = async (typed: Parameters<typeof checkModule>[3]["typed"], shape: object = {}): Promise<string> => {
    const own = { ...given, ...quantizersFrom(typed) };
    return (await rejected("graph", checkModule("./mod.mjs", deaf, graph, { typed, given: own, ...shape }))).message;
  };
  expect(await says({ quantizer: "bnn" })).toContain("weightQuantizer bc where it was given bnn");
  expect(await says({ task: "bwa", quantizer: "bc" })).toContain("activationQuantizer none where it was given poly");
  expect(await says({ accumulator: "wrap" })).toContain("another accumulator");
  expect(await says({ reactnet: true })).toContain("the same network with --reactnet");
  expect(await says({ binaryStem: true })).toContain("the same network with --binary-stem");
  expect(await says({}, { inputShape: [9, 9, 1] })).toContain("takes images of 8x8x1 where --input-shape is 9x9x1");
  expect(await says({}, { classes: 5 })).toContain("has 4 classes where --classes is 5");
  const obeying = async ({ binaryHead }: ModelOptions) =>
    binaryHead ? sequential({ inputShape: [8] }, [layers.dense({ units: 4 })]) : graph;
  await checkModule("./mod.mjs", obeying, graph, {
    typed: { binaryHead: true },
    given: { ...given, binaryHead: true },
  });
});
