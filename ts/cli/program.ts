/** The commands, put together. */
import { Command } from "commander";
import { unknownName } from "../base/names.ts";
import { VERSION } from "../io/version.ts";
import { checkCommand } from "./commands/check.ts";
import { compareCommand } from "./commands/compare.ts";
import { evalCommand } from "./commands/eval.ts";
import { explainCommand } from "./commands/explain.ts";
import { methodsCommand } from "./commands/methods.ts";
import { predictCommand } from "./commands/predict.ts";
import { recipeCommand } from "./commands/recipe.ts";
import { theoryCommand } from "./commands/theory.ts";
import { trainCommand } from "./commands/train.ts";
import { verifyCommand } from "./commands/verify.ts";
import { type Context, throwErrors } from "./run.ts";

/** The `proxbit` command with all its commands. It throws its errors; `run.ts` prints them. */
export function buildProgram(context: Context): Command {
  const program = new Command("proxbit")
    .description("Trains and runs binary neural networks on the CPU.")
    .version(VERSION)
    .addHelpText("after", "\nproxbit COMMAND --help says more about a command. Every command takes --json.");
  const makers = [
    trainCommand,
    evalCommand,
    predictCommand,
    explainCommand,
    verifyCommand,
    checkCommand,
    compareCommand,
    theoryCommand,
    recipeCommand,
    methodsCommand,
  ];
  for (const make of makers) program.addCommand(make(context));
  program.addCommand(helpCommand(program)).helpCommand(false);
  program.commands.forEach(throwErrors);
  return throwErrors(program);
}

/** Commander's own help command has no words for a command that does not exist. */
function helpCommand(program: Command): Command {
  return new Command("help")
    .description("display help for command")
    .argument("[command]")
    .helpOption(false)
    .action((name?: string) => {
      const names = program.commands.map((command) => command.name());
      const found = name === undefined ? program : program.commands.find((command) => command.name() === name);
      if (found === undefined) throw unknownName("command", name as string, names);
      found.help();
    });
}
