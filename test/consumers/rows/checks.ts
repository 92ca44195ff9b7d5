/** Types as TypeScript's resolutions find them, and what linters of packages say. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, type Place, type Row, run, versionOf } from "../row.ts";

/** `lib` without DOM, and every declaration checked. */
const strict = {
  strict: true,
  skipLibCheck: false,
  noEmit: true,
  target: "es2024",
  lib: ["es2024", "esnext.disposable"],
};

/** Compiles outside this repository, whose node_modules would give types of packages that a user lacks. */
async function compile(place: Place, typescript: string, options: Readonly<Record<string, unknown>>): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "proxbit-types-"));
  try {
    for (const name of ["proxbit", "@types", "undici-types"]) {
      cpSync(join(place.group, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
    }
    for (const name of ["types.ts", "package.json"]) cpSync(join(place.folder, name), join(folder, name));
    const config = { compilerOptions: { ...strict, ...options }, files: ["types.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(place.group, "node_modules", typescript, "bin/tsc");
    await run(process.execPath, [compiler, "--project", "."], folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { version: await versionOf(place.group, typescript), note: "types resolve" };
}

const resolutions = {
  node16: { module: "node16", types: ["node"] },
  nodenext: { module: "nodenext", types: ["node"] },
  bundler: { module: "esnext", moduleResolution: "bundler", types: ["node"] },
  dom: { module: "esnext", moduleResolution: "bundler", lib: ["es2024", "dom", "esnext.disposable"], types: [] },
} as const;

const typescriptRow = (version: 5 | 7, resolution: keyof typeof resolutions): Row => ({
  name: `typescript${version}-${resolution}`,
  group: "checks",
  project: "typescript",
  fast: version === 7 && resolution === "nodenext",
  run: (place) => compile(place, `typescript${version}`, resolutions[resolution]),
});

/** The resolution of Node 10 knows no exports, so it must not find the entries by chance. */
const node10: Row = {
  name: "typescript5-node10",
  group: "checks",
  project: "typescript",
  run: async (place) => {
    const compiled = compile(place, "typescript5", { module: "esnext", moduleResolution: "node10", types: ["node"] });
    const refused = await compiled.then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (refused?.includes("Cannot find module 'proxbit/inference'") !== true)
      throw new Error(`not refused: ${refused}`);
    return { version: await versionOf(place.group, "typescript5"), note: "refused: it knows no exports" };
  },
};

const publint: Row = {
  name: "publint",
  group: "checks",
  fast: true,
  run: async (place) => {
    const folder = join(place.group, "node_modules/proxbit");
    await run(join(place.group, "node_modules/.bin/publint"), [folder, "--strict"], place.folder);
    return { version: await versionOf(place.group, "publint"), note: "no remark" };
  },
};

/** Types for ES modules alone, because the package has no other. */
const attw: Row = {
  name: "attw",
  group: "checks",
  fast: true,
  run: async (place) => {
    const given = [place.tarball, "--profile", "esm-only", "--exclude-entrypoints", "package.json"];
    await run(join(place.group, "node_modules/.bin/attw"), given, place.folder);
    return { version: await versionOf(place.group, "@arethetypeswrong/cli"), note: "no remark" };
  },
};

const versions = [5, 7] as const;
const names = ["node16", "nodenext", "bundler", "dom"] as const;

export const checks: readonly Row[] = [
  ...versions.flatMap((version) => names.map((name) => typescriptRow(version, name))),
  node10,
  publint,
  attw,
];
