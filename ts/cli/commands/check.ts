/**
 * `proxbit check` compares our arithmetic with that of TensorFlow.js, number by number, on one of its backends or on
 * all. A difference is an answer with exit code 1, and no error.
 */
import { Command } from "commander";
import { ProxbitError } from "../../base/errors.ts";
import { checkInChromium } from "../../chromium/index.ts";
import { decodeModel } from "../../io/model-file.ts";
import type { Graph } from "../../nn/graph.ts";
import { distinctModelNames, modelNames } from "../../nn/models/index.ts";
import { formatCheck } from "../../reference/format.ts";
import { check } from "../../reference/index.ts";
import { randomSplit } from "../../reference/random.ts";
import {
  type BackendName,
  backendNames,
  type CheckEvent,
  type CheckReport,
  type CheckRequest,
  type CheckSubject,
} from "../../reference/report.ts";
import { addBoundOptions, type BoundOptions, boundNames, boundsFrom, refuseBounds } from "../bounds.ts";
import {
  everyRun,
  exitCodeOf,
  type Host,
  hosts,
  hostText,
  type Run,
  resultOfAll,
  runAll,
  runOf,
  runText,
  summaryOf,
  textOfAll,
} from "../check-runs.ts";
import { loadSession, readModelFile } from "../model-file.ts";
import { isModule, isNetwork, MODULE_DEFAULTS, networkMaker, networkText } from "../network.ts";
import { checkModule } from "../obeys.ts";
import {
  addCommonOptions,
  addQuantizerOptions,
  imageShape,
  oneOfWords,
  type QuantizerOptions,
  quantizerOptionNames,
  quantizersFrom,
  refuseNetworkOptions,
  wholeNumber,
} from "../options.ts";
import { partsProgress } from "../progress.ts";
import type { Context } from "../run.ts";

interface CheckOptions extends QuantizerOptions, BoundOptions {
  readonly backend: BackendName | "all";
  readonly host?: Host;
  readonly inputShape?: readonly number[];
  readonly batchSize: number;
  readonly steps: number;
  readonly seed: number;
  readonly all?: boolean;
}

/** Options that a model file takes as well. */
const FOR_BOTH = ["backend", "host", "batchSize", "seed", "all", "json", ...boundNames];

export function checkCommand(context: Context): Command {
  const command = new Command("check")
    .summary("compare our arithmetic with TensorFlow.js, number by number")
    .description(
      "Runs the same network here and in TensorFlow.js and compares every tensor: values, loss, gradients, updated " +
        "weights, statistics, the losses of the first steps, and the packed file. Products of signs must be equal, real " +
        "numbers within a tolerance that follows from their sums. Exit code 1 where they differ by more. With --json numbers " +
        'that are not finite, such as a share of a tolerance of 0, are text: "Infinity", "NaN".',
    )
    .argument(
      "[file|model]",
      `a model file that proxbit has written, ${networkText} ` +
        "(default: every operation, quantizer and ready-made network)",
    )
    .option(
      "--backend <name>",
      `of TensorFlow.js: ${backendNames.join(", ")}, all; webgl and webgpu run in a headless Chromium, on a graphics ` +
        "card where there is one",
      oneOfWords("--backend", [...backendNames, "all"]),
      "webgl",
    )
    .option("--host <name>", "of webgpu: chromium (default), or node with npm's webgpu", oneOfWords("--host", hosts));
  addQuantizerOptions(command)
    .option("--input-shape <HxWxC>", "of a network: its images (default: small ones)", imageShape("--input-shape"))
    .option("--batch-size <n>", "images of a step", wholeNumber("--batch-size", 2, 1024), 4)
    .option("--steps <n>", "of a network: steps whose losses are compared", wholeNumber("--steps", 1, 1000), 20)
    .option("--seed <n>", "of weights and images", wholeNumber("--seed", 0, 2 ** 32 - 1), 1)
    .option("--all", "show every quantity of a layer, not only the worst");
  addBoundOptions(command);
  return addCommonOptions(
    command,
    "proxbit check resnet20 --backend webgpu --quantizer bnn",
    "proxbit check mnist.safetensors --backend all",
  ).action((subject: string | undefined, options: CheckOptions) => compare(subject, options, command, context));
}

async function compare(
  subject: string | undefined,
  options: CheckOptions,
  command: Command,
  context: Context,
): Promise<void> {
  // All faults of the options are found here, before a browser is started.
  const runs = runsOf(options);
  const subjects = await subjectsOf(subject, options, command);
  const { batchSize, steps, seed, all = false } = options;
  const request = { batchSize, steps, seed, ...(subjects === undefined ? {} : { subjects }) };
  const run = (one: Run): Promise<CheckReport> => runCheck(one, { ...request, backend: one.backend }, context);
  if (options.backend === "all") {
    const outcomes = await runAll(runs, run, context, all);
    context.output.result(resultOfAll(outcomes), textOfAll(outcomes));
    context.exitWith(exitCodeOf(outcomes));
    return;
  }
  const report = await run(runs[0] as Run);
  context.output.result(summaryOf(report), formatCheck(report, { all }));
  context.exitWith(report.pass ? 0 : 1);
}

function runsOf({ backend, host }: CheckOptions): readonly Run[] {
  if (backend !== "all") return [runOf(backend, host)];
  if (host === undefined) return everyRun;
  throw new ProxbitError(
    "argument",
    "--host is for one backend, and --backend all runs each in every host it has",
    "Leave --host out.",
  );
}

/** A check in this process or in Chromium, with its rows told to programs and its progress to people. */
function runCheck(run: Run, request: CheckRequest, context: Context): Promise<CheckReport> {
  const { output, signal } = context;
  const progress = partsProgress(context, runText(run));
  const onEvent = (event: CheckEvent): void => {
    if (event.type === "progress") progress.update(event.done, event.of, event.what);
    else output.event({ type: "row", backend: run.backend, host: hostText(run.host), ...event.row });
  };
  const start = run.host === "chromium" ? checkInChromium : check;
  return start(request, { signal, onEvent }).finally(progress.clear);
}

/** The subjects to compare; undefined for all that there are. */
async function subjectsOf(
  given: string | undefined,
  options: CheckOptions,
  command: Command,
): Promise<readonly CheckSubject[] | undefined> {
  const quantizers = quantizersFrom(options);
  const { inputShape } = options;
  if (given === undefined) {
    if (inputShape !== undefined) {
      throw new ProxbitError(
        "argument",
        "--input-shape is for one network, and none is named",
        `Name one of: ${modelNames.join(", ")}, or a module.`,
      );
    }
    refuseBounds(options);
    const chosen = quantizerOptionNames.some((name) => command.getOptionValueSource(name) === "cli");
    if (!chosen) return undefined;
    return [
      { kind: "operations" },
      ...distinctModelNames.map((name) => ({ kind: "model", name, ...quantizers }) as const),
    ];
  }
  if (!isNetwork(given)) {
    refuseNetworkOptions(command, given, FOR_BOTH);
    const bytes = await readModelFile(given);
    // An error in the file names it; the check knows bytes only.
    await loadSession(given, bytes, boundsFrom(options));
    requireImages(decodeModel(bytes).graph);
    return [{ kind: "file", bytes }];
  }
  refuseBounds(options);
  const chosen = { ...quantizers, ...(inputShape === undefined ? {} : { inputShape }) };
  const makeNetwork = await networkMaker(given);
  const asked = isModule(given) ? { ...MODULE_DEFAULTS, ...chosen } : chosen;
  const graph = await makeNetwork(asked);
  await checkModule(given, makeNetwork, graph, { typed: options, given: asked, inputShape });
  requireImages(graph);
  return [isModule(given) ? { kind: "graph", graph } : { kind: "model", name: given, ...chosen }];
}

/** @throws ProxbitError "shape" where the network does not map images to classes, on which a check runs it. */
const requireImages = (graph: Graph): void => void randomSplit(graph, 0, 1);
