/**
 * `npm run example -- NAME` runs examples/NAME/main.ts on the sources of this repository, without a build. Elsewhere the same
 * file runs on the proxbit that is installed.
 */
import { existsSync } from "node:fs";
import { registerHooks } from "node:module";

const own: Readonly<Record<string, string>> = {
  proxbit: "../ts/index.ts",
  "proxbit/data": "../ts/data/index.ts",
  "proxbit/inference": "../ts/inference/index.ts",
};
registerHooks({
  resolve: (specifier, context, next) => {
    const file = own[specifier];
    return next(file === undefined ? specifier : new URL(file, import.meta.url).href, context);
  },
});
const [name = ""] = process.argv.slice(2);
const main = new URL(`../examples/${name}/main.ts`, import.meta.url);
if (/^[\w-]+$/.test(name) && existsSync(main)) await import(main.href);
else {
  console.error(`examples/README.md names the examples, and "${name}" is none of them`);
  process.exitCode = 2;
}
