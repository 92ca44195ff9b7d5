/**
 * A training run and its figures. They are exact losses, and digests of every weight tensor and of both halves of the
 * file.
 */
import {
  type Dataset,
  type EpochEvent,
  type FitOptions,
  type Graph,
  type ImageSplit,
  isProxbitError,
  type Optimizer,
  optimizers,
  type Score,
  type StepEvent,
  Trainer,
} from "../../ts/index.ts";
import { digest, exact } from "./digest.ts";
import type { Figures, Group } from "./figures.ts";
import { dataFor } from "./images.ts";
import type { Place } from "./places.ts";

export interface Run {
  readonly name: string;
  readonly network: () => Graph;
  /** Adam with a rate at which few steps turn many signs, where absent. */
  readonly optimizer?: Optimizer;
  /** Over two epochs of batches of 9: the last step of the twelve has hard quantizers. */
  readonly fit?: Partial<FitOptions>;
  /** Images to train on; 56 where absent, of which two are left over in each epoch. */
  readonly images?: number;
  /** All that happens, where it is not a single fit. */
  readonly course?: (stage: Stage) => Promise<void>;
  /** The run is made in every place, and must be the same in all. */
  readonly everywhere?: boolean;
  /** The packed file is run by sessions as well. */
  readonly session?: boolean;
}

/** The things a course has at hand. */
export interface Stage {
  readonly trainer: Trainer;
  readonly data: Dataset<ImageSplit>;
  /** Trains, and notes every event; names of figures begin with `title`. An error of ours is noted too. */
  readonly train: (title?: string, options?: Partial<FitOptions>, data?: Dataset) => Promise<void>;
  readonly note: (name: string, figure: string | Group) => void;
}

export interface Made {
  readonly figures: Figures;
  readonly graph: Graph;
  readonly file: Uint8Array;
}

const SEED = 7;
const IMAGES = 56;
const FIT: FitOptions = { epochs: 2, batchSize: 9 };

export async function makeRun(run: Run, place: Place): Promise<Made> {
  const graph = run.network();
  const data = dataFor(graph, run.images ?? IMAGES);
  const optimizer = run.optimizer ?? optimizers.adam({ learningRate: 0.01 });
  const trainer = await Trainer.create(graph, { optimizer, seed: SEED, ...place });
  const figures: Record<string, string | Group> = {};
  const note: Stage["note"] = (name, figure) => {
    figures[name] = figure;
  };
  try {
    const train: Stage["train"] = async (title = "", options = {}, given = data) => {
      const noted = await eventFigures(trainer, given, { ...FIT, ...run.fit, ...options });
      for (const [name, figure] of Object.entries(noted)) note(`${title}${name}`, figure);
    };
    const { course = ({ train: once }) => once() } = run;
    await course({ trainer, data, train, note });
    const { loss, accuracy, predictions } = await trainer.evaluate(data.test, { batchSize: 4 });
    note("evaluation", exact([loss, accuracy]));
    note("predictions", digest(predictions));
    note("weights", await weightFigures(trainer));
    const file = await trainer.pack({ made: "golden" });
    note("file", fileFigures(file));
    return { figures, graph, file };
  } finally {
    trainer.close();
  }
}

/** A digest of each parameter, in the order of the graph. */
export async function weightFigures(trainer: Trainer): Promise<Group> {
  return Object.fromEntries([...(await trainer.weights())].map(([name, values]) => [name, digest(values)]));
}

/** The file is a safetensors file: the length of its header in 8 bytes, the header, the tensors. */
function fileFigures(file: Uint8Array): Group {
  const start = 8 + new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const header = new TextDecoder().decode(file.subarray(8, start)).trimEnd();
  // The version goes up with every release, and nothing else with it.
  const settled = header.replace(/"producer":"proxbit [^"]*"/, '"producer":"proxbit"');
  return { header: digest(new TextEncoder().encode(settled)), tensors: digest(file.subarray(start)) };
}

async function eventFigures(trainer: Trainer, data: Dataset, options: FitOptions): Promise<Group> {
  const steps: StepEvent[] = [];
  const epochs: EpochEvent[] = [];
  let failure: string | undefined;
  try {
    for await (const event of trainer.fit(data, options)) {
      if (event.type === "step") steps.push(event);
      else epochs.push(event);
    }
  } catch (error) {
    if (!isProxbitError(error)) throw error;
    failure = error.code;
  }
  const rates = steps.map(({ learningRate }) => learningRate);
  const isSteady = rates.every((rate) => rate === rates[0]);
  return present({
    "loss at step": steps.map(({ loss }) => loss),
    "accuracy at step": steps.map(({ accuracy }) => accuracy),
    "learning rate at step": isSteady ? [] : rates,
    "flip ratio at step": steps.flatMap(({ flipRatio }) => flipRatio ?? []),
    "loss of epoch": epochs.map(({ loss }) => loss),
    "accuracy of epoch": epochs.map(({ accuracy }) => accuracy),
    "flip ratio of epoch": epochs.flatMap(({ flipRatio }) => flipRatio?.total ?? []),
    "flip ratio of layer": Object.values(epochs.at(-1)?.flipRatio?.layers ?? {}),
    "validation of epoch": epochs.flatMap(({ validation }) => numbersOf(validation)),
    "soft validation of epoch": epochs.flatMap(({ validation }) => numbersOf(validation?.soft)),
    failure,
  });
}

const numbersOf = (score: Score | undefined): readonly number[] =>
  score === undefined ? [] : [score.loss, score.accuracy];

/** Empty lists and undefined values are left out. */
function present(figures: Readonly<Record<string, readonly number[] | string | undefined>>): Group {
  const texts = Object.entries(figures).map(([name, value]) => [
    name,
    typeof value === "object" ? exact(value) : value,
  ]);
  return Object.fromEntries(texts.filter(([, text]) => text));
}
