/**
 * The auxiliary loss of noisy supervision (Han, Wang, Xu, Xu, Wu and Xu, "Training Binary Neural Networks through Learning with Noisy
 * Supervision", ICML 2020): a layer's network maps the latent weights w of each filter to t, and the signs y of w are labels of t of
 * which a share is wrong. With rho_+ = P(label -1 | right label +1) and rho_- the reverse the unbiased loss of a weight is
 *
 *   [(1 - rho_{-y}) l(t, y) - rho_y l(t, -y)] / (1 - rho_+ - rho_-),   l(t, y) = (t - y)^2
 *
 * (Natarajan et al., NIPS 2013, lemma 1), whose mean over flips is the loss of the right label. The term is factor times the sum over
 * layers of its mean over weights. The logistic loss in place of the square would have no minimum.
 */
import { numberIn, plainObject, type Subject, safeName } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { parameterName } from "../../nn/network.ts";
import { kernelMatrix } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import type { ParameterLayout, TrainedTensor } from "../plan/layout.ts";
import { latentTensors } from "./kernels.ts";
import type { LossContext, LossTerm, Piece, TermPlan } from "./term.ts";

export interface NoisySignsOptions {
  /** lambda, at least 0; 1 where absent. */
  readonly factor?: number | undefined;
  /** P(label -1 | right label +1) and P(label +1 | right label -1), in [0, 0.49]; 0.1 where absent. */
  readonly plus?: number | undefined;
  readonly minus?: number | undefined;
  /** The name in events; "noisySigns" where absent. */
  readonly name?: string | undefined;
}

/** The term over all layers whose filters a network maps. @throws ProxbitError `argument` */
export function noisySigns(options: NoisySignsOptions = {}): LossTerm {
  const subject: Subject = { code: "argument", what: "losses.noisySigns" };
  const given = plainObject(options, ["factor", "plus", "minus", "name"], subject);
  const factor = numberIn(given.factor ?? 1, 0, 1e6, "factor", subject);
  const rate = (key: "plus" | "minus"): number => Math.fround(numberIn(given[key] ?? 0.1, 0, 0.49, key, subject));
  const [plus, minus] = [rate("plus"), rate("minus")];
  const name = safeName(given.name ?? "noisySigns", "name", subject);
  return {
    name,
    facts: { factor, plus, minus },
    check: (_network, layout) => void mappedKernels(layout, name),
    plan: (context) => planTerm(context, { factor, plus, minus, name }),
  };
}

/** A latent kernel with the network that maps its filters. */
interface Mapped {
  readonly kernel: TrainedTensor;
  readonly mapping: TrainedTensor;
}

function mappedKernels(layout: ParameterLayout, term: string): readonly Mapped[] {
  const found = latentTensors(layout, undefined, term).flatMap((kernel): readonly Mapped[] => {
    const mapping = layout.tensors.get(parameterName({ name: kernel.parameter.node }, "mapping"));
    return mapping?.parameter.ofQuantizer === true ? [{ kernel, mapping }] : [];
  });
  if (found.length > 0) return found;
  throw new ProxbitError(
    "argument",
    `the loss term "${term}" is over weights that a network maps, and there are none`,
    "Give methods.noisySupervision(), which brings both, on the command line --method noisy-supervision.",
  );
}

interface Given {
  readonly factor: number;
  readonly plus: number;
  readonly minus: number;
  readonly name: string;
}

function planTerm({ layers: { memory, parameters } }: LossContext, { factor, plus, minus, name }: Given): TermPlan {
  const planned = mappedKernels(parameters.layout, name).map(({ kernel, mapping }) => {
    const [rows, n] = kernelMatrix(kernel.parameter);
    const units = mapping.size / (2 * rows + 1);
    const room = (floats: number): Place => memory.allocate(4 * floats);
    return {
      ...{
        node: kernel.parameter.node,
        count: kernel.size,
        room: room(n),
        t: room(kernel.size),
        dt: room(kernel.size),
      },
      ...{ dw: room(kernel.size), dMapping: room(mapping.size) },
      map: { w: kernel.value, k: rows, n, mapping: mapping.value, units, hidden: room(units * n) },
    };
  });
  const gradients = new Map<string, { readonly from: Place; readonly weights: Place }>();
  for (const [i, { kernel, mapping }] of mappedKernels(parameters.layout, name).entries()) {
    const { dw, dMapping } = planned[i] as (typeof planned)[number];
    gradients.set(kernel.parameter.name, { from: dw, weights: kernel.value });
    gradients.set(mapping.parameter.name, { from: dMapping, weights: mapping.value });
  }
  return {
    results: { names: ["losses"], shares: planned.length, factors: planned.map(({ count }) => 1 / count) },
    value: ([sum = 0]) => factor * sum,
    write: ({ emit, share, sinks }) => {
      for (const [i, { node, count, map, room, t, dt, dw, dMapping }] of planned.entries()) {
        const labels = { w: map.w, t, count, plus, minus, factor: factor / count, dt, result: share(i) };
        const back = sinks === null ? [] : [k.mapFiltersBackward({ ...map, dt, room, dMapping, dw })];
        emit(node).job([k.mapFilters({ ...map, t }), k.superviseSigns(labels), ...back]);
      }
    },
    addTo: (parameter: string, { weights, gradient: y, count }: Piece) => {
      const own = gradients.get(parameter);
      return own === undefined ? [] : [k.addInto({ y, x: at(own.from, weights.offset - own.weights.offset), count })];
    },
  };
}
