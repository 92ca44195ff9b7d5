/**
 * Latent weights before their maps: standardised, w' = S(w), and what is taken from them for the layer, its scale or
 * AdaBin's two numbers a filter. All of it is derived anew from the latent weights before each batch, and once more when a
 * network is packed.
 */

import { parameterName } from "../../../nn/network.ts";
import { learnedKey } from "../../../nn/ops/quantizer-parameters.ts";
import { type KernelCall, k } from "../../../program/call.ts";
import { at, type Place } from "../../../program/place.ts";
import { TAPS } from "../../../quantizers/codebook.ts";
import { forwardMapNumbers } from "../../../quantizers/map-names.ts";
import { learnedNumbers } from "../../../quantizers/operand-kinds.ts";
import type { Quantizer } from "../../../quantizers/quantizer.ts";
import { rotationSides } from "../../../quantizers/rotations.ts";
import {
  angularFrequency,
  codewordCount,
  filterGain,
  mappingUnits,
  percentilePlace,
  widthPlace,
} from "../../../quantizers/weight-quantizers.ts";

/** A kernel of K rows and n filters at `latent`, f32, and the quantizer with its live parameters, four floats. */
export interface LatentWeights {
  readonly node: string;
  readonly latent: Place;
  readonly rows: number;
  readonly n: number;
  readonly quantizer: Quantizer;
  readonly parameters: Place;
  /** The place of a tensor of the quantizer's own, by its key. */
  readonly own: (key: string) => Place;
}

export interface DerivedWeights {
  /** w', or the latent weights themselves where nothing is standardised. */
  readonly source: Place;
  /** alpha of every filter, f32 [n], by which the layer's sums are multiplied; null for none. */
  readonly scale: Place | null;
  /** AdaBin: the effective weights are F(w') times `scale` plus `shift`, f32 [n] each. */
  readonly affine: { readonly scale: Place; readonly shift: Place } | null;
  /** dS, by which the gradient at w' is multiplied: one a filter, or one a weight. */
  readonly slopes: Slopes | null;
  /** The parameters that the maps read: the live ones, or a copy with ReCU's width in it. */
  readonly parameters: Place;
  /** To be made in this order before anything above is read. */
  readonly calls: readonly KernelCall[];
  /** The tensors of the quantizer's own that are learned. */
  readonly learned: readonly Learned[];
  /**
   * The calls that leave the gradient at w at `out`, from that at w', the backward map's part included, at `dw`. Null where
   * `slopes` say it.
   */
  readonly latent: ((dw: Place, out: Place) => readonly KernelCall[]) | null;
}

/** A tensor of a quantizer that is learned beside the kernel. */
export interface Learned {
  readonly key: string;
  readonly count: number;
  /** The calls that leave its gradient at `out`. */
  readonly gradient: (from: AtWeights, out: Place) => readonly KernelCall[];
}

/** The gradient at F(w'), and that at w', the backward map's part included. */
export interface AtWeights {
  readonly summed: Place;
  readonly dw: Place;
}

export interface Slopes {
  readonly address: Place;
  readonly count: number;
}

/** Floats of a site's live parameters. */
const PARAMETERS = 4;

/** Plans what is derived from `given` in memory that `allocate` hands out. */
export function deriveWeights(given: LatentWeights, allocate: (bytes: number) => Place): DerivedWeights {
  const { latent, rows, n, quantizer } = given;
  const { standardize, scale: over } = quantizer;
  const calls: KernelCall[] = [];
  const count = rows * n;
  const source = standardize === "none" ? latent : allocate(4 * count);
  let affine: DerivedWeights["affine"] = null;
  let slopes: Slopes | null = null;
  const learned: Learned[] = elasticNumbers(given, source, allocate);
  let latentGradient: DerivedWeights["latent"] = null;
  switch (standardize) {
    case "none":
      break;
    case "filter":
    case "adabin": {
      const statistics = allocate(12 * n);
      const gain = filterGain(quantizer);
      calls.push(k.standardizeFilters({ w: latent, k: rows, n, gain, out: source, statistics }));
      // AdaBin's deviation, on the way out, and dS cancel.
      if (standardize === "filter") slopes = { address: statistics, count: n };
      else affine = { scale: at(statistics, 4 * n), shift: at(statistics, 8 * n) };
      break;
    }
    case "rotation": {
      const [a, b] = rotationSides(rows);
      const [statistics, straight, apart] = [allocate(12 * n), allocate(4 * count), allocate(4 * count)];
      const angles = given.own("angle");
      slopes = { address: statistics, count: n };
      const filters = { k: rows, n, gain: filterGain(quantizer), out: straight, statistics };
      const rotations = { left: given.own("left"), right: given.own("right"), a, b, angles, n };
      const made = { room: allocate(8 * rows), slopes: statistics, apart, out: source };
      calls.push(
        k.standardizeFilters({ w: latent, ...filters }),
        k.rotateFilters({ w: straight, ...rotations, ...made }),
      );
      learned.push({
        ...{ key: "angle", count: n },
        gradient: ({ dw }, out) => [k.angleGradients({ dw, apart, k: rows, angles, n, out })],
      });
      break;
    }
    case "mapping": {
      const units = mappingUnits(quantizer);
      const size = units * (2 * rows + 1);
      const [mapping, hidden, room] = [given.own("mapping"), allocate(4 * units * n), allocate(4 * n)];
      const shared = { w: latent, k: rows, n, mapping, units, hidden };
      calls.push(k.mapFilters({ ...shared, t: source }));
      // One call makes both gradients, and each is wanted in a job of its own.
      const [dMapping, dw, other] = [allocate(4 * size), allocate(4 * count), allocate(4 * n)];
      learned.push({
        ...{ key: "mapping", count: size },
        gradient: ({ dw: dt }, out) => [k.mapFiltersBackward({ ...shared, dt, room, dMapping: out, dw })],
      });
      latentGradient = (dt, out) => [k.mapFiltersBackward({ ...shared, dt, room: other, dMapping, dw: out })];
      break;
    }
    case "codebook": {
      const words = codewordCount(quantizer);
      const m = count / TAPS;
      const [chosen, room] = [allocate(4 * m), allocate(8 * TAPS * words)];
      calls.push(
        k.nearestCodewords({ w: latent, m, codewords: given.own("codewords"), n: words, chosen, out: source }),
      );
      // No step reads the drift; it adds up what the codewords would have moved by.
      learned.push({
        ...{ key: "drift", count: TAPS * words },
        gradient: ({ dw }, out) => [k.codewordGradients({ dw, m, chosen, n: words, room, out })],
      });
      break;
    }
    case "tanhMax":
      slopes = { address: allocate(4 * count), count };
      calls.push(k.standardizeTanh({ w: latent, count, out: source, slopes: slopes.address }));
      break;
    case "sine": {
      slopes = { address: allocate(4 * count), count };
      const omega = angularFrequency(quantizer);
      calls.push(k.standardizeSine({ w: latent, count, omega, out: source, slopes: slopes.address }));
      break;
    }
    case "magnitude": {
      slopes = { address: allocate(4 * count), count };
      const live = { parameters: given.parameters, size: PARAMETERS, place: percentilePlace(quantizer) };
      const out = { sorted: allocate(8 * rows), out: source, slopes: slopes.address };
      calls.push(k.standardizeMagnitudes({ w: latent, k: rows, n, ...live, ...out }));
      break;
    }
  }
  const scale = over === "none" ? null : allocate(4 * n);
  if (scale !== null) calls.push(k.weightScale({ w: latent, k: rows, n, whole: over === "tensor", out: scale }));
  const place = widthPlace(quantizer);
  const parameters = place < 0 ? given.parameters : allocate(4 * PARAMETERS);
  if (place >= 0) {
    const live = { parameters: given.parameters, size: PARAMETERS, place };
    calls.push(k.quantileWidth({ w: source, count, ...live, out: parameters }));
  }
  return { source, scale, affine, slopes, parameters, calls, learned, latent: latentGradient };
}

/** The numbers that an elastic map of weights learns, whose gradients are those at its values. */
function elasticNumbers(given: LatentWeights, source: Place, allocate: (bytes: number) => Place): Learned[] {
  const { rows, n, quantizer, parameters } = given;
  const map = forwardMapNumbers[quantizer.forward];
  const numbers = learnedNumbers(quantizer);
  return numbers.map(({ name }, i) => {
    // One call makes the gradients at all of them, and each is wanted in a job of its own.
    const all = allocate(4 * numbers.length);
    return {
      ...{ key: learnedKey("weightQuantizer", name), count: 1 },
      gradient: ({ summed: dy }, out) => [
        k.elasticGradients({ map, x: source, dy, count: rows * n, parameters, out: all }),
        k.copy({ from: at(all, 4 * i), to: out, bytes: 4 }),
      ],
    };
  });
}

/** The weights of a packed file, whose signs or levels stand where latent weights would, with what the file says of them. */
export function packedWeights(
  { node, latent, parameters }: LatentWeights,
  file: ReadonlyMap<string, Float32Array>,
  constant: (values: Float32Array) => Place,
): DerivedWeights {
  const tensor = (name: string): Place | null => {
    const found = file.get(parameterName({ name: node }, name));
    return found === undefined ? null : constant(found);
  };
  const [scale, shift] = [tensor("scale"), tensor("shift")];
  const affine = scale === null || shift === null ? null : { scale, shift };
  return {
    source: latent,
    scale: affine === null ? scale : null,
    affine,
    slopes: null,
    parameters,
    calls: [],
    learned: [],
    latent: null,
  };
}

/** The call that turns the gradient at w' into that at w, for `count` weights from the one numbered `first` on. */
export function throughStandardization(
  { address, count: period }: Slopes,
  gradient: Place,
  { first, count, size }: { readonly first: number; readonly count: number; readonly size: number },
): KernelCall {
  const factors =
    period === size
      ? { factors: at(address, 4 * first), n: count, first: 0 }
      : { factors: address, n: period, first: first % period };
  return k.multiplyColumns({ y: gradient, count, ...factors });
}
