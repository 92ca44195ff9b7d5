/** `proxbit verify` reads a whole model file and holds it against its digest. Nothing of it runs. */
import { Command } from "commander";
import { isProxbitError, ProxbitError } from "../../base/errors.ts";
import { decodeModel, floatBytes, type LoadedModel } from "../../io/model-file.ts";
import { pairs, sizes } from "../format.ts";
import { readModelFile } from "../model-file.ts";
import { addCommonOptions } from "../options.ts";
import type { Context } from "../run.ts";

/** The exit code for a sound file without a digest, whose damage could go unseen. */
const UNVERIFIED = 1;

export function verifyCommand(context: Context): Command {
  const command = new Command("verify")
    .summary("hold a model file against its digest")
    .description(
      "Reads all of a model file and holds it against its digest, and runs nothing of it. The exit code is 0 where they " +
        `match, ${UNVERIFIED} where the file is sound but has no digest, and 2 where it is damaged.`,
    )
    .argument("<file>", "a model file that proxbit has written");
  return addCommonOptions(command, "proxbit verify mnist.safetensors").action((file: string) => verify(file, context));
}

async function verify(file: string, { output, exitWith }: Context): Promise<void> {
  const bytes = await readModelFile(file);
  const { graph, digest } = decoded(file, bytes);
  const [packedBytes, floats] = [bytes.length, floatBytes(graph)];
  if (digest === null) exitWith(UNVERIFIED);
  output.result(
    { file, verified: digest !== null, digest, network: graph.name, layers: graph.nodes.length, packedBytes },
    pairs([
      ["digest", digest === null ? "none: damage could go unseen; pack the model again" : `${digest}, which matches`],
      ["network", `${graph.name}, ${graph.nodes.length} layers`],
      ["model file", sizes(packedBytes, floats)],
    ]),
  );
}

function decoded(file: string, bytes: Uint8Array): LoadedModel {
  try {
    return decodeModel(bytes);
  } catch (cause) {
    if (!isProxbitError(cause)) throw cause;
    throw new ProxbitError("model-file", `${file}: ${cause.message}`, cause.remedy, { cause });
  }
}
