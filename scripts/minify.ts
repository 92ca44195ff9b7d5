/**
 * Makes the scripts small that a page may load as they are: those of the entries and of workers, with what they share. Names of
 * their own and white space go, and the maps lead to the sources as before. Nothing is rewritten beyond that, so that a bundler
 * leaves out what nobody takes as it did.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { minify } from "rolldown/utils";

const scripts = ["{index,inference/index,data/index,reference/index,runtime/worker}.js", "shared/*.js"];

const mapComment = /\n\/\/# sourceMappingURL=.*\s*$/;

/** Makes those scripts of `dist` small, in their places. */
export async function minifyScripts(dist: string): Promise<void> {
  for (const name of globSync(scripts, { cwd: dist })) {
    const file = join(dist, name);
    const source = readFileSync(file, "utf8");
    const inputMap = existsSync(`${file}.map`) ? JSON.parse(readFileSync(`${file}.map`, "utf8")) : undefined;
    const { code, map, errors } = await minify(name, source.replace(mapComment, "\n"), {
      module: true,
      compress: false,
      mangle: true,
      codegen: { removeWhitespace: true },
      ...(inputMap === undefined ? {} : { sourcemap: true, inputMap }),
    });
    if (errors.length > 0) throw new Error(`${name} was not made small: ${errors[0]?.message}`);
    // Tools that read imports without a parser expect a string. It is as long, so that the map stays true.
    const plain = code.replaceAll(/\b(import|import\.meta\.resolve)\(`([^`$]+)`\)/g, '$1("$2")');
    const [comment] = mapComment.exec(source) ?? [""];
    writeFileSync(file, `${plain}${comment}`);
    if (map !== undefined && map !== null) writeFileSync(`${file}.map`, JSON.stringify(map));
  }
}
