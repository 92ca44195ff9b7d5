/** Pages and comments name files that exist, and pages link to places that exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const ROOMS = ["bench", "crates", "docs", "examples", "models", "scripts", "test", "ts"];
const files = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...ROOMS.flatMap((room) =>
    (readdirSync(join(root, room), { recursive: true }) as string[]).map((f) => join(room, f)),
  ),
].filter((file) => !/(^|\/)(node_modules|target|dist|quick)\/|^ts\/wasm\//.test(file));
const namesOf = new Set(files.map((file) => basename(file)));
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");
const withoutCode = (text: string): string => text.replaceAll(/```[\s\S]*?```/g, "");

const pages = files.filter((file) => file.endsWith(".md"));
const sources = files.filter((file) => /^(ts|test|crates|scripts|bench|examples)\/.*\.(ts|rs)$/.test(file));

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\- ]/gu, "")
    .replaceAll(" ", "-");

/** The anchors of a page. */
const anchorsOf = (file: string): readonly string[] =>
  [...withoutCode(textOf(file)).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));

/** True where the repository has a file whose path ends in `name`. */
const isKnown = (name: string): boolean =>
  name.includes("/") ? files.some((file) => `/${file}`.endsWith(`/${name}`)) : namesOf.has(name);

const OWN = /^https:\/\/(?:github\.com\/proxbit\/proxbit\/blob|raw\.githubusercontent\.com\/proxbit\/proxbit)\/main\//;

/** The address of a link within the repository as [file, anchor]; null for one that leads elsewhere. */
function targetOf(page: string, address: string): readonly [string, string] | null {
  const own = OWN.test(address);
  if (!own && /^[a-z]+:/.test(address)) return null;
  const [path = "", anchor = ""] = address.replace(OWN, "").split("#");
  if (path === "") return [page, anchor];
  return [own ? path : normalize(join(dirname(page), path)), anchor];
}

describe("pages", () => {
  it("link to files and headings that exist", () => {
    const wrong: string[] = [];
    let seen = 0;
    for (const page of pages) {
      for (const [, inline, listed] of withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)/gm)) {
        const address = inline ?? listed ?? "";
        const target = targetOf(page, address);
        if (target === null) continue;
        seen++;
        const [file, anchor] = target;
        if (!existsSync(join(root, file))) wrong.push(`${page}: ${address}`);
        else if (anchor !== "" && !anchorsOf(file).includes(anchor)) wrong.push(`${page}: ${address}, no such heading`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(100);
  });

  it("name paths that exist", () => {
    const path = /`((?:ts|test|scripts|bench|crates|docs|examples|models)\/[\w./+-]+)`/g;
    const named = pages.flatMap((page) => [...textOf(page).matchAll(path)].map(([, name = ""]) => ({ page, name })));
    expect(named.filter(({ name }) => !existsSync(join(root, name)))).toEqual([]);
    expect(named.length).toBeGreaterThan(50);
  });
});

it("comments name files that exist", () => {
  const named = sources.flatMap((source) =>
    [...textOf(source).matchAll(/`([\w/+-]+(?:\.test)?\.(?:ts|rs))`/g)].map(([, name = ""]) => ({ source, name })),
  );
  expect(named.filter(({ name }) => !isKnown(name))).toEqual([]);
  expect(named.length).toBeGreaterThan(50);
});
