/** Courses that are more than one plain fit: augmentation, failures, fine-tuning, statistics, soft evaluation. */
import { type Dataset, type Graph, layers, optimizers, type Split, Trainer } from "../../../ts/index.ts";
import { exact } from "../digest.ts";
import { around, binary, float, small } from "../networks.ts";
import { type Run, type Stage, weightFigures } from "../run.ts";

/** Black images, and among them one so bright that its squares leave f32. One step must fail, the others go well. */
function blinding({ train, ...data }: Dataset): Dataset {
  const size = train.images.length / train.count;
  const bright = 4 * size;
  const images = train.images.map((_, at) => (at >= bright && at < bright + size ? 255 : 0));
  const split: Split = { ...train, images, scale: 1e30, offset: 0.5 };
  return { ...data, train: split };
}

async function failing({ trainer, data, train, note }: Stage): Promise<void> {
  await train("before: ", { epochs: 1 });
  await train("failing: ", { validate: false }, blinding(data));
  note("weights after the failure", await weightFigures(trainer));
  await train("after: ");
}

/** Fine-tunes a float network's weights of an epoch, or its file. Earlier training is forgotten. */
async function fineTune({ trainer, data, train, note }: Stage, take: "weights" | "file"): Promise<void> {
  await train("before: ", { epochs: 1 });
  const { workers, variant } = trainer;
  const teacher = await Trainer.create(float(), { seed: 5, workers, variant });
  try {
    for await (const _ of teacher.fit(data, { epochs: 1, batchSize: 8 }));
    if (take === "weights") await trainer.startFrom(await teacher.weights());
    else await trainer.startFrom(await teacher.pack(), { rescale: "filter" });
  } finally {
    teacher.close();
  }
  note("weights at the start", await weightFigures(trainer));
  await train();
}

/** Statistics over some batches, and the soft network at moments of a run, which must leave no trace. */
async function measure({ trainer, data, train, note }: Stage): Promise<void> {
  await train();
  await trainer.estimateStatistics(data.train, { batches: 3, batchSize: 8 });
  note("statistics over three batches", await weightFigures(trainer));
  for (const progress of [0, 0.5, 1]) {
    const { loss, accuracy } = await trainer.evaluate(data.test, {
      soft: { statistics: data.train, progress },
      batchSize: 8,
    });
    note(`soft network at ${progress}`, exact([loss, accuracy]));
  }
}

/** Weights of one's own in the middle of a training that goes on. */
async function replace({ trainer, train }: Stage): Promise<void> {
  await train("before: ", { epochs: 1 });
  const weights = await trainer.weights();
  const kernels = [...weights].filter(([name]) => name.endsWith("/kernel"));
  await trainer.setWeights(new Map(kernels.map(([name, values]) => [name, values.map((value) => value / -2)])));
  await train("after: ", { epochs: 1 });
}

/** Signs behind a batch norm, with a max-pool in front of it and without. In inference, thresholds make their bits. */
const thresholds = (): Graph =>
  around([
    layers.binaryConv2d({ filters: 10, kernelSize: 3 }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 7, kernelSize: 3 }),
    layers.maxPool2d(),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 5, kernelSize: 2, padValue: "one" }),
    layers.batchNorm(),
  ]);

/** Every second gamma negative, which turns a threshold round, and some of them 0. Training alone takes long to get there. */
async function turnGammas({ trainer, train }: Stage): Promise<void> {
  await train("before: ", { epochs: 1 });
  const gammas = [...(await trainer.weights())].filter(([name]) => name.endsWith("/gamma"));
  const turned = (value: number, channel: number): number =>
    channel % 5 === 4 ? 0 : channel % 2 === 0 ? -value : value;
  await trainer.setWeights(new Map(gammas.map(([name, values]) => [name, values.map(turned)])));
  await train("after: ", { epochs: 1 });
}

export const courses: readonly Run[] = [
  { name: "images mirrored", network: () => binary(), fit: { augment: { mirror: true } } },
  {
    name: "images mirrored and moved, labels smoothed",
    network: () => binary(),
    fit: { augment: { mirror: true, shift: 2 }, labelSmoothing: 0.1 },
    everywhere: true,
  },
  { name: "labels smoothed", network: () => small("small"), fit: { labelSmoothing: 0.25 } },
  { name: "flips counted", network: () => binary("recu", "ede"), fit: { flipRatio: true } },
  { name: "one image a batch is left over", network: () => binary(), images: 33, fit: { batchSize: 16, epochs: 1 } },
  { name: "batches of two", network: () => binary("bnn"), images: 11, fit: { batchSize: 2 } },
  { name: "without validation", network: () => binary(), fit: { validate: false, epochs: 3 } },
  { name: "without soft validation", network: () => binary("pc"), fit: { soft: false } },
  {
    name: "two fits, the second with other batches",
    network: () => binary(),
    course: async ({ train }) => {
      await train("first: ", { epochs: 1 });
      await train("second: ", { batchSize: 14 });
    },
    everywhere: true,
  },
  { name: "a failed step between two fits", network: () => binary(), course: failing, everywhere: true },
  {
    name: "a failed step with momentum",
    network: () => binary("ede"),
    optimizer: optimizers.sgd({ learningRate: 0.05, momentum: 0.9 }),
    course: failing,
  },
  {
    name: "statistics, and the soft network",
    network: () => binary("ede+", "poly+"),
    course: measure,
    everywhere: true,
  },
  { name: "gammas of either sign", network: thresholds, course: turnGammas, everywhere: true, session: true },
  { name: "weights replaced", network: () => binary(), course: replace },
  {
    name: "from the weights of a float network",
    network: () => binary(),
    course: (stage) => fineTune(stage, "weights"),
  },
  {
    name: "from a float network's file, rescaled",
    network: () => binary("pc"),
    course: (stage) => fineTune(stage, "file"),
    session: true,
  },
];
