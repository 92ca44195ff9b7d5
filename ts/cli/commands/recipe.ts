/** `proxbit recipe`: trains with settings known to do well, and writes the packed model file. */
import { Command } from "commander";
import { ProxbitError } from "../../base/errors.ts";
import { lookUp } from "../../base/names.ts";
import { checkWritable } from "../../io/write.ts";
import { model } from "../../nn/models/index.ts";
import { factsOfMethods } from "../../train/method.ts";
import { addCheckpointOptions, addEndOptions, type CheckpointOptions, keptRun } from "../checkpoint.ts";
import { checkBatch, readData } from "../data.ts";
import { pairs } from "../format.ts";
import { stopIfAborted } from "../interrupt.ts";
import { objectiveFrom } from "../losses.ts";
import { addMethodOption, type MethodOptions, methodsOf } from "../methods.ts";
import { quantizersOf, readModelFile } from "../model-file.ts";
import { addCommonOptions, addPlaceOptions, addWorkersOption, type DataOptions, wholeNumber } from "../options.ts";
import { type Recipe, recipes } from "../recipes.ts";
import type { Context } from "../run.ts";
import { addStartOptions, type StartOf, type StartOptions, startOf } from "../start.ts";
import { runTraining, type TrainingRun } from "../training.ts";
import { trainingLines } from "../training-lines.ts";

interface RecipeOptions extends DataOptions, CheckpointOptions, StartOptions, MethodOptions {
  readonly float?: boolean;
  readonly epochs?: number;
  readonly seed?: number;
  readonly teacher?: string;
  readonly workers?: number;
  readonly out: string;
}

export function recipeCommand(context: Context): Command {
  const list = Object.entries(recipes).map(([name, { about }]) => `${name} (${about})`);
  const command = new Command("recipe")
    .summary("train with settings known to do well")
    .description(
      "Trains a network with settings known to do well, kept under a name, and writes its packed model file.",
    )
    .argument("<name>", `one of: ${list.join(", ")}`)
    .requiredOption("--out <file>", "the model file to write, for example out/fashion-mnist.safetensors")
    .option("--float", "the same network in float, to compare with")
    .option("--epochs <n>", "passes over the training images (default: the recipe's)", wholeNumber("--epochs", 1, 1e6))
    .option("--seed <n>", "another seed than the recipe's", wholeNumber("--seed", 0, 2 ** 32 - 1));
  addStartOptions(command).option("--teacher <file>", "learn the answers of this model too, by half of the loss");
  addMethodOption(command);
  addPlaceOptions(command);
  addCheckpointOptions(command);
  addEndOptions(command);
  addWorkersOption(command);
  return addCommonOptions(
    command,
    "proxbit recipe fashion-mnist --out out/fashion-mnist.safetensors",
    "proxbit recipe fashion-mnist --float --out out/fashion-mnist-float.safetensors",
    "proxbit recipe fashion-mnist --checkpoint out/run.ckpt --resume --out out/fashion-mnist.safetensors",
  ).action((name: string, options: RecipeOptions) => trainRecipe(name, options, context));
}

async function trainRecipe(name: string, options: RecipeOptions, context: Context): Promise<void> {
  const recipe = lookUp("recipe", name, recipes);
  const kept = keptRun(options, options.out);
  const start = await startedBy(name, recipe, options);
  const taught = await taughtBy(name, recipe, options);
  await checkWritable(options.out);
  const data = await readData(recipe.data, options, context);
  stopIfAborted(context.signal);
  checkBatch(data.train, recipe.batchSize, () => `Give --limit ${recipe.batchSize} or more, or leave it out.`);
  const float = options.float ? { weightQuantizer: null, activationQuantizer: null } : {};
  const shape = { inputShape: data.train.shape, classes: data.classes.length };
  const graph = model(recipe.model, { ...recipe.options, ...shape, ...float });
  const { optimizer, augment, labelSmoothing, batchSize } = recipe;
  const seed = options.seed ?? recipe.seed;
  const course = {
    optimizer,
    augment,
    labelSmoothing,
    epochs: options.epochs ?? recipe.epochs,
    batchSize,
    seed,
    start,
    ...taught,
  };
  const place = { workers: options.workers, ...methodsOf(options), profile: false, kept, file: options.out };
  const run: TrainingRun = { graph, data, ...course, ...place };
  const result = await runTraining(run, context);
  const { evaluation, workers, epochs, keptEpoch, seconds, packedBytes, floatBytes } = result;
  context.output.result(
    {
      recipe: name,
      dataset: data.name,
      model: graph.name,
      ...quantizersOf(graph),
      ...(run.methods === undefined ? {} : { methods: factsOfMethods(run.methods) }),
      epochs,
      ...(keptEpoch === undefined ? {} : { keptEpoch }),
      ...{ batchSize, seed, augment, labelSmoothing, workers },
      trainImages: data.train.count,
      testImages: data.test.count,
      seconds,
      testLoss: evaluation.loss,
      testAccuracy: evaluation.accuracy,
      file: options.out,
      packedBytes,
      floatBytes,
    },
    pairs(trainingLines(run, result)),
  );
}

/**
 * The network that training starts from; undefined for random weights.
 *
 * @throws ProxbitError "argument" where a recipe starts from another's network and is given none, or is asked for its float twin.
 */
async function startedBy(name: string, { from }: Recipe, options: RecipeOptions): Promise<StartOf | undefined> {
  const start = await startOf(options);
  if (from === undefined) return start;
  if (options.float) {
    const words = `the float twin of the recipe "${name}" is that of "${from}"`;
    throw new ProxbitError("argument", words, `Train that one: proxbit recipe ${from} --float.`);
  }
  if (start !== undefined) return { ...start, layers: start.layers ?? "shared" };
  throw missing("--from", `the recipe "${name}" starts from the network of "${from}"`, from);
}

/**
 * The teacher, and the loss with its answers; nothing where nobody teaches.
 *
 * @throws ProxbitError "argument" where a recipe's network has a teacher and is given none, "model-file".
 */
async function taughtBy(
  name: string,
  { teacher: usual, labelSmoothing }: Recipe,
  { teacher, float }: RecipeOptions,
): Promise<Pick<TrainingRun, "teacher" | "teacherFile" | "objective">> {
  if (teacher === undefined) {
    if (usual === undefined || float) return {};
    throw missing("--teacher", `the network of "${usual}" teaches that of the recipe "${name}"`, usual);
  }
  const bytes = await readModelFile(teacher);
  const objective = objectiveFrom({ loss: "cross-entropy", teacher, labelSmoothing }, bytes);
  return { teacher: bytes, teacherFile: teacher, objective };
}

const missing = (option: string, why: string, recipe: string): ProxbitError =>
  new ProxbitError(
    "argument",
    why,
    `Give ${option} models/${recipe}.safetensors of the repository, or the file that \`proxbit recipe ${recipe}\` writes.`,
  );
