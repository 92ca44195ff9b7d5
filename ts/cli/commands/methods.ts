/** `proxbit methods` lists the methods of training that `--method` takes; with a name it tells one's options. */
import { Command } from "commander";
import { lookUp } from "../../base/names.ts";
import { methodRecords } from "../../methods/index.ts";
import { formatTable } from "../../show/table.ts";
import { pairs } from "../format.ts";
import { addCommonOptions } from "../options.ts";
import type { Context } from "../run.ts";

export function methodsCommand(context: Context): Command {
  const command = new Command("methods")
    .summary("list the methods of training that are more than a quantizer")
    .description(
      "Lists the methods that train, recipe and compare take as --method NAME[:option=value,...], with their sources. With a " +
        "name it tells the options of one and their defaults.",
    )
    .argument("[name]", "a method, whose options are told");
  return addCommonOptions(command, "proxbit methods", "proxbit methods two-step").action((name: string | undefined) =>
    name === undefined ? list(context) : show(name, context),
  );
}

function list({ output }: Context): void {
  const rows = Object.values(methodRecords).map(({ name, about, source }) => ({ name, about, source }));
  output.result(
    { methods: rows },
    formatTable(
      [{ title: "method" }, { title: "does" }, { title: "source" }],
      rows.map(({ name, about, source }) => [name, about, source]),
    ),
  );
}

function show(name: string, { output }: Context): void {
  const { about, source, fields } = lookUp("method", name, methodRecords);
  const options = Object.entries(fields).map(([option, { describe, default: usual = null, optional }]) => ({
    ...{ option, values: describe },
    ...(optional === true ? { default: usual } : {}),
  }));
  const rows = options.map((one) => [
    one.option,
    one.values,
    "default" in one ? String(one.default ?? "none") : "needed",
  ]);
  const table =
    rows.length === 0
      ? "It has no options."
      : formatTable([{ title: "option" }, { title: "values" }, { title: "default" }], rows);
  output.result(
    { name, about, source, options },
    `${pairs([
      ["method", name],
      ["does", about],
      ["source", source],
    ])}\n\n${table}`,
  );
}
