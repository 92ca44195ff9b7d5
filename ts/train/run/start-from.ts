/**
 * Starting from weights that were trained before: fine-tuning a binary network from a float one, going on from a packed one,
 * and transfer, where some layers only are taken. Real weights become the latent ones. Of a packed file the latent weights are
 * such that they quantize to its weights again (`latent-signs.ts`).
 */
import { isArrayOf } from "../../base/arrays.ts";
import { listOf, oneOf, plainObject, reading, type Subject } from "../../base/checks.ts";
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
import { type Found, parametersToTake } from "./start-layers.ts";
import { writeWeights } from "./trained-weights.ts";

export interface StartOptions {
  /**
   * "filter": the latent weights of each filter are divided by the mean of their magnitudes, so that they lie about -1 and
   * +1, where the quantizers' maps have their steps; a filter of zeros stays. "none", as absent: they stay as they are.
   */
  readonly rescale?: "none" | "filter";
  /**
   * Names of layers whose parameters and statistics are taken; the others stay as they are. "shared": those of which the source
   * has all parameters, by name and in the same shapes, in layers of the same kind. Weights by name tell no kind. All layers where absent, and then both networks must be the same.
   */
  readonly layers?: readonly string[] | "shared" | undefined;
}

/** Weights by parameter name, or a model file, whose network may be float or packed. */
export type StartSource = Uint8Array | ReadonlyMap<string, Float32Array>;

/** One start from weights as a fact of a run: a digest of all weights that were given, and the options. */
export interface StartFact {
  readonly weights: string;
  readonly rescale: "none" | "filter";
  /** In order; null where all were taken. */
  readonly layers: readonly string[] | "shared" | null;
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
  return { weights: digestOf(tensors, {}), rescale, layers: layersFact(layers) };
}

function layersFact(layers: unknown): StartFact["layers"] {
  if (layers === undefined) return null;
  return layers === "shared" ? layers : [...new Set(listOf(layers, 1, 1e6, "layers", START).map(String))].sort();
}

/**
 * The fact of a start, for a run that goes on to be held against it.
 *
 * @throws ProxbitError as `startFrom`, for all that shows without the network.
 */
export const startFact = (source: StartSource, options: StartOptions): StartFact =>
  factOf(foundIn(source), checkOptions(options));

/** See `Trainer.startFrom`; resolves to its fact, and to the names of the layers that were taken. */
export async function startFrom(
  engine: Engine,
  source: StartSource,
  options: StartOptions,
): Promise<{ readonly fact: StartFact; readonly taken: readonly string[] }> {
  const given = checkOptions(options);
  const { rescale } = given;
  const found = foundIn(source);
  const taken = parametersToTake(engine, found, given.layers, START);
  const { quantizers } = networkOf(engine.graph);
  const weights = taken.map((parameter) => {
    const { values, made } = found.get(parameter.name) as Found;
    const [, filters] = kernelMatrix(parameter);
    const isScaled = rescale === "filter" && parameter.role === "latent";
    const real = isScaled ? unitFilters(values, filters) : values;
    const quantizer = quantizers.get(parameter.name);
    if (quantizer === undefined || made === "real") return [parameter.name, real] as const;
    if (made === "signs")
      return [parameter.name, latentsOf(quantizer, { name: parameter.name, values: real, filters })] as const;
    return [parameter.name, quantizer.standardize === "tanhMax" ? latentsOfLevels(values) : real] as const;
  });
  const layers = new Set(taken.map(({ node }) => node));
  const own = engine.parameters.filter(({ node }) => layers.has(node));
  await writeWeights(engine, new Map([...weights, ...straightAngles(own, found)]));
  const { slots } = engine.layout;
  await engine.alone(() => writeLarge(engine.pool, addressOf(slots), new Uint8Array(slots.buffer.bytes)));
  return { fact: factOf(found, given), taken: [...layers] };
}

function namedWeights(source: unknown): ReadonlyMap<string, Found> {
  const isMap = reading("startFrom", "a model file in bytes, or a Map of weights", () => source instanceof Map);
  if (isMap && source instanceof Map && [...source.values()].every((values) => isArrayOf(values, "Float32Array"))) {
    return new Map([...source].map(([name, values]) => [name, { values, shape: null, op: null, made: "real" }]));
  }
  throw new ProxbitError(
    "argument",
    `startFrom takes the bytes of a model file or a Map of weights, not ${describe(source)}`,
    "Read the file first, or give what trainer.weights() returns.",
  );
}

function weightsOf(model: PackedModel): ReadonlyMap<string, Found> {
  const ops = new Map(model.graph.nodes.map(({ name, op }) => [name, op]));
  const foundOf = (parameter: Parameter): Found => ({
    values: realWeights(parameter, model),
    shape: parameter.shape.join(" x "),
    op: ops.get(parameter.node) ?? null,
    made: formOf(parameter, model),
  });
  return new Map(
    parametersOf(model.graph)
      .filter(({ ofQuantizer }) => ofQuantizer !== true)
      .map((parameter) => [parameter.name, foundOf(parameter)]),
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
  parameters: readonly Parameter[],
  found: ReadonlyMap<string, Found>,
): readonly (readonly [string, Float32Array])[] =>
  parameters.flatMap(({ name, node, key, shape, ofQuantizer }) => {
    const kernel = parameters.find((own) => own.node === node && own.role === "latent");
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
