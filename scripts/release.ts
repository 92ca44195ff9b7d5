/**
 * `npm run release -- patch|minor|major`: writes the new version wherever it stands, and closes the changelog's heading.
 * Without --write it only says what it would do.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Argument, Command } from "commander";
import { type Kind, kinds, nextVersion, release, releaseFiles, unreleased } from "./release-edits.ts";

const root = join(import.meta.dirname, "..");

const steps = (version: string): string => `
Then:
  npm run golden -- --write     model files name the version, so their digests change
  npm test
  git commit --all --message "Release ${version}" && git tag v${version}
  npm publish                   from a CI with an identity token, which signs where the package comes from`;

function act(kind: Kind, { write = false }: { readonly write?: boolean }): void {
  const texts = Object.fromEntries(releaseFiles.map((file) => [file, readFileSync(join(root, file), "utf8")]));
  const { version } = JSON.parse(texts["package.json"] ?? "") as { readonly version: string };
  const next = nextVersion(version, kind);
  const after = release(texts, version, next);
  if (write) for (const [file, text] of Object.entries(after)) writeFileSync(join(root, file), text);
  console.log(`${write ? "wrote" : "would write"} ${next} instead of ${version} into ${releaseFiles.join(", ")}\n`);
  console.log(unreleased(texts["CHANGELOG.md"] ?? ""));
  console.log(write ? steps(next) : "\nAdd --write to do it.");
}

await new Command("release")
  .description("Writes the next version into all files that name it, and into the changelog.")
  .addArgument(new Argument("<kind>", "the number that goes up").choices(kinds))
  .option("--write", "change the files; without it nothing is changed")
  .addHelpText("after", "\nnpm run release -- minor\nnpm run release -- minor --write")
  .action(act)
  .parseAsync();
