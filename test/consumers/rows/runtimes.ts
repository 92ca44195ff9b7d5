/** Runtimes without a page: Node, Deno, Bun, workerd, Electron, and Node on ARM under qemu. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { NotInstalled, type Outcome, outcomeIn, type Place, type Row, run, versionOf } from "../row.ts";

/** Runs the shared body, then `require` of both entries, and a command of the command line. */
async function runInNode(program: readonly string[], place: Place, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const [file = "", ...before] = program;
  const start = (given: readonly string[]): Promise<string> => run(file, [...before, ...given], place.folder, env);
  const version = (await start(["--version"])).trim().split("\n")[0] ?? "";
  const outcome = outcomeIn(await start(["main.mjs"]));
  const required = await start(["required.cjs"]);
  if (required !== "function function\n") throw new Error(`require gives ${required}`);
  const command = join(place.group, "node_modules/proxbit/dist/cli/main.js");
  const explained = await start([command, "explain", "cnn", "--json"]);
  if (JSON.parse(explained.trim().split("\n").at(-1) ?? "").type !== "result") throw new Error(explained);
  return { version, ...outcome };
}

const nodeRow = (major: number): Row => ({
  name: `node${major}`,
  group: "node",
  run: (place) => runInNode([join(place.group, `node_modules/node${major}/bin/node`)], place),
});

/** Debian's C library for ARM stands in the place of the system's. */
const arm64: Row = {
  name: "arm64",
  group: "arm64",
  run: async (place) => {
    const missing = ["/usr/bin/qemu-aarch64", "/usr/aarch64-linux-gnu/lib"].filter((path) => !existsSync(path));
    if (missing.length > 0) {
      throw new NotInstalled(
        `${missing.join(" and ")} missing (Debian: qemu-user libc6-arm64-cross libstdc++6-arm64-cross)`,
      );
    }
    const node = join(place.group, "node_modules/node-arm64/bin/node");
    const emulated = ["/usr/bin/qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", node];
    const version = (await run(emulated[0] as string, [...emulated.slice(1), "--version"], place.folder)).trim();
    const stdout = await run(emulated[0] as string, [...emulated.slice(1), "main.mjs"], place.folder);
    return { version, ...outcomeIn(stdout) };
  },
};

/** Deno has Node's modules, and asks for the right to read. */
const deno: Row = {
  name: "deno",
  group: "deno",
  run: async (place) => {
    const program = join(place.group, "node_modules/.bin/deno");
    return runInNode([program, "run", "--allow-all", "--node-modules-dir=manual"], place);
  },
};

const bun: Row = {
  name: "bun",
  group: "bun",
  fast: true,
  run: (place) => runInNode([join(place.group, "node_modules/.bin/bun")], place),
};

/** Cloudflare's runtime: the module is compiled at deployment, and there are neither files nor workers. */
const workerd: Row = {
  name: "workerd",
  group: "workerd",
  run: async (place) => {
    const stdout = await run(process.execPath, ["workerd.mjs"], place.folder);
    return { version: await versionOf(place.group, "workerd"), ...outcomeIn(stdout) };
  },
};

const electron: Row = {
  name: "electron",
  group: "electron",
  run: async (place) => {
    const folder = join(place.group, "node_modules/electron");
    const program = join(folder, "dist/electron");
    if (!existsSync(program)) {
      const fetched = run(process.execPath, [join(folder, "install.js")], folder);
      await fetched.catch(() => {
        throw new NotInstalled("the program of Electron cannot be downloaded from GitHub");
      });
    }
    const version = (await run(program, ["--version"], place.folder)).trim();
    const given = ["-a", program, "--no-sandbox", "--disable-gpu", "electron.mjs"];
    return { version, ...outcomeIn(await run("xvfb-run", given, place.folder)) };
  },
};

export const runtimes: readonly Row[] = [...[20, 22, 24, 26].map(nodeRow), deno, bun, workerd, electron, arm64];

/** The Node that runs this harness, beside the package as npm alone installs it. All others are held to its figures. */
export const reference = (place: Place): Promise<Outcome> => runInNode([process.execPath], place);
