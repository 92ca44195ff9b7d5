/** The checkpoint's file: what is written comes back, and no change of a bit goes unnoticed. And its stores. */
import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type CheckpointTensor,
  copyOfPlain,
  decodeCheckpoint,
  digestOf,
  encodeCheckpoint,
} from "../ts/io/checkpoint-file.ts";
import { fileStore } from "../ts/io/checkpoint-store.ts";
import fc from "./fast-check.ts";
import { recorded } from "./faulty-files.ts";
import { rejected, withFolder } from "./io-helpers.ts";

const tensor = (name: string, ...values: readonly number[]): CheckpointTensor => ({
  ...{ name, shape: [values.length] },
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const tensors = [tensor("weights/a", 1, -0, Number.NaN), tensor("optimizer/a/0", 3)];
const state = { run: { epochs: 3 }, text: "grün", odd: [Number.NaN, -0, Number.POSITIVE_INFINITY, 0.1] };

describe("a checkpoint's file", () => {
  it("gives back state and tensors, and numbers that JSON has not", async () => {
    const found = await decodeCheckpoint(joined(await encodeCheckpoint(state, tensors)));
    expect(found.state).toEqual(state);
    expect(found.tensors.map(({ name, shape, bytes }) => [name, shape, [...bytes]])).toEqual(
      tensors.map(({ name, shape, bytes }) => [name, shape, [...bytes]]),
    );
  });

  it("gives back any plain value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.double(), (value, number) => {
        expect(copyOfPlain({ value, number })).toEqual({ value, number });
      }),
    );
  });

  it("is refused where a single bit of it is another, or an end is missing", async () => {
    const bytes = joined(await encodeCheckpoint(state, tensors));
    for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
      const other = bytes.slice();
      other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
      await rejected("checkpoint", decodeCheckpoint(other));
    }
    for (const length of [0, 7, 8, 100, bytes.length - 1]) {
      await rejected("checkpoint", decodeCheckpoint(bytes.slice(0, length)));
    }
    await rejected("checkpoint", decodeCheckpoint(joined([bytes, Uint8Array.of(0)])));
  });

  it("of another version is refused by that version, and says who can go on", async () => {
    const text = joined(await encodeCheckpoint(state, tensors));
    const at = Buffer.from(text).indexOf('"version":"1"') + '"version":"'.length;
    text[at] = "7".charCodeAt(0);
    expect(await rejected("checkpoint", decodeCheckpoint(text))).toMatchObject({
      message: "its format has version 7, and this proxbit reads 1",
      remedy: "Go on with the proxbit that wrote it.",
    });
  });

  it("has a digest of its pieces of 4 MiB, as its head says", async () => {
    const sha = async (...bytes: readonly Uint8Array[]): Promise<Uint8Array> =>
      new Uint8Array(await crypto.subtle.digest("SHA-256", Buffer.concat(bytes)));
    const large = new Uint8Array((4 << 20) + 5).fill(7);
    const small = Uint8Array.of(1, 2);
    const wanted = await sha(
      await sha(large.subarray(0, 4 << 20)),
      await sha(large.subarray(4 << 20)),
      await sha(small),
    );
    expect(await digestOf([large, small])).toBe(Buffer.from(wanted).toString("hex"));
  });
});

const ended = spawnSync("true").pid;
const parts = (text: string): readonly Uint8Array[] => [new TextEncoder().encode(text)];
const texts = async (path: string): Promise<readonly (string | null)[]> => {
  const store = fileStore(path);
  const both = [await store.read("last"), await store.read("previous")];
  return both.map((bytes) => bytes && new TextDecoder().decode(bytes));
};

describe("a store in a file", () => {
  it("keeps the last checkpoint and the one before", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "run.ckpt");
      expect(await texts(path)).toEqual([null, null]);
      for (const text of ["1", "2", "3"]) await fileStore(path).write(parts(text));
      expect(await texts(path)).toEqual(["3", "2"]);
      expect((await readdir(folder)).sort()).toEqual(["run.ckpt", "run.ckpt.previous"]);
    });
  });

  const deeds = [
    ...["open run.ckpt r+", "close run.ckpt", "open * wx", "write *", "sync *", "close *"],
    ...["rename run.ckpt run.ckpt.previous", "rename * run.ckpt", "open folder r", "sync folder", "close folder"],
  ];

  it("brings a checkpoint to the disk before it has its name, and the folder behind that", async () => {
    await withStore(async (store) => {
      expect((await recorded(() => store.write(parts("3")))).deeds).toEqual(deeds);
    });
  });

  it.each(deeds.map((deed, at) => [deed, at] as const))("fails at '%s' with a checkpoint to go on from", (_, at) =>
    withStore(async (store, path) => {
      await recorded(async () => {
        await store.write(parts("3")).catch(() => undefined);
      }, [{ at, code: "ENOSPC" }]);
      const [last, previous] = await texts(path);
      expect([last, previous].filter((text) => text !== null).at(0)).toBe(at > 7 ? "3" : "2");
      await store.write(parts("4"));
      expect((await texts(path))[0]).toBe("4");
    }),
  );

  it("lets one run write, and the next one when it is done", async () => {
    await withStore(async (store, path) => {
      const unlock = await store.lock();
      const { message, remedy } = await rejected("checkpoint", fileStore(path).lock());
      expect(message).toContain(`process ${process.pid} is writing`);
      expect(remedy).toContain(`${path}.lock`);
      await unlock();
      await (await fileStore(path).lock())();
      expect(await readdir(join(path, ".."))).not.toContain("run.ckpt.lock");
    });
  });

  it.each([
    ["that has ended", `${ended}\n${hostname()}\n\n`],
    ["whose number another one has now", `${process.ppid}\n${hostname()}\n12345\n`],
    ["whose number we have now", `${process.pid}\n${hostname()}\n12345\n`],
  ])("takes the lock of a process %s, of which two that try it get one", async (_, lock) => {
    await withStore(async (store, path) => {
      await writeFile(`${path}.lock`, lock);
      const unlock = await store.lock();
      expect(await readFile(`${path}.lock`, "utf8")).toMatch(new RegExp(`^${process.pid}\n`));
      await rejected("checkpoint", fileStore(path).lock());
      await unlock();
    });
  });

  it("leaves the lock of a process of another machine alone", async () => {
    await withStore(async (store, path) => {
      await writeFile(`${path}.lock`, `${ended}\nelsewhere\n\n`);
      expect((await rejected("checkpoint", store.lock())).message).toContain("on elsewhere");
    });
  });

  it("says why it cannot write before a run begins", async () => {
    await withFolder(async (folder) => {
      await rejected("output", fileStore(join(folder, "none", "run.ckpt")).lock());
      await rejected("output", fileStore(folder).lock());
    });
  });
});

/** Runs `action` with a store that holds "2", and "1" before it. */
const withStore = (action: (store: ReturnType<typeof fileStore>, path: string) => Promise<void>): Promise<void> =>
  withFolder(async (parent) => {
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(parent, "folder"));
    const path = join(parent, "folder", "run.ckpt");
    for (const text of ["1", "2"]) await fileStore(path).write(parts(text));
    await action(fileStore(path), path);
  });
