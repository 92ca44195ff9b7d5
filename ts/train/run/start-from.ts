/**
 * Starting from weights that were trained before: fine-tuning a binary network from a float one, going on from a packed one,
 * and transfer, where some layers only are taken. Real weights become the latent ones. Of a packed file the latent weights are
 * such that they quantize to its weights again (`latent-signs.ts`).
 */
import { isArrayOf } from "../../base/arrays.ts";
import { listOf, oneOf, plainObject, reading, reject, type Subject } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import { unpackSigns } from "../../io/bits.ts";
import { digestOf } from "../../io/digest.ts";
import { decodeModel, type PackedModel, type PackedTensor } from "../../io/model-file.ts";
import type { SafeTensor } from "../../io/safetensors.ts";
import type { Parameter } from "../../nn/graph.ts";
import { networkOf, parameterName } from "../../nn/network.ts";
import { parametersOf } from "../../nn/parameters.ts";
import { elementsOf, kernelMatrix } from "../../nn/shapes.ts";
import { addressOf } from "../../program/place.ts";
import { writeLarge } from "../plan/memory.ts";
import type { Engine } from "./engine.ts";
import { latentsOf, latentsOfLevels } from "./latent-signs.ts";
import { writeWeights } from "./trained-weights.ts";

export interface StartOptions {
  /**
   * "filter": the latent weights of each filter are divided by the mean of their magnitudes, so that they lie about -1 and
   * +1, where the quantizers' maps have their steps; a filter of zeros stays. "none", as absent: they stay as they are.
   */
  readonly rescale?: "none" | "filter";
  /**
   * Names of layers whose parameters and statistics are taken; the others stay as they are. All layers where absent, and then
   * both networks must be the same.
   */
  readonly layers?: readonly string[] | undefined;
}

/** Weights by parameter name, or a model file, whose network may be float or packed. */
export type StartSource = Uint8Array | ReadonlyMap<string, Float32Array>;

/** One start from weights as a fact of a run: a digest of all weights that were given, and the options. */
export interface StartFact {
  readonly weights: string;
  readonly rescale: "none" | "filter";
  /** In order; null where all were taken. */
  readonly layers: readonly string[] | null;
}

const START: Subject = { code: "argument", what: "startFrom" };

/** The options, checked but for the names of layers. */
function checkOptions(options: unknown): { readonly rescale: "none" | "filter"; readonly layers: unknown } {
  const { rescale, layers } = plainObject(options, ["rescale", "layers"], START);
  return { rescale: oneOf(rescale ?? "none", ["none", "filter"], "rescale", START), layers };
}

const foundIn = (source: StartSource): ReadonlyMap<string, Found> =>
  isArrayOf(source, "Uint8Array") ? weightsOf(decodeModel(source)) : namedWeights(source);

function factOf(found: ReadonlyMap<string, Found>, { rescale, layers }: ReturnType<typeof checkOptions>): StartFact {
  const tensors = [...found].map(([name, { values }]): SafeTensor => {
    return { name, shape: [values.length], dtype: "F32", data: values };
  });
  const names = layers === undefined ? null : [...new Set(listOf(layers, 1, 1e6, "layers", START).map(String))].sort();
  return { weights: digestOf(tensors, {}), rescale, layers: names };
}

/**
 * The fact of a start, for a run that goes on to be held against it.
 *
 * @throws ProxbitError as `startFrom`, for all that shows without the network.
 */
export const startFact = (source: StartSource, options: StartOptions): StartFact =>
  factOf(foundIn(source), checkOptions(options));

/** See `Trainer.startFrom`; resolves to its fact. */
export async function startFrom(engine: Engine, source: StartSource, options: StartOptions): Promise<StartFact> {
  const given = checkOptions(options);
  const { rescale } = given;
  const wanted = wantedOf(engine, given.layers, START);
  const found = foundIn(source);
  const names = wanted.map(({ name }) => name);
  // Files hold no tensors of quantizers, which then stay as they are.
  const taken = wanted.filter(({ name, ofQuantizer }) => ofQuantizer !== true || found.has(name));
  const missing = taken.flatMap(({ name }) => (found.has(name) ? [] : [name]));
  if (missing.length > 0) throw otherNetwork(`lacks ${listed(missing)}`);
  const strangers = [...found.keys()].filter((name) => !names.includes(name));
  if (given.layers === undefined && strangers.length > 0) {
    throw otherNetwork(`has ${listed(strangers)}, which this network has not`);
  }
  const { quantizers } = networkOf(engine.graph);
  const weights = taken.map((parameter) => {
    const { values, shape, made } = found.get(parameter.name) as Found;
    const own = parameter.shape.join(" x ");
    if (shape !== null && shape !== own) {
      throw otherNetwork(`holds "${parameter.name}" as ${shape}, and this network has it as ${own}`);
    }
    const [, filters] = kernelMatrix(parameter);
    const isScaled = rescale === "filter" && parameter.role === "latent";
    const real = isScaled ? unitFilters(values, filters) : values;
    const quantizer = quantizers.get(parameter.name);
    if (quantizer === undefined || made === "real") return [parameter.name, real] as const;
    if (made === "signs")
      return [parameter.name, latentsOf(quantizer, { name: parameter.name, values: real, filters })] as const;
    return [parameter.name, quantizer.standardize === "tanhMax" ? latentsOfLevels(values) : real] as const;
  });
  await writeWeights(engine, new Map([...weights, ...straightAngles(wanted, found)]));
  const { slots } = engine.layout;
  await engine.alone(() => writeLarge(engine.pool, addressOf(slots), new Uint8Array(slots.buffer.bytes)));
  return factOf(found, given);
}

/** The parameters to be taken. */
function wantedOf({ graph, parameters }: Engine, layers: unknown, subject: Subject): readonly Parameter[] {
  if (layers === undefined) return parameters;
  const known = graph.nodes.map(({ name }) => name);
  const taken = listOf(layers, 1, known.length, "layers", subject).map((layer) => {
    if (typeof layer !== "string") reject(subject, "layers", "a list of names of layers", layer);
    if (parameters.some(({ node }) => node === layer)) return layer;
    const kind = known.includes(layer) ? "has no parameters of its own" : "is no layer of the network";
    throw new ProxbitError(
      "unknown-name",
      `startFrom: "${layer}" ${kind}`,
      `Name layers with parameters: ${[...new Set(parameters.map(({ node }) => node))].join(", ")}.`,
    );
  });
  return parameters.filter(({ node }) => taken.includes(node));
}

/** The numbers of a parameter, with its shape where the source tells one. */
interface Found {
  readonly values: Float32Array;
  readonly shape: string | null;
  /** The form that a quantizer gave them: signs, or DoReFa's levels; "real" for all others. */
  readonly made: "real" | "signs" | "levels";
}

function namedWeights(source: unknown): ReadonlyMap<string, Found> {
  const isMap = reading("startFrom", "a model file in bytes, or a Map of weights", () => source instanceof Map);
  if (isMap && source instanceof Map && [...source.values()].every((values) => isArrayOf(values, "Float32Array"))) {
    return new Map([...source].map(([name, values]) => [name, { values, shape: null, made: "real" }]));
  }
  throw new ProxbitError(
    "argument",
    `startFrom takes the bytes of a model file or a Map of weights, not ${describe(source)}`,
    "Read the file first, or give what trainer.weights() returns.",
  );
}

function weightsOf(model: PackedModel): ReadonlyMap<string, Found> {
  return new Map(
    parametersOf(model.graph)
      .filter(({ ofQuantizer }) => ofQuantizer !== true)
      .map((parameter) => [
        parameter.name,
        { values: realWeights(parameter, model), shape: parameter.shape.join(" x "), made: formOf(parameter, model) },
      ]),
  );
}

/** AdaBin's two values of a filter are real weights, as are levels of other quantizers than DoReFa's. */
function formOf({ name }: Parameter, { graph, parameters }: PackedModel): Found["made"] {
  const standardize = networkOf(graph).quantizers.get(name)?.standardize;
  if (isArrayOf(parameters.get(name), "Float32Array")) return standardize === "tanhMax" ? "levels" : "real";
  return standardize === "adabin" ? "real" : "signs";
}

/** The angles at 0 of rotated kernels that come as signs: then these are their signs under any rotation. */
const straightAngles = (
  wanted: readonly Parameter[],
  found: ReadonlyMap<string, Found>,
): readonly (readonly [string, Float32Array])[] =>
  wanted.flatMap(({ name, node, key, shape, ofQuantizer }) => {
    const kernel = wanted.find((own) => own.node === node && own.role === "latent");
    if (ofQuantizer !== true || key !== "angle" || found.get(kernel?.name ?? "")?.made !== "signs") return [];
    return [[name, new Float32Array(elementsOf(shape))] as const];
  });

/** The real weights behind a tensor of the file: of signs their products with its scale, or weights about its shift. */
function realWeights(parameter: Parameter, { parameters }: PackedModel): Float32Array {
  const { name, node } = parameter;
  const data = parameters.get(name) as PackedTensor;
  if (isArrayOf(data, "Float32Array")) return data;
  const [scale, shift] = ["scale", "shift"].map((key) => parameters.get(parameterName({ name: node }, key)));
  const matrix = kernelMatrix(parameter);
  const [, filters] = matrix;
  const signs = unpackSigns(data, matrix);
  if (shift !== undefined) return aboutShift(signs, filters, scale as PackedTensor, shift);
  return signs.map((sign, i) => sign * Number(scale?.[i % filters] ?? 1));
}

/**
 * AdaBin's latent weights: a filter's mean is its shift, their deviation from it its scale. Of p positive and n negative signs
 * they lie scale * sqrt(n / p) above the shift and scale * sqrt(p / n) below it.
 */
function aboutShift(signs: Float32Array, filters: number, scale: PackedTensor, shift: PackedTensor): Float32Array {
  const positive = new Float64Array(filters);
  for (const [i, sign] of signs.entries()) positive[i % filters] = (positive[i % filters] as number) + Number(sign > 0);
  const rows = signs.length / filters;
  return signs.map((sign, i) => {
    const filter = i % filters;
    const [p, n] = [positive[filter] as number, rows - (positive[filter] as number)];
    const away = p === 0 || n === 0 ? 0 : Math.sqrt(sign > 0 ? n / p : p / n);
    return (shift[filter] as number) + sign * (scale[filter] as number) * away;
  });
}

/** Divides every column of `[K][N]` by its mean magnitude. */
function unitFilters(values: Float32Array, filters: number): Float32Array {
  const sums = new Float64Array(filters);
  for (let i = 0; i < values.length; i++)
    sums[i % filters] = (sums[i % filters] as number) + Math.abs(values[i] as number);
  const rows = values.length / filters;
  return values.map((value, i) => {
    const sum = sums[i % filters] as number;
    return sum === 0 ? value : (value * rows) / sum;
  });
}

const MOST_NAMES = 3;
const listed = (names: readonly string[]): string =>
  `${names
    .slice(0, MOST_NAMES)
    .map((name) => `"${name}"`)
    .join(", ")}${names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ""}`;

const otherNetwork = (what: string): ProxbitError =>
  new ProxbitError(
    "shape",
    `what training is to start from ${what}`,
    "Start from the same model, images and classes, or take some layers only: startFrom(file, { layers: [names] }).",
  );
