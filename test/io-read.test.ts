/** Whole files: what is none is refused at once, and said in words. */
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readModelFile } from "../ts/cli/model-file.ts";
import { cifar10 } from "../ts/data/cifar10.ts";
import { readBytes } from "../ts/data/files/pictures.ts";
import { mnist } from "../ts/data/mnist.ts";
import { directorySource } from "../ts/data/source.ts";
import { readFault, readWholeFile } from "../ts/io/read.ts";
import { rejected, withFolder } from "./io-helpers.ts";

test("a file comes as plain bytes", () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, "file"), Uint8Array.of(1, 2, 3));
    expect(await readWholeFile(join(folder, "file"))).toEqual(Uint8Array.of(1, 2, 3));
  }));

test("a pipe that nobody writes to, a device, a folder and a missing file are refused at once", () =>
  withFolder(async (folder) => {
    const pipe = join(folder, "pipe.gz");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    await mkdir(join(folder, "folder"));
    const faults: readonly (readonly [path: string, fault: string])[] = [
      [pipe, "it is a pipe, a socket or a device"],
      ["/dev/zero", "it is a pipe, a socket or a device"],
      [join(folder, "folder"), "it is a folder"],
      [join(folder, "missing"), "there is no such file"],
    ];
    for (const [path, fault] of faults) {
      expect(readFault(await readWholeFile(path).catch((cause: unknown) => cause))).toBe(fault);
      expect((await rejected("model-file", readModelFile(path))).message).toBe(`${path} cannot be read: ${fault}`);
      await rejected("image", readBytes(path));
    }
    await rejected("data", directorySource(folder).read("pipe"));
  }));

test("an address has no effect on a data set that nobody downloads, and is refused", async () => {
  for (const read of [mnist, cifar10]) {
    const { message } = await rejected("argument", read({ downloadUrl: "http://127.0.0.1:1" }));
    expect(message).toContain("is not downloaded, so that an address (downloadUrl, --data-url) has no effect");
  }
});
