/**
 * `proxbit explain` shows the kernel of each layer, and why there is no faster one. A model file is explained in
 * inference, a network in training.
 */
import { Command } from "commander";
import { formatExplanation } from "../../inference/index.ts";
import { floatBytes } from "../../io/model-file.ts";
import { Trainer } from "../../train/run/trainer.ts";
import { addBoundOptions, type BoundOptions, boundNames, boundsFrom, refuseBounds } from "../bounds.ts";
import { pairs, printable, sizes } from "../format.ts";
import { loadSession, readModelFile } from "../model-file.ts";
import { isModule, isNetwork, MODULE_DEFAULTS, networkMaker, networkText } from "../network.ts";
import { checkModule } from "../obeys.ts";
import {
  addCommonOptions,
  addQuantizerOptions,
  addWorkersOption,
  imageShape,
  type QuantizerOptions,
  quantizersFrom,
  realNumber,
  refuseNetworkOptions,
  wholeNumber,
} from "../options.ts";
import type { Context } from "../run.ts";
import { randomImages, reportStep } from "../step-report.ts";

interface ExplainOptions extends QuantizerOptions, BoundOptions {
  readonly profile?: boolean;
  readonly batchSize: number;
  readonly progress: number;
  readonly inputShape?: readonly number[];
  readonly classes?: number;
  readonly workers?: number;
}

export function explainCommand(context: Context): Command {
  const command = new Command("explain")
    .summary("show what runs for each layer, and why not a faster kernel")
    .description(
      "Shows for each layer the product, kernel, tile, bits, bytes and multiply-accumulates, and why not the fast path: " +
        "of a model file in inference, or of a network in a step of training.",
    )
    .argument("<file|model>", `a model file that proxbit has written, ${networkText}`)
    .option("--profile", "measure where the time goes")
    .option("--batch-size <n>", "of a network: images a step", wholeNumber("--batch-size", 1, 65536), 128)
    .option("--progress <x>", "of a network: share of the run that is done, 0 to 1", realNumber("--progress", 0, 1), 0)
    .option("--input-shape <HxWxC>", "of a network: its images (default: the model's own)", imageShape("--input-shape"))
    .option("--classes <n>", "of a network (default: the model's own)", wholeNumber("--classes", 2, 65536));
  addQuantizerOptions(command);
  addWorkersOption(command);
  addBoundOptions(command);
  return addCommonOptions(
    command,
    "proxbit explain mnist.safetensors --profile",
    "proxbit explain resnet20 --profile --batch-size 64",
  ).action((subject: string, options: ExplainOptions) =>
    isNetwork(subject) ? explainNetwork(subject, options, context) : explainFile(subject, command, context),
  );
}

async function explainNetwork(name: string, options: ExplainOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const { batchSize, progress, inputShape, classes, workers } = options;
  refuseBounds(options);
  const makeNetwork = await networkMaker(name);
  const given = {
    ...(isModule(name) ? MODULE_DEFAULTS : {}),
    ...(inputShape === undefined ? {} : { inputShape }),
    ...(classes === undefined ? {} : { classes }),
    ...quantizersFrom(options),
  };
  const graph = await makeNetwork(given);
  await checkModule(name, makeNetwork, graph, { typed: options, given, inputShape, classes });
  const trainer = await Trainer.create(graph, workers === undefined ? {} : { workers });
  try {
    const images = options.profile ? randomImages(trainer, batchSize) : null;
    const { explanation, profile, text } = await reportStep(trainer, batchSize, progress, images, signal);
    const measured = profile === undefined ? {} : { profile };
    output.result({ model: graph.name, ...explanation, ...measured }, `${graph.name}: ${text}`);
  } finally {
    trainer.close();
  }
}

async function explainFile(file: string, command: Command, { output, signal }: Context): Promise<void> {
  refuseNetworkOptions(command, file, ["profile", "json", ...boundNames]);
  const bytes = await readModelFile(file);
  const options = command.opts<ExplainOptions>();
  const session = await loadSession(file, bytes, boundsFrom(options));
  const explanation = await session.explain();
  const profile = options.profile ? await session.profile({ signal }) : undefined;
  const measured = profile === undefined ? {} : { profile };
  const floats = floatBytes(session.graph);
  const { metadata } = session;
  const texts = Object.entries(metadata).map(([key, text]) => [printable(key), printable(text)] as const);
  const facts = pairs([...texts, ["size", sizes(bytes.length, floats)]]);
  output.result(
    { ...explanation, ...measured, metadata, packedBytes: bytes.length, floatBytes: floats },
    `${formatExplanation(explanation, profile)}\n\n${facts}`,
  );
}
