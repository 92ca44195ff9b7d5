/** `proxbit explain`: what runs for each layer of a model file, with which kernel, and why not a faster one. */
import { Command } from "commander";
import { formatExplanation } from "../../inference/index.ts";
import { floatBytes } from "../../io/model-file.ts";
import { pairs, printable, sizes } from "../format.ts";
import { loadSession, readModelFile } from "../model-file.ts";
import { addCommonOptions } from "../options.ts";
import type { Context } from "../run.ts";

export function explainCommand(context: Context): Command {
  const command = new Command("explain")
    .summary("show what runs for each layer of a model file")
    .description(
      "Shows for each layer of a model file the product and kernel that run, bits, work, and why not a faster one.",
    )
    .argument("<file>", "a model file that proxbit has written");
  return addCommonOptions(command, "proxbit explain mnist.safetensors").action((file: string) =>
    explain(file, context),
  );
}

async function explain(file: string, { output }: Context): Promise<void> {
  const bytes = await readModelFile(file);
  const session = await loadSession(file, bytes);
  const explanation = session.explain();
  const floats = floatBytes(session.graph);
  const { metadata } = session;
  const texts = Object.entries(metadata).map(([key, text]) => [printable(key), printable(text)] as const);
  const facts = pairs([...texts, ["size", sizes(bytes.length, floats)]]);
  output.result(
    { ...explanation, metadata, packedBytes: bytes.length, floatBytes: floats },
    `${formatExplanation(explanation)}\n\n${facts}`,
  );
}
