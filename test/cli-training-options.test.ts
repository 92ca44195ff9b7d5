/**
 * The guarantee: whatever `proxbit train` can do `proxbit compare` can vary. Both take one description of the options of a
 * training, and each option that is not neutral makes another run.
 */
import { Command, type Option } from "commander";
import { describe, expect, it } from "vitest";
import { compareCommand } from "../ts/cli/commands/compare.ts";
import { trainCommand } from "../ts/cli/commands/train.ts";
import { addVariedOptions, settingsFrom, type VariedOptions, varied } from "../ts/cli/compare-settings.ts";
import type { Context } from "../ts/cli/run.ts";
import { addTrainingOptions, fitOptionsOf, trainingFrom } from "../ts/cli/training-options.ts";
import { sha256 } from "../ts/compare/grid.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { rejected, thrown } from "./io-helpers.ts";

/** Nobody runs the commands here. */
const context = {} as Context;
const longsOf = (command: Command): readonly string[] => command.options.map(({ long }) => long ?? "");
const named = (command: Command): readonly string[] => command.options.map((option) => option.attributeName());

/** Options of `train` that a comparison has in another form, or that are about one run and its file. */
const OF_ONE_RUN = [
  // A comparison has lists of these.
  ...["--quantizer", "--task", "--seed"],
  // These say more about a run, and change no number of it.
  ...["--flip-ratio", "--no-soft", "--profile"],
  // A comparison goes on by itself.
  ...["--checkpoint", "--checkpoint-every", "--resume", "--allow"],
];

const parsed = (...args: readonly string[]): Omit<VariedOptions, "decay"> =>
  varied(addVariedOptions(new Command("compare").exitOverride()).parse(args, { from: "user" }).opts<VariedOptions>());
const neutral = parsed();
const settingsOf = (options: Omit<VariedOptions, "decay">) => settingsFrom(options, { teacher: undefined });

describe("the options of a training", () => {
  it("are those of train and of compare, but for what is about one run", () => {
    const compare = longsOf(compareCommand(context));
    expect(longsOf(trainCommand(context)).filter((long) => !compare.includes(long))).toEqual(
      longsOf(trainCommand(context)).filter((long) => OF_ONE_RUN.includes(long)),
    );
    const training = named(addTrainingOptions(new Command(), 1));
    for (const command of [trainCommand(context), compareCommand(context)]) {
      expect(named(command)).toEqual(expect.arrayContaining([...training]));
    }
  });

  it("leave the keys of finished runs as they were where nothing is chosen", () => {
    expect(settingsOf(neutral)).toEqual({
      ...{ epochs: 3, batchSize: 128, optimizer: { name: "adam", learningRate: 1e-3, decay: "none" } },
    });
  });

  // Methods make cells of their own (test/compare.test.ts), so they are no setting of all runs.
  const elsewhere: readonly unknown[] = ["--decay", "--method"];
  const options = addVariedOptions(new Command()).options.filter(({ long }) => !elsewhere.includes(long));
  it.each(options.map((option): readonly [string, Option] => [option.long ?? "", option]))(
    "make another run where %s is chosen",
    (_, option) => {
      const name = option.attributeName();
      const values: Readonly<Record<string, unknown>> = { optimizer: "sgd", schedule: "step" };
      const chosen = { ...neutral, [name]: values[name] ?? "chosen" } as Omit<VariedOptions, "decay">;
      expect(settingsOf(chosen)).not.toEqual(settingsOf(neutral));
    },
  );

  it("stand in the settings by their values, and files by their digests", () => {
    const words = [
      "--optimizer",
      "sgd",
      "--momentum",
      "0.9",
      "--schedule",
      "step",
      "--loss",
      "hinge",
      "--keep",
      "best",
    ];
    const [teacher, bytes] = [Uint8Array.of(1), Uint8Array.of(2)];
    const given = parsed(...words, "--teacher", "a", "--from", "b", "--class-weights", "1,2");
    expect(settingsFrom(given, { teacher, start: { file: "b", bytes, rescale: false } })).toEqual({
      ...{ epochs: 3, batchSize: 128, optimizer: { name: "sgd", learningRate: 0.01, decay: "step" } },
      options: {
        ...{ momentum: 0.9, loss: "hinge", keep: "best", classWeights: [1, 2] },
        ...{ teacher: sha256(teacher), from: sha256(bytes) },
      },
    });
  });

  it("are read alike for both: an optimizer, and options of fit", async () => {
    const words = ["--warmup", "0", "--early-stopping", "4", "--metrics", "top2", "--augment", "mirror"];
    const given = parsed(...words, "--optimizer", "adamw");
    const training = await trainingFrom(given);
    expect(training.optimizer).toEqual(
      caseOptimizer({ binary: optimizers.adamw({ weightDecay: 1e-4 }), rest: optimizers.adamw() }),
    );
    // Runs of before had one decay for all weights.
    expect(settingsOf(given).options).toMatchObject({ latentDecay: 1e-4 });
    expect(fitOptionsOf(training, given)).toEqual({
      ...{ epochs: 3, batchSize: 128, augment: { mirror: true }, labelSmoothing: 0, metrics: ["top2"] },
      ...{ earlyStopping: { patience: 4 }, onDivergence: "stop", average: undefined, keep: "last" },
    });
    const averaged = parsed("--average", "ema");
    expect(fitOptionsOf(await trainingFrom(averaged), averaged)).toMatchObject({ average: "ema" });
  });

  it("are no mean of a run that may end early", async () => {
    const { message } = await rejected("argument", trainingFrom(parsed("--average", "swa", "--early-stopping", "2")));
    expect(message).toBe("--average is the mean of a whole run, and --early-stopping may end it before");
    await trainingFrom(parsed("--keep", "last", "--early-stopping", "2"));
  });

  it.each([
    [["--out", ""], "--out is empty"],
    [
      ["--out", "never", "--quantizers", "fp", "--binary-optimizer", "bop"],
      "no binary weights for --binary-optimizer bop",
    ],
  ])("are refused by compare: %j", async (args, says) => {
    const quiet = { json: true, text: () => {}, event: () => {}, result: () => {}, note: () => {} };
    const own: Context = { output: quiet, signal: new AbortController().signal, exitWith: () => {} };
    const command = ["--data", "mnist", "--limit", "128", "--model", "mlp", ...args];
    const refused = await rejected(
      "argument",
      compareCommand(own).exitOverride().parseAsync(command, { from: "user" }),
    );
    expect(refused.message).toContain(says);
  });

  it("take the former name of the schedule, and no number of kept networks", () => {
    expect(settingsOf(parsed("--decay", "linear")).optimizer.decay).toBe("linear");
    expect(settingsOf(parsed("--decay", "none"))).toEqual(settingsOf(neutral));
    expect(thrown("argument", () => parsed("--keep", "3")).remedy).toBe("Give --keep best or --keep last.");
  });
});
