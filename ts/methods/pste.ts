/**
 * Sparse kernel selection, PSTE (Wang et al., "Compacting Binary Neural Networks by Sparse Kernel Selection", CVPR 2023). Every
 * binary 3x3 kernel of a layer is the nearest of n codewords, out of the 512 kernels of signs. Which ones is learned: X `[512][512]`
 * and Gumbel noise e give P_GS = Sinkhorn((X + e) / T), the Hungarian method the permutation P with the largest sum of P_GS, and
 * the first n columns of P are the codewords U = B P of the layer, B `[9][512]` being all kernels of signs.
 *
 * On the way back the gradient at a kernel goes straight through to its latent weights, and at a codeword it is the sum over the
 * kernels that chose it. The gradient at P is B^T times that in the first n columns, and goes unchanged to P_GS, and through
 * Sinkhorn's iterations to X.
 *
 * The authors select in every step. Sinkhorn and the assignment over 512 x 512 numbers cost more than many a step, so a selection
 * holds for an epoch here. Meanwhile the optimizer moves a tensor `drift` `[n][9]` of the layer by the gradients at its codewords,
 * and no step reads it. Behind the epoch X goes along the way back of B^T drift, at the X and noise that selected: for plain SGD that
 * is the gradient of the epoch's losses, added up. The step is scaled so that its largest number is `rate`, which makes it free of
 * the optimizer's scale. The noise falls in a line to 0 at the middle of the run. Both, and all defaults but the form, are ours.
 *
 * Each layer has codewords of its own, as its quantizer's tensors. Layers that are not 3x3 keep their quantizers. Files hold
 * codewords and indices where that is smaller, as of any 3x3 kernels (`ts/io/codewords.ts`).
 */
import { ProxbitError } from "../base/errors.ts";
import { nextTurn } from "../base/turn.ts";
import { integer, number, optional } from "../nn/fields.ts";
import type { Graph } from "../nn/graph.ts";
import { networkOf, parameterName } from "../nn/network.ts";
import { hasNineTaps } from "../nn/shapes.ts";
import { TAPS } from "../quantizers/codebook.ts";
import { bnn } from "../quantizers/families.ts";
import { codebook } from "../quantizers/weight-families.ts";
import type { EpochTask, EpochView } from "../train/run/epoch-task.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { latentKernels, mapWeightQuantizers } from "./graph.ts";
import { withoutDecay } from "./optimizer.ts";
import { learn, type Moment, select } from "./selection.ts";

export interface PsteOptions {
  /** n, the codewords of a layer: a power of two from 2 to 512; 64 where absent. */
  readonly codewords?: number | undefined;
  /** T, by which X and the noise are divided, from 0.01 to 100; 1 where absent. */
  readonly temperature?: number | undefined;
  /** Sinkhorn's iterations, from 1 to 100; 10 where absent. */
  readonly iterations?: number | undefined;
  /** The factor of the Gumbel noise as the run begins, from 0 to 100; 1 where absent. */
  readonly noise?: number | undefined;
  /** The largest step of a number of X behind an epoch, from 0, which keeps X, to 100; 1 where absent. */
  readonly rate?: number | undefined;
}

const NAME = "pste";
const SAME = "both say what the weights are";

export const psteRecord: MethodRecord<PsteOptions> = {
  name: NAME,
  about: "every binary 3x3 kernel is one of a few codewords, which are selected out of all 512 between epochs",
  source: "Wang et al., CVPR 2023",
  fields: {
    codewords: optional(integer(2, 512), 64),
    temperature: optional(number(0.01, 100), 1),
    iterations: optional(integer(1, 100), 10),
    noise: optional(number(0, 100), 1),
    rate: optional(number(0, 100), 1),
  },
  make: ({ codewords, temperature, iterations, noise, rate }) => {
    const quantizer = codebook({ codewords });
    return {
      excludes: {
        ...{ siman: SAME, biper: SAME, rbnn: SAME, "noisy-supervision": SAME, "two-step": SAME, hardening: SAME },
        "qp-sbgd": "it moves signs by a search, and pste by their gradient",
      },
      graph: (graph) => {
        const layers = new Set(layersOf(graph));
        return mapWeightQuantizers(graph, (own, layer) => (layers.has(layer) ? quantizer : own));
      },
      packed: (graph) => mapWeightQuantizers(graph, (own) => (own.standardize === "codebook" ? bnn() : own)),
      // A drift that decays would forget the gradients of the epoch's first steps.
      optimizer: (optimizer, graph) =>
        withoutDecay(
          optimizer,
          layersOf(graph).map((layer) => parameterName({ name: layer }, "drift")),
          "rest",
        ),
      fit: ({ graph }) => ({ tasks: [selections(layersOf(graph), { temperature, iterations, noise }, rate)] }),
    };
  },
};

/** The method. @throws ProxbitError `argument` */
export const pste = makerOf(psteRecord);

/** The layers that are trained with binary 3x3 kernels. @throws ProxbitError `argument` where there is none */
function layersOf(graph: Graph): readonly string[] {
  const names = latentKernels(graph, NAME);
  const kernels = networkOf(graph).parameters.filter(({ name }) => names.includes(name));
  const found = kernels.filter(({ shape }) => hasNineTaps(shape));
  if (found.length > 0) return found.map(({ node }) => node);
  const shapes = kernels.map(({ node, shape }) => `"${node}" [${shape.join(", ")}]`).join(", ");
  throw new ProxbitError(
    "argument",
    `the method "${NAME}" selects kernels of 3x3, and the binary ones of "${graph.name}" are ${shapes}`,
    "Give a convolution with a weightQuantizer kernelSize 3, or leave the method out.",
  );
}

/** Selects codewords before the first epoch and behind each but the last, whose codewords are those of the file. */
function selections(
  layers: readonly string[],
  options: Omit<Moment, "draw" | "level"> & { noise: number },
  rate: number,
): EpochTask {
  const { noise, ...fixed } = options;
  /** The selection that holds from behind `epoch` epochs on. */
  const momentOf = (layer: string, { seed, epochs }: Seen, epoch: number): Moment => ({
    ...fixed,
    draw: { seed, name: `${NAME}/${layer}/${epoch}` },
    level: noise * Math.max(0, 1 - (2 * epoch) / epochs),
  });
  const renew = async (view: Seen & Pick<EpochView, "weights" | "setWeights">): Promise<number> => {
    const { epoch } = view;
    const all = await view.weights();
    const changed = new Map<string, Float32Array>();
    let renewed = 0;
    for (const layer of layers) {
      const [x, words, drift] = ["selection", "codewords", "drift"].map((key) => parameterName({ name: layer }, key));
      const get = (name: string | undefined): Float32Array => all.get(name ?? "") as Float32Array;
      // A selection takes a second or two, in which a page would stand still.
      await nextTurn();
      const learned = epoch === 0 ? get(x) : learn(get(x), get(drift), momentOf(layer, view, epoch - 1), rate);
      await nextTurn();
      const codewords = select(learned, get(words).length, momentOf(layer, view, epoch));
      const before = new Set(rowsOf(get(words)));
      renewed += rowsOf(codewords).filter((row) => !before.has(row)).length / before.size;
      changed.set(x as string, learned).set(words as string, codewords);
      changed.set(drift as string, new Float32Array(codewords.length));
    }
    await view.setWeights(changed);
    return renewed / layers.length;
  };
  return {
    name: NAME,
    begin: async (view) => void (await renew(view)),
    run: async (view) => ({ renewed: view.epoch < view.epochs ? await renew(view) : 0 }),
  };
}

type Seen = Pick<EpochView, "seed" | "epoch" | "epochs">;

/** The codewords as texts, which can be compared. */
const rowsOf = (codewords: Float32Array): readonly string[] =>
  Array.from({ length: codewords.length / TAPS }, (_, row) =>
    codewords.subarray(TAPS * row, TAPS * (row + 1)).join(" "),
  );
