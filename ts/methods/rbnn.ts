/**
 * RBNN (Lin, Ji, Xu, Zhang, Wang, Wu, Huang and Lin, "Rotated Binary Neural Network", NeurIPS 2020). A filter is turned toward its
 * rotation before its signs are taken: w3 = w2 + |sin beta| (R1^T w2 R2 - w2), where w2 are the standardised weights as the matrix
 * `[a][b]` and beta is an angle of the filter, which is learned. The two rotations of a layer bring its filters nearer to their
 * signs; they are set anew between epochs by alternations with singular value decompositions (`alternation.ts`).
 *
 * The rotated weight is a constant on the way back, as in the authors' code. So the factor of the gradient at w2 is
 * 1 - |sin beta|, and that at beta has the factor cos beta. Both are next to 0 at the authors' first angle, pi / 2. Adam leaves
 * it, because its steps do not depend on a gradient's scale; plain SGD needs another `angle`.
 *
 * The alternations go on from random rotations, before the first step and between epochs. Weights are in the order height, width,
 * channels, theirs in that of PyTorch. The learned scale of each channel is the gamma of a batch norm or a `layerScale`, as in
 * BiPer. Files hold the signs of w3, and no rotations.
 */
import { ProxbitError } from "../base/errors.ts";
import { nextTurn } from "../base/turn.ts";
import { boolean, integer, number, optional } from "../nn/fields.ts";
import type { Graph, Parameter } from "../nn/graph.ts";
import { networkOf, parameterName } from "../nn/network.ts";
import { kernelMatrix } from "../nn/shapes.ts";
import { rbnn as plainRbnn } from "../quantizers/families.ts";
import { rotationSides } from "../quantizers/rotations.ts";
import { rotatedRbnn } from "../quantizers/weight-families.ts";
import type { EpochTask, StartView } from "../train/run/epoch-task.ts";
import { alternate, meanCosine } from "./alternation.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { latentKernels, mapWeightQuantizers, withScales } from "./graph.ts";

export interface RbnnMethodOptions {
  /** Alternations before each epoch, from 0, which keeps the first rotations, to 100; 3 where absent. */
  readonly alternations?: number | undefined;
  /** The angle of every filter as the run begins, in [0, pi]; pi / 2 where absent. */
  readonly angle?: number | undefined;
  /** True where binary layers without batch norm behind them get a learned scale for each channel; true where absent. */
  readonly scale?: boolean | undefined;
}

const NAME = "rbnn";
const SAME = "both say what the weights are";
/** The longest side of a filter as a matrix: a rotation takes its cube of work. */
const LONGEST_SIDE = 256;

export const rbnnRecord: MethodRecord<RbnnMethodOptions> = {
  name: NAME,
  about: "weights are turned toward a rotation of their filter, which is set anew between epochs; the angle is learned",
  source: "Lin et al., NeurIPS 2020",
  fields: {
    alternations: optional(integer(0, 100), 3),
    angle: optional(number(0, Math.PI), Math.PI / 2),
    scale: optional(boolean(), true),
  },
  make: ({ alternations, angle, scale }) => ({
    excludes: { siman: SAME, biper: SAME, "two-step": SAME, hardening: SAME },
    graph: (graph) => {
      for (const kernel of kernelsOf(graph)) checkSides(kernel);
      // Nobody turns the filters of a frozen layer toward its rotations.
      const isFrozen = (layer: string): boolean => networkOf(graph).nodes.get(layer)?.trainable === false;
      const rotating = rotatedRbnn({ angle });
      const made = mapWeightQuantizers(graph, (own, layer) => (isFrozen(layer) ? own : rotating));
      return scale ? withScales(made) : made;
    },
    packed: (graph) =>
      mapWeightQuantizers(graph, (quantizer) => (quantizer.standardize === "rotation" ? plainRbnn() : quantizer)),
    fit: ({ graph }) => ({ tasks: [rotation(kernelsOf(graph), alternations)] }),
  }),
};

/** The method. @throws ProxbitError `argument` */
export const rbnn = makerOf(rbnnRecord);

function kernelsOf(graph: Graph): readonly Parameter[] {
  const names = latentKernels(graph, NAME);
  return networkOf(graph).parameters.filter(({ name }) => names.includes(name));
}

/** @throws ProxbitError `argument` for filters that no two small rotations turn */
function checkSides(kernel: Parameter): void {
  const [rows] = kernelMatrix(kernel);
  const [a, b] = rotationSides(rows);
  if (b <= LONGEST_SIDE) return;
  throw new ProxbitError(
    "argument",
    `the method "${NAME}" turns filters as matrices, and those of "${kernel.node}" have ${rows} weights, at best ${a} x ${b}`,
    `Give the layer a number of inputs with two factors of at most ${LONGEST_SIDE}, or real weights.`,
  );
}

/** The alternations of all layers; the state stands among the weights. */
function rotation(kernels: readonly Parameter[], alternations: number): EpochTask {
  const turn = async ({ epoch, epochs, weights, setWeights }: StartView): Promise<number> => {
    const all = await weights();
    let cosines = 0;
    for (const kernel of kernels) {
      const [, filters] = kernelMatrix(kernel);
      const [left, right] = ["left", "right"].map((key) => parameterName({ name: kernel.node }, key));
      const get = (name: string | undefined): Float32Array => all.get(name ?? "") as Float32Array;
      const w = standardised(get(kernel.name), filters);
      let pair = { left: get(left), right: get(right) };
      // Behind the last epoch another rotation would change signs that nobody trains any more.
      if (epoch < epochs) {
        // Large layers take a while, in which a page would stand still.
        await nextTurn();
        const made = alternate(w, filters, pair, alternations);
        pair = { left: Float32Array.from(made.left), right: Float32Array.from(made.right) };
        all.set(left as string, pair.left).set(right as string, pair.right);
      }
      cosines += meanCosine(w, filters, pair);
    }
    if (epoch < epochs) await setWeights(all);
    return cosines / kernels.length;
  };
  return {
    name: NAME,
    begin: async (view) => void (await turn(view)),
    run: async (view) => ({ cosine: await turn(view) }),
  };
}

/** (w - mean) / deviation by filter. */
function standardised(w: Float32Array, filters: number): Float64Array {
  const rows = w.length / filters;
  const [means, squares] = [new Float64Array(filters), new Float64Array(filters)];
  for (const [i, value] of w.entries()) means[i % filters] = (means[i % filters] as number) + value / rows;
  const apart = Float64Array.from(w, (value, i) => value - (means[i % filters] as number));
  for (const [i, value] of apart.entries())
    squares[i % filters] = (squares[i % filters] as number) + (value * value) / rows;
  return apart.map((value, i) => value / Math.sqrt((squares[i % filters] as number) + 1e-8));
}
