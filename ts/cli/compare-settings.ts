/**
 * The options of `proxbit compare` that vary its runs: those of a training, and of the network. They make the settings that all
 * runs share, which are part of each run's identity. So an option that is not neutral makes other runs, whichever it is.
 */
import { Command, Option } from "commander";
import { ProxbitError } from "../base/errors.ts";
import { type Decay, decays, type Settings, sha256 } from "../compare/grid.ts";
import type { ModelOptions } from "../nn/models/index.ts";
import type { TaskOptions } from "../nn/models/tasks.ts";
import { overflows } from "../nn/words.ts";
import { quantizerNames } from "../quantizers/registry.ts";
import { firstRate, LATENT_DECAY } from "./optimizer.ts";
import { addLayerOptions, checkQuantizerText, oneOfWords } from "./options.ts";
import { addTrainingOptions, type Training, type TrainingOptions } from "./training-options.ts";

export interface VariedOptions extends TrainingOptions, Pick<ModelOptions, "binaryStem" | "binaryHead" | "reactnet"> {
  readonly activationQuantizer?: string;
  readonly accumulator?: TaskOptions["overflow"];
  /** The schedule's former name. */
  readonly decay?: Decay;
}

/** The usual number of epochs. */
const EPOCHS = 3;

/** Options with fields of their own in the settings or in a cell, as runs of before have them. */
const NAMED: readonly string[] = [
  ...["epochs", "batchSize", "optimizer", "learningRate", "schedule", "augment", "labelSmoothing", "method"],
];

/** Adds the options with their help. */
export function addVariedOptions(command: Command): Command {
  addTrainingOptions(command, EPOCHS)
    .option(
      "--activation-quantizer <name>",
      "of the activations in every cell (default: that of the weights, or poly beside one for weights alone)",
      quantizerName,
    )
    .option(
      "--accumulator <overflow>",
      `sums of task bwaa that ${overflows.join(" or ")} (default: saturate)`,
      oneOfWords("--accumulator", overflows),
    )
    .addOption(new Option("--decay <course>").argParser(oneOfWords("--decay", decays)).hideHelp());
  return addLayerOptions(command);
}

function quantizerName(text: string): string {
  checkQuantizerText(text, quantizerNames);
  return text;
}

/** The options with `--decay` read as the schedule that it was. @throws ProxbitError "argument" for what no run can keep. */
export function varied<Options extends VariedOptions>({ decay, ...options }: Options): Omit<Options, "decay"> {
  if (typeof options.keep === "number") {
    throw new ProxbitError(
      "argument",
      `--keep ${options.keep} keeps networks beside a model file, and a comparison writes none`,
      "Give --keep best or --keep last.",
    );
  }
  if (decay === undefined) return options as Omit<Options, "decay">;
  return { ...options, schedule: decay === "none" ? "constant" : decay } as unknown as Omit<Options, "decay">;
}

/** The part of a comparison's settings that the options make. */
export function settingsFrom(
  options: Omit<VariedOptions, "decay">,
  files: Pick<Training, "teacher" | "start">,
): Pick<Settings, "epochs" | "batchSize" | "optimizer" | "augment" | "labelSmoothing" | "options"> {
  const { epochs, batchSize, optimizer: name, schedule, augment, labelSmoothing } = options;
  const more = otherOptions(options, files);
  return {
    ...{ epochs, batchSize },
    optimizer: { name, learningRate: firstRate(options), decay: schedule === "constant" ? "none" : schedule },
    // What is neutral stays out, because the keys of finished runs must not change.
    ...(augment === undefined ? {} : { augment }),
    ...(labelSmoothing === 0 ? {} : { labelSmoothing }),
    ...(Object.keys(more).length === 0 ? {} : { options: more }),
  };
}

/** All options that have no field of their own and are not neutral; of a file the digest, because its path says nothing. */
function otherOptions(
  options: Omit<VariedOptions, "decay">,
  { teacher, start }: Pick<Training, "teacher" | "start">,
): Readonly<Record<string, unknown>> {
  const given = options as unknown as Readonly<Record<string, unknown>>;
  const digests: Readonly<Record<string, Uint8Array | undefined>> = { teacher, from: start?.bytes };
  const found = variedOptions().flatMap((option): readonly (readonly [string, unknown])[] => {
    const name = option.attributeName();
    const value = given[name];
    if (NAMED.includes(name) || value === undefined || value === option.defaultValue) return [];
    const bytes = digests[name];
    return [[name, bytes === undefined ? value : sha256(bytes)]];
  });
  return Object.fromEntries([...found, ...gentleDecay(options)]);
}

/** The decay of latent weights under adamw, where nobody chose one: runs of before gave them that of all others. */
function gentleDecay({ optimizer, binaryOptimizer, weightDecay }: TrainingOptions): readonly [string, number][] {
  const isGentle = optimizer === "adamw" && binaryOptimizer === undefined && weightDecay === undefined;
  return isGentle ? [["latentDecay", LATENT_DECAY]] : [];
}

/** The options that vary runs; `decay` is another word for one of them. */
const variedOptions = (): readonly Option[] =>
  addVariedOptions(new Command()).options.filter((option) => option.attributeName() !== "decay");
