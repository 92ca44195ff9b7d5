/** The commands, put together. */
import { Command } from "commander";
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
  program.commands.forEach(throwErrors);
  return throwErrors(program);
}
