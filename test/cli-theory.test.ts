/** `proxbit theory`: the table as computed, pictures of a pair, and faults of the arguments. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { theoryCommand } from "../ts/cli/commands/theory.ts";
import { createOutput } from "../ts/cli/output.ts";
import { decodeImage } from "../ts/images/decode.ts";
import { quantizerNames } from "../ts/quantizers/index.ts";
import { failureOf, proxbit, resultOf } from "./cli-helpers.ts";
import { rejected, withFolder } from "./io-helpers.ts";

interface Row {
  readonly name: string;
  readonly decomposes: boolean;
  readonly reason?: string;
  readonly proximal?: string;
  readonly transform?: string;
  readonly P?: { readonly x: readonly number[]; readonly value: readonly number[] };
}

const rowsOf = (result: Record<string, unknown>): readonly Row[] => result.pairs as readonly Row[];

describe.concurrent("theory", () => {
  it("computes the table of the literature, and says of BNN+ which two points share F but not B", async () => {
    const rows = rowsOf(await resultOf("theory"));
    const verdicts = Object.fromEntries(rows.map(({ name, decomposes }) => [name, decomposes]));
    expect(verdicts).toMatchObject({
      fp: true,
      bc: true,
      pc: true,
      hardtanh: true,
      bnn: true,
      "bnn+": false,
      "bnn++": true,
      poly: false,
      "poly+": true,
      ede: false,
      "ede+": true,
      "tanh-l": true,
    });
    expect(quantizerNames.filter((name) => !(name in verdicts))).toEqual([]);
    const row = (name: string) => rows.find((each) => each.name === name);
    expect(row("bnn+")?.reason).toMatch(/share F = 1 but not B, which is 5 and -0\.369/);
    expect(row("bnn")).toMatchObject({ proximal: "levels -2, -1, 1, 2" });
    expect(row("bnn++")).toMatchObject({ proximal: "identity", transform: "F" });
    expect(row("poly+")).toMatchObject({ proximal: "clip to [-1, 1]" });
    expect(row("bc")).toMatchObject({ proximal: "sign", transform: "identity", from: -3, to: 3 });
    // Its box ends at 4.1 there, beyond the domain of the others.
    expect(row("recu")).toMatchObject({ proximal: "levels -2, -1, 1, 2", from: -12, to: 12 });
  });

  it("prints the table and the reasons for people", async () => {
    const { code, stdout, stderr } = await proxbit("theory");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^At progress 0\.25, on \[-3, 3\].*, recu on \[-12, 12\]/m);
    expect(stdout).toMatch(/^bnn\s+yes\s+levels -2, -1, 1, 2/m);
    expect(stdout).toMatch(/^bnn\+\s+no\s+-/m);
    expect(stdout).toMatch(/^bnn\+: x = 0 and x = 0\.68\d+ share F = 1/m);
  });

  it("draws F, B, P, T and T' of a pair in the terminal, within 100 columns, and as SVG", async () => {
    await withFolder(async (folder) => {
      const file = join(folder, "bnn++.svg");
      const { code, stdout } = await proxbit("theory", "bnn++", "--progress", "0.2", "--out", file);
      expect(code).toBe(0);
      for (const title of ["F(x)", "B(x)", "P(x)", "T(v)", "T'(v)"]) expect(stdout).toContain(title);
      expect(stdout).toMatch(/[\u2801-\u28ff]/);
      expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
      const picture = await readFile(file, "utf8");
      expect(picture).toMatch(/^<svg [^>]*>\n<title>bnn\+\+ at progress 0\.2<\/title>/);
      // Five of the pair at that moment, beta over the run, and the gap outside two margins.
      expect(picture.match(/<polyline /g)?.length).toBe(8);
      for (const title of ["beta, over a run", "sup |F - sign|"]) expect(picture).toContain(title);
      expect(picture).not.toContain("NaN");
    });
  });

  it("draws a PNG by Chromium, twice as large as the SVG says", async () => {
    await withFolder(async (folder) => {
      const file = join(folder, "bnn.png");
      await resultOf("theory", "bnn", "--out", file);
      const { width, height, data } = await decodeImage(await readFile(file), file, "javascript");
      expect([width, height]).toEqual([2 * 848, 2 * 890]);
      expect([...data.subarray(0, 4)]).toEqual([255, 255, 255, 255]);
      expect(new Set(new Uint32Array(data.buffer, data.byteOffset, data.length / 4)).size).toBeGreaterThan(20);
    });
  });

  it("marks the two points where there are no P and T, and gives samples as JSON where there are", async () => {
    await withFolder(async (folder) => {
      const file = join(folder, "bnn+.svg");
      const [refused] = rowsOf(await resultOf("theory", "bnn+", "--out", file));
      expect(refused).toMatchObject({ name: "bnn+", decomposes: false });
      expect((await readFile(file, "utf8")).match(/<circle /g)?.length).toBe(4);
    });
    const [row] = rowsOf(await resultOf("theory", "poly+", "--from", "-2", "--to", "2"));
    expect([row?.P?.x[0], row?.P?.x.at(-1), row?.P?.value.at(-1)]).toEqual([-2, 2, 1]);
  });

  it("shows the schedule over a run and what hardening moves, of a quantizer with options too", async () => {
    const text = "bnn++:beta=logLinear(1,5),hardenAt=0.5";
    const { stdout } = await proxbit("theory", text);
    expect(stdout).toMatch(/^Over a run: F hardens at 0\.5; this moves values by up to 0\.7\d+ where \|x\| >= 0\.1/m);
    expect(stdout).toMatch(/^before 0\.5 +2\.24 +soft( +0\.\d+){3}$/m);
    expect(stdout).toMatch(/^0\.5 +2\.24 +sign( +0){3}$/m);
    const [row] = rowsOf(await resultOf("theory", text));
    expect(row).toMatchObject({ course: { parameters: ["beta"], hardFrom: 0.5, domain: [-3, 3] } });
  });

  it.each([
    ["an unknown pair", ["theory", "bnn+++"], 'no pair is called "bnn+++"', '"bnn++"'],
    ["a domain from right to left", ["theory", "--from", "1", "--to", "0"], "--to must be a number from 1", "--to"],
    ["a picture of nothing", ["theory", "--out", "x.svg"], "none is named", "Name a pair"],
    ["a picture of another kind", ["theory", "bnn", "--out", "x.gif"], "x.gif", ".svg"],
    ["a moment after the end", ["theory", "--progress", "2"], "--progress must be a number from 0 to 1", "0 to 1"],
  ])("refuses %s", async (_, args, message, remedy) => {
    const failure = await failureOf(...args);
    expect(failure.message).toContain(message);
    expect(failure.remedy).toContain(remedy);
  });
});

it.each(["directory.png", "directory.svg", "absent/bnn.png"])(
  "finds that %s cannot be written before it starts a browser",
  async (name) => {
    vi.stubEnv("CHROMIUM_PATH", "/no/chromium");
    await withFolder(async (folder) => {
      for (const directory of ["directory.png", "directory.svg"]) await mkdir(join(folder, directory));
      const context = {
        output: createOutput(true),
        signal: new AbortController().signal,
        exitWith: () => expect.unreachable(),
      };
      const out = join(folder, name);
      const drawing = theoryCommand(context).parseAsync(["bnn", "--out", out], { from: "user" });
      expect((await rejected("output", drawing)).message).toContain(`${out} cannot be written`);
    }).finally(() => vi.unstubAllEnvs());
  },
);
