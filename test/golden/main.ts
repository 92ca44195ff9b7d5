/** `npm run golden` compares the golden figures with those of today's code, or makes them anew. */
import { Command } from "commander";
import { compareSubject } from "./compare.ts";
import { subjects } from "./subjects.ts";

interface Options {
  readonly write?: boolean;
  readonly only?: string;
}

const names = subjects.map(({ subject }) => subject.name).join(", ");

async function golden({ write = false, only = "" }: Options): Promise<void> {
  const pattern = new RegExp(only, "i");
  let [entries, faults] = [0, 0];
  for (const { subject, store } of subjects) {
    const isWanted = (entry: string): boolean => pattern.test(`${subject.name}, ${entry}`);
    const lines = await compareSubject({
      ...{ subject, store, isWanted, write },
      onEntry: (entry, done, of) => {
        entries++;
        if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${subject.name} ${done + 1} of ${of}: ${entry}`);
      },
    });
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    for (const line of lines) console.log(line);
    faults += lines.length;
  }
  // A pattern that matches nothing would pass for success.
  process.exitCode = faults > 0 || entries === 0 ? 1 : 0;
  const verdict = faults === 0 ? "no difference" : `${faults} difference${faults === 1 ? "" : "s"}`;
  const done = `${write ? "made" : "compared"} ${entries} of ${names}`;
  console.log(entries === 0 ? `nothing of ${names} matches ${only}` : `${done}: ${verdict}`);
}

await new Command("golden")
  .description(
    "Trains, runs, checks and prints what is listed under test/golden, and says precisely which figures are not those that " +
      `are kept there. Subjects: ${names}.`,
  )
  .option("--write", "keep what is made now")
  .option("--only <pattern>", 'a regular expression over "SUBJECT, ENTRY", in letters of either case')
  .addHelpText("after", '\nnpm run golden -- --only "quantizer pc"\nnpm run golden -- --write --only "^texts"')
  .action(golden)
  .parseAsync();
