/**
 * The subject "texts" holds the texts of explanations, summaries, theory and help, for people and for programs. They
 * are kept as texts and not as digests, so that a diff can be read.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSummary, type Graph, model, modelNames, summary } from "../../ts/index.ts";
import { type BinaryKernel, formatExplanation, load } from "../../ts/inference/index.ts";
import { printed } from "./command.ts";
import type { Subject } from "./figures.ts";
import { products } from "./networks.ts";
import { spread } from "./normalise.ts";
import { runCalled } from "./runs.ts";

type Text = () => Promise<string>;

/** The output of commands, one after the other. */
const commands = (...lines: readonly string[]): Text => {
  return async () => {
    const texts: string[] = [];
    for (const line of lines) texts.push(await printed(line));
    return texts.join("\n");
  };
};

/** A command for people and for programs. */
const both = (line: string): Text => commands(line, `${line} --json`);

const commandNames = [
  "train",
  "eval",
  "predict",
  "explain",
  "verify",
  "check",
  "compare",
  "theory",
  "recipe",
  "methods",
];

/** The help, and that `--json` leaves it as it is. */
const help = (line: string): Text => {
  return async () => {
    const [text, json] = [await printed(line), await printed(`${line} --json`)];
    const same = json.slice(json.indexOf("\n")) === text.slice(text.indexOf("\n"));
    return `${text}\n${same ? `$ proxbit ${line} --json\nthe same\n` : json}`;
  };
};

/** Steps of training, by the command. */
const steps: Readonly<Record<string, string>> = {
  mlp: "mlp --input-shape 8x8x1",
  cnn: "cnn --task bwaa --batch-size 32 --progress 1",
  "resnet20-reactnet": "resnet20 --reactnet --quantizer xnor --batch-size 16 --progress 0.5",
  birealnet18: "birealnet18 --input-shape 64x64x3 --classes 100 --batch-size 8",
  "small-float": "small --quantizer none --activation-quantizer none",
  "fashion-ends": "fashion --binary-stem --binary-head --quantizer adabin --batch-size 8",
};

/** Files in inference, by the library, with build and kernel named. A probe's winner differs by machine. */
const files: Readonly<Record<string, readonly [run: string, kernel: BinaryKernel, variant: "plain" | "relaxed"]>> = {
  cnn: ["model cnn", "lookup", "relaxed"],
  resnet20: ["model resnet20", "popcnt8", "relaxed"],
  "fashion-reactnet": ["model fashion, ReActNet's layers", "lookup", "plain"],
  "windows-popcnt64": ["windows of signs over signs", "popcnt64", "plain"],
  accumulator: ["sums beyond 8 bits saturate", "lookup", "relaxed"],
  "learned-layers": ["learned layers", "lookup", "relaxed"],
};

const session = (run: string, kernel: BinaryKernel, variant: "plain" | "relaxed"): Text => {
  return async () => {
    const { file } = await runCalled(run);
    const explanation = await (await load(file, { kernel, variant, batch: 4 })).explain();
    return `${formatExplanation(explanation)}\n\n${spread(explanation)}\n`;
  };
};

/** A file in inference, by the command. It has no product of signs, so that no kernel depends on the probe. */
const explainFile: Text = async () => {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-golden-"));
  try {
    const path = join(folder, "model.safetensors");
    await writeFile(path, (await runCalled("task bw")).file);
    return `${await printed("explain FILE", path)}\n${await printed("explain FILE --json", path)}`;
  } finally {
    await rm(folder, { recursive: true });
  }
};

const summarise = (graph: () => Graph): Text => {
  return async () => {
    const made = summary(graph());
    return `${formatSummary(made)}\n\n${spread(made)}\n`;
  };
};

/** One quantizer of each kind: plain, sharpened, restarted, not decomposing, levels, standardised by filter and by a sine. */
const pairs = ["bnn", "bnn++", "pq", "poly", "dorefa-weights-4", "recu", "biper", "tanh-l"];

const all: Readonly<Record<string, Text>> = {
  help: help("--help"),
  ...named(commandNames, (name) => [`help-${name}`, help(`${name} --help`)]),
  ...named(Object.keys(steps), (name) => [`explain-training-${name}`, both(`explain ${steps[name]} --workers 2`)]),
  ...Object.fromEntries(Object.entries(files).map(([name, given]) => [`explain-file-${name}`, session(...given)])),
  "explain-file-command": explainFile,
  ...named(modelNames, (name) => [`summary-${name}`, summarise(() => model(name))]),
  "summary-products": summarise(() => products("xnor", "dorefa-activations")),
  "summary-resnet20-reactnet": summarise(() => model("resnet20", { reactnet: true, binaryHead: true })),
  theory: both("theory"),
  "theory-late": commands("theory --progress 0.95 --from -2 --to 2"),
  ...named(pairs, (name) => [`theory-${name}`, both(`theory ${name} --progress 0.2`)]),
};

function named(names: readonly string[], entry: (name: string) => readonly [string, Text]): Record<string, Text> {
  return Object.fromEntries(names.map(entry));
}

async function make(name: string): Promise<{ readonly text: string }> {
  const text = all[name];
  if (text === undefined) throw new Error(`there is no golden text "${name}"`);
  return { text: await text() };
}

export const texts: Subject = { name: "texts", entries: Object.keys(all), make };
