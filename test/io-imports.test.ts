/** The imports of each entry. A page that runs a packed model must not bundle Node or a decoder. Arrows go one way. */
import { readdir, readFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = new URL("../ts/", import.meta.url);

/** All files that `entry` (below ts/) imports at run time, and the bare names they import statically. */
async function closureOf(
  entry: string,
): Promise<{ readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> }> {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [new URL(entry, root)];
  for (let url = queue.pop(); url !== undefined; url = queue.pop()) {
    const name = relative(fileURLToPath(root), fileURLToPath(url));
    if (files.has(name)) continue;
    files.add(name);
    const text = await readFile(url, "utf8");
    for (const match of text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^"';]*?\sfrom\s+)?"([^"]+)";/gm)) {
      const target = match[1] ?? "";
      if (target.startsWith(".")) queue.push(new URL(target, url));
      else packages.add(target);
    }
  }
  return { files, packages };
}

describe("the imports of ts/io and ts/data", () => {
  it("give the model file neither Node, nor a decoder, nor the data sets", async () => {
    const { files, packages } = await closureOf("io/model-file.ts");
    expect(files).toContain("io/safetensors.ts");
    expect(files).toContain("nn/validate.ts");
    expect([...packages]).toEqual(["fastest-levenshtein"]);
    for (const file of ["io/node.ts", "images/decode.ts", "io/write.ts", "data/datasets.ts", "data/mnist.ts"])
      expect(files).not.toContain(file);
  });

  it.each(["data/index.ts", "images/decode.ts", "io/write.ts"])(
    "leave %s without a static import of Node or a decoder",
    async (entry) => {
      const { files, packages } = await closureOf(entry);
      expect(files).toContain("io/node.ts");
      expect([...packages].filter((name) => name !== "fastest-levenshtein")).toEqual([]);
    },
  );

  it.each(["data/index.ts", "io/model-file.ts", "images/decode.ts", "io/write.ts"])(
    "keep the arrows: %s uses data, io, nn, quantizers and base only",
    async (entry) => {
      const { files } = await closureOf(entry);
      const outside = [...files].filter(
        (file) => file.includes("/") && !/^(data|images|io|nn|quantizers|base)\//.test(file),
      );
      expect(outside).toEqual([]);
    },
  );
});

describe("the entry points", () => {
  it.each(["index.ts", "inference/index.ts", "data/index.ts"])(
    "%s loads neither tfjs nor what checks against it",
    async (entry) => {
      const { files, packages } = await closureOf(entry);
      expect([...packages].filter((name) => name.startsWith("@tensorflow") || name === "playwright-core")).toEqual([]);
      expect([...files].filter((file) => /^(reference|chromium|cli)\//.test(file))).toEqual([]);
    },
  );

  it("inference loads its second half only for networks that need it", async () => {
    const { files } = await closureOf("inference/index.ts");
    expect(files).toContain("inference/halves.ts");
    const later = ["other-half", "ops/all", "ops/attention", "product/grouped", "product/levels"];
    expect(later.filter((name) => files.has(`inference/${name}.ts`))).toEqual([]);
  });

  it("proxbit/reference loads tfjs only when a check begins, and nothing of Node", async () => {
    const { files, packages } = await closureOf("reference/index.ts");
    expect(files).toContain("reference/backends.ts");
    expect([...packages].filter((name) => /^(@tensorflow|node:|webgpu|playwright)/.test(name))).toEqual([]);
    expect([...files].filter((file) => /^(chromium|cli)\//.test(file))).toEqual([]);
  });
});

/** The files that each file below ts/ imports, types included. */
async function importsOf(): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = await readdir(root, { recursive: true });
  const files = names.filter((name) => name.endsWith(".ts") && !name.startsWith("wasm/"));
  const entries = files.map(async (name) => {
    const text = await readFile(new URL(name, root), "utf8");
    const targets = [...text.matchAll(/^(?:import|export)\s[^"';]*?"(\.[^"]+)";/gm)].map((match) =>
      relative(fileURLToPath(root), fileURLToPath(new URL(match[1] ?? "", new URL(name, root)))),
    );
    return [name, targets] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Everything that can be reached from `start` along `arrows`. */
function reached(start: string, arrows: ReadonlyMap<string, Iterable<string>>): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = [start];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const next of arrows.get(at) ?? []) if (!found.has(next) && found.add(next)) queue.push(next);
  }
  return found;
}

const roomOf = (file: string): string => file.split("/")[0] as string;

describe("no circle, types included", () => {
  it("of files", async () => {
    const imports = await importsOf();
    expect([...imports.keys()].filter((file) => reached(file, imports).has(file))).toEqual([]);
  });

  it("of rooms, and none leads out of base", async () => {
    const rooms = new Map<string, Set<string>>();
    for (const [file, targets] of await importsOf()) {
      const own = rooms.get(roomOf(file)) ?? new Set<string>();
      for (const target of targets) if (roomOf(target) !== roomOf(file)) own.add(roomOf(target));
      rooms.set(roomOf(file), own);
    }
    expect([...rooms.keys()].filter((room) => reached(room, rooms).has(room))).toEqual([]);
    expect([...(rooms.get("base") ?? ["no such room"])]).toEqual([]);
  });
});
