import { execFileSync, spawnSync } from "node:child_process";
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { passingName } from "../ts/io/leftovers.ts";
import { checkWritable, writeFileAtomic } from "../ts/io/write.ts";
import { recorded } from "./faulty-files.ts";
import { rejected, withFolder } from "./io-helpers.ts";

/** Runs `action` as a user whom permissions bind. Root is not bound by them, and steps down meanwhile. */
async function bound<T>(action: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    return await action();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

describe("writeFileAtomic", () => {
  it("writes bytes and text, and leaves nothing else behind", async () => {
    await withFolder(async (folder) => {
      await writeFileAtomic(join(folder, "model"), Uint8Array.of(1, 2, 3));
      await writeFileAtomic(join(folder, "log"), "grün\n");
      expect(new Uint8Array(await readFile(join(folder, "model")))).toEqual(Uint8Array.of(1, 2, 3));
      expect(await readFile(join(folder, "log"), "utf8")).toBe("grün\n");
      expect(await readdir(folder)).toEqual(["log", "model"]);
    });
  });

  it("replaces a file whole: a reader who opened the old one still sees all of it", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "model");
      await writeFile(path, "the old content");
      const before = await lstat(path);
      await writeFileAtomic(path, "new");
      expect(await readFile(path, "utf8")).toBe("new");
      expect((await lstat(path)).ino).not.toBe(before.ino);
      expect(await readdir(folder)).toEqual(["model"]);
    });
  });

  it("writes many times at once without mixing", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "model");
      await Promise.all(Array.from({ length: 16 }, (_, n) => writeFileAtomic(path, String(n).repeat(50_000))));
      const content = await readFile(path, "utf8");
      expect(content).toMatch(/^(\d|1\d)\1+$/);
      expect(content.length % 50_000).toBe(0);
      expect(await readdir(folder)).toEqual(["model"]);
    });
  });

  it("takes a file that another writer moves away meanwhile for none", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "run");
      const files = process.getBuiltinModule("node:fs/promises");
      for (const deed of ["open", "realpath"] as const) {
        await writeFile(path, "old");
        const original = files[deed] as (...given: unknown[]) => Promise<unknown>;
        const moved = vi.spyOn(files, deed as "realpath").mockImplementationOnce(async (...given: unknown[]) => {
          await rename(path, join(folder, "run.previous"));
          return original(...given) as Promise<string>;
        });
        await checkWritable(path).finally(() => moved.mockRestore());
        expect(await readdir(folder), deed).toEqual(["run.previous"]);
      }
    });
  });

  it("writes through a symbolic link", async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, "real"));
      await writeFile(join(folder, "real", "model"), "old");
      await symlink(join("real", "model"), join(folder, "link"));
      await writeFileAtomic(join(folder, "link"), "new");
      expect(await readFile(join(folder, "real", "model"), "utf8")).toBe("new");
      expect((await lstat(join(folder, "link"))).isSymbolicLink()).toBe(true);
    });
  });

  it("removes what it wrote where the last step fails", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "model");
      const content = { toString: () => "no bytes" } as unknown as string;
      await rejected("output", writeFileAtomic(path, content));
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

/** The deeds of a write to a file that is there. The number of a deed is its place in this list. */
const REPLACING = [
  "open model r+",
  "close model",
  "open * wx",
  "write *",
  "sync *",
  "close *",
  "rename * model",
  "open folder r",
  "sync folder",
  "close folder",
];
const RENAMED = REPLACING.indexOf("rename * model");
/** The places of all deeds up to `last`. */
const until = (last: number): readonly (readonly [string, number])[] =>
  REPLACING.slice(0, last + 1).map((deed, at) => [deed, at]);

describe("the disk", () => {
  /**
   * Runs `action` on the path of a file that is there, and of one that is not. Both lie in a folder called "folder".
   */
  const withFiles = (action: (old: string, absent: string, names: () => Promise<string[]>) => Promise<void>) =>
    withFolder(async (parent) => {
      const folder = join(parent, "folder");
      await mkdir(folder);
      await writeFile(join(folder, "model"), "old");
      await action(join(folder, "model"), join(folder, "absent"), async () => (await readdir(folder)).sort());
    });

  it("has the content before it has the name, and then the name", () =>
    withFiles(async (old, absent) => {
      expect((await recorded(() => writeFileAtomic(old, "new"))).deeds).toEqual(REPLACING);
      const { deeds, open } = await recorded(() => writeFileAtomic(absent, Uint8Array.of(1)));
      expect(deeds).toEqual(REPLACING.slice(2).map((deed) => deed.replace("model", "absent")));
      expect(open).toEqual([]);
    }));

  it.each(until(RENAMED))("fails at '%s': the old file stays, and nothing beside it, open or left", (_, at) =>
    withFiles(async (old, _absent, names) => {
      const { open, deeds } = await recorded(async () => {
        const { message } = await rejected("output", writeFileAtomic(old, "new"));
        expect(message).toContain("the disk is full");
      }, [{ at, code: "ENOSPC" }]);
      expect(deeds).not.toContain("open folder r");
      expect(open).toEqual([]);
      expect(await names()).toEqual(["model"]);
      expect(await readFile(old, "utf8")).toBe("old");
    }),
  );

  it.each(REPLACING.flatMap((deed, at) => (at > RENAMED ? [[deed, at] as const] : [])))(
    "fails at '%s', when the new file is in place already: that is no failure",
    (_, at) =>
      withFiles(async (old, _absent, names) => {
        const { open } = await recorded(() => writeFileAtomic(old, "new"), [{ at, code: "EIO" }]);
        expect(open).toEqual([]);
        expect(await names()).toEqual(["model"]);
        expect(await readFile(old, "utf8")).toBe("new");
      }),
  );

  it.each([
    [
      "the file cannot be taken away either",
      [
        { at: RENAMED, code: "EROFS" },
        { at: RENAMED + 1, code: "EIO" },
      ],
    ],
    [
      "it cannot be closed either",
      [
        { at: 3, code: "EROFS" },
        { at: 4, code: "EIO" },
      ],
    ],
  ])("is told of by the first failure, where %s", (_, faults) =>
    withFiles(async (old) => {
      await recorded(async () => {
        expect((await rejected("output", writeFileAtomic(old, "new"))).message).toContain("read-only");
      }, faults);
      expect(await readFile(old, "utf8")).toBe("old");
    }),
  );

  it.each([
    ["open model r+", 0],
    ["close model", 1],
    ["open * wx", 2],
    ["close *", 3],
  ])("is found full at '%s' by the check, which leaves nothing", (deed, at) =>
    withFiles(async (old, _absent, names) => {
      const { deeds, open } = await recorded(async () => {
        expect((await rejected("output", checkWritable(old))).message).toContain("the disk is full");
      }, [{ at, code: "ENOSPC" }]);
      expect(deeds[at]).toBe(deed);
      expect(open).toEqual([]);
      expect(await names()).toEqual(["model"]);
      expect(await readFile(old, "utf8")).toBe("old");
    }),
  );
});

it("only one module writes files, and it writes them whole; a lock is no file that anybody reads for its content", async () => {
  const root = new URL("../ts/", import.meta.url);
  const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith(".ts"));
  const writes = /\b(writeFile|writeFileSync|appendFile\w*|createWriteStream|rename|renameSync|copyFile\w*)\(/;
  const writers: string[] = [];
  for (const name of files) if (writes.test(await readFile(new URL(name, root), "utf8"))) writers.push(name);
  expect(files.length).toBeGreaterThan(100);
  expect(writers).toEqual(["io/checkpoint-lock.ts", "io/write.ts"]);
});

/** The paths that both functions must refuse, and their messages. */
const refusals: readonly (readonly [string, (folder: string) => Promise<string>, RegExp, RegExp])[] = [
  [
    "a directory that is absent",
    async (folder) => join(folder, "none", "model"),
    /directory does not exist/,
    /Create the directory/,
  ],
  [
    "a directory that is a file",
    async (folder) => {
      await writeFile(join(folder, "file"), "");
      return join(folder, "file", "model");
    },
    /directory is a file/,
    /below a directory/,
  ],
  ["an empty name", async () => "", /no name of a file/, /Name a file/],
  ["a directory that is not there", async (folder) => join(folder, "none/"), /it is a directory/, /Name a file/],
  ["a path that is a directory", async (folder) => folder, /it is a directory/, /Name a file/],
  ["a pipe", pipe, /a pipe/, /Name a file/],
  ["a name that is too long", async (folder) => join(folder, "m".repeat(300)), /too long/, /shorter/],
  ["a link that leads round in a circle", circle, /ELOOP/, /another path/],
  ["a read-only directory", readOnlyDirectory, /permission is denied/, /where you may write/],
  [
    "a read-only file in a directory that may be written",
    readOnlyFile,
    /permission is denied/,
    /change its permissions/,
  ],
];

async function pipe(folder: string): Promise<string> {
  execFileSync("mkfifo", ["-m", "666", join(folder, "model")]);
  return join(folder, "model");
}

async function circle(folder: string): Promise<string> {
  await symlink("model", join(folder, "model"));
  return join(folder, "model");
}

async function readOnlyDirectory(folder: string): Promise<string> {
  const locked = join(folder, "locked");
  await mkdir(locked);
  await chmod(locked, 0o555);
  return join(locked, "model");
}

async function readOnlyFile(folder: string): Promise<string> {
  const path = join(folder, "model");
  await writeFile(path, "kept");
  await chmod(path, 0o444);
  await chmod(folder, 0o777);
  return path;
}

describe.each([
  ["writeFileAtomic", (path: string) => writeFileAtomic(path, "x")],
  ["checkWritable", checkWritable],
] as const)("%s refuses", (_, action) => {
  it.each(refusals)("%s", async (__, prepare, message, remedy) => {
    await withFolder(async (folder) => {
      await chmod(folder, 0o755);
      const path = await prepare(folder);
      const before = await readdir(folder, { recursive: true });
      const error = await rejected(
        "output",
        bound(() => action(path)),
      );
      expect(error.message).toMatch(message);
      expect(error.message.startsWith(path)).toBe(true);
      expect(error.remedy).toMatch(remedy);
      expect(await readdir(folder, { recursive: true })).toEqual(before);
    });
  });
});

/** The number of a process that has ended. */
const dead = (): number => spawnSync("true").pid;

describe("a file that is replaced", () => {
  it("keeps its mode and its owner", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "model");
      await writeFile(path, "old", { mode: 0o600 });
      const isRoot = process.geteuid?.() === 0;
      if (isRoot) await chown(path, 4321, 4321);
      await writeFileAtomic(path, "new");
      const { mode, uid } = await lstat(path);
      expect([mode & 0o777, uid]).toEqual([0o600, isRoot ? 4321 : process.geteuid?.()]);
      await chmod(path, 0o664);
      await writeFileAtomic(path, "newer");
      expect((await lstat(path)).mode & 0o777).toBe(0o664);
    });
  });

  it("may keep a second name, which then holds what was there before", async () => {
    await withFolder(async (folder) => {
      const [path, previous] = [join(folder, "model"), join(folder, "before")];
      for (const text of ["1", "2", "3"]) await writeFileAtomic(path, text, { previous });
      expect(await readFile(path, "utf8")).toBe("3");
      expect(await readFile(previous, "utf8")).toBe("2");
      const { deeds } = await recorded(() => writeFileAtomic(path, "4", { previous }));
      expect(deeds.filter((deed) => deed.startsWith("rename"))).toEqual(["rename model before", "rename * model"]);
      const second = deeds.indexOf("rename * model");
      await recorded(
        () => rejected("output", writeFileAtomic(path, "5", { previous })).then(() => undefined),
        [{ at: second, code: "EIO" }],
      );
      expect(await readFile(path, "utf8")).toBe("4");
      expect(await readdir(folder)).toEqual(expect.arrayContaining(["model"]));
    });
  });

  it("is made where a link leads that has no end yet", async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, "real"));
      await symlink(join("real", "model"), join(folder, "link"));
      await writeFileAtomic(join(folder, "link"), "new");
      expect(await readFile(join(folder, "real", "model"), "utf8")).toBe("new");
      expect((await lstat(join(folder, "link"))).isSymbolicLink()).toBe(true);
    });
  });
});

it("removes what killed writers of this machine left, and nothing of the living or of another machine", async () => {
  await withFolder(async (folder) => {
    const own = passingName();
    const left = own.replace(`-${process.pid}-`, `-${dead()}-`);
    const others = [own, left.replace(/-[0-9a-f]+-([0-9a-f]+\.part)$/, "-0-$1"), ".proxbit-1.part", "model"];
    for (const name of [left, ...others]) await writeFile(join(folder, name), "");
    await checkWritable(join(folder, "other"));
    expect((await readdir(folder)).sort()).toEqual([...others].sort());
  });
});

describe("checkWritable", () => {
  it("finds out whether there is room, and says which disk is full", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "model");
      const { deeds } = await recorded(
        () => rejected("output", checkWritable(path, 1 << 20)).then(({ message }) => expect(message).toContain("full")),
        [{ at: 1, code: "ENOSPC" }],
      );
      expect(deeds.slice(0, 2)).toEqual(["open * wx", "write *"]);
      expect(await readdir(folder)).toEqual([]);
    });
  });

  it("accepts a place where a file can be written, and leaves no trace", async () => {
    await withFolder(async (folder) => {
      await checkWritable(join(folder, "model"));
      expect(await readdir(folder)).toEqual([]);
      await writeFile(join(folder, "model"), "kept");
      await checkWritable(join(folder, "model"));
      expect(await readdir(folder)).toEqual(["model"]);
      expect(await readFile(join(folder, "model"), "utf8")).toBe("kept");
    });
  });
});
