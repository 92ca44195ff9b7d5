/** Loaders of files and folders that are given junk refuse it by a ProxbitError, and load what is good as before. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as data from "../ts/data/index.ts";
import { pngFile } from "./image-files.ts";
import { type Action, allUntyped, JUNK, spoilt } from "./junk-values.ts";

let folder = "";
let photos = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxbit-junk-"));
  photos = join(folder, "photos");
  for (const name of ["cat", "dog"]) {
    await mkdir(join(photos, name), { recursive: true });
    for (const file of ["a.png", "b.png"]) await writeFile(join(photos, name, file), pngFile(4, 3));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Values that name no option, so that a loader goes to its usual place, which may be far away. */
const NOTHING: readonly string[] = ["undefined", "empty object", "object without prototype", "map", "date", "buffer"];
const junk = Object.entries(JUNK).filter(([name]) => !NOTHING.includes(name));

describe("junk is refused", () => {
  test.each([
    ["mnist", data.mnist],
    ["fashionMnist", data.fashionMnist],
    ["cifar10", data.cifar10],
    ["cifar100", data.cifar100],
    ["dataset", (options: data.DatasetOptions) => data.dataset("fashion-mnist", options)],
  ])("by %s", async (name, load) => {
    const good = { directory: folder, onDownload: undefined, signal: undefined };
    const cached = { downloadUrl: "no-address:/", cacheDirectory: folder };
    const options = (key: string, make: () => unknown, others: object): Action => {
      return () => load({ ...others, [key]: make() } as never);
    };
    const actions = junk.flatMap(([word, make]): (readonly [string, Action])[] => [
      [`${name}(${word})`, () => load(make() as never)],
      [`directory: ${word}`, options("directory", make, {})],
      [`baseUrl: ${word}`, options("baseUrl", make, {})],
      [`downloadUrl: ${word}`, options("downloadUrl", make, { cacheDirectory: folder })],
      [`cacheDirectory: ${word}`, options("cacheDirectory", make, { ...cached })],
      [`onDownload: ${word}`, options("onDownload", make, good)],
      [`signal: ${word}`, options("signal", make, good)],
    ]);
    expect(await allUntyped(actions)).toEqual([]);
  });

  test("by dataset, for a name", async () => {
    const actions = junk.map(([word, make]): readonly [string, Action] => [word, () => data.dataset(make() as never)]);
    expect(await allUntyped(actions)).toEqual([]);
  });

  test("by idxFolder and npz", async () => {
    const actions = Object.entries(JUNK).flatMap(([word, make]): (readonly [string, Action])[] => [
      [`idxFolder(${word})`, () => data.idxFolder(make() as never)],
      [`npz(${word})`, () => data.npz(make() as never)],
    ]);
    const options = spoilt({ test: 0.2, seed: 1 }).map(([word, make]): readonly [string, Action] => [
      `npz(bytes, ${word})`,
      () => data.npz(new Uint8Array(40), make() as never),
    ]);
    expect(await allUntyped([...actions, ...options])).toEqual([]);
  });

  test("by imageFolder, which then reads the folder as before", async () => {
    const wanted = await data.imageFolder(photos);
    const good = {
      ...{ size: 4, channels: 3, fit: "cover", background: "#ffffff", test: 0.5, seed: 1, limit: 2, decoder: "auto" },
      ...{ onProgress: undefined, signal: undefined },
    };
    const options = spoilt(good).map(([word, make]): readonly [string, Action] => [
      `imageFolder(photos, ${word})`,
      () => data.imageFolder(photos, make() as never),
    ]);
    const places = Object.entries(JUNK).map(([word, make]): readonly [string, Action] => [
      `imageFolder(${word})`,
      () => data.imageFolder(make() as never),
    ]);
    expect(await allUntyped([...options, ...places])).toEqual([]);
    expect(await data.imageFolder(photos)).toEqual(wanted);
  });
});
