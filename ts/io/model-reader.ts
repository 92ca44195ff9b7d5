/**
 * The reading of a model file (`model-file.ts`). It goes in two parts, so that a page can load what the graph takes between
 * them. Inference needs nothing else of files, so this module pulls in neither the writer nor the check of every network.
 */
import { isArrayOf } from "../base/arrays.ts";
import { describe } from "../base/describe.ts";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import type { Graph, Parameter } from "../nn/graph.ts";
import { packedParametersOf } from "../nn/parameters.ts";
import { hasNineTaps, kernelMatrix } from "../nn/shapes.ts";
import { findDirtyTail, packedShape } from "./bits.ts";
import { fromCodewords } from "./codewords.ts";
import { DIGEST_KEY, digestOf } from "./digest.ts";
import { isRecord, parseStrictJson } from "./json.ts";
import type { SafeTensor, SafeTensors } from "./safetensors.ts";
import { decode } from "./safetensors.ts";

/** The bits of a latent parameter, or the numbers of a real one or a statistic. */
export type PackedTensor = Uint8Array | Float32Array;

export interface PackedModel {
  readonly graph: Graph;
  /** By the names of `packedParametersOf(graph)`: `Uint8Array` for role "latent", `Float32Array` for the others. */
  readonly parameters: ReadonlyMap<string, PackedTensor>;
  /** The caller's own texts. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A model out of a file. */
export interface LoadedModel extends PackedModel {
  /** The file's digest, which its content matches; null for a file without one, where damage may go unseen. */
  readonly digest: string | null;
}

/** The number of the layout in `model-file.ts` without compact forms. */
export const MODEL_FILE_VERSION = "1";
/** That of files with a compact form, which readers of before refuse. A reader refuses every other number. */
export const COMPACT_VERSION = "2";

export const FORMAT = "proxbit";
const FIELDS = ["format", "version", "polarity", "bitOrder", "producer", "graph", "metadata", DIGEST_KEY];
export const POLARITY = "1=+1";
export const BIT_ORDER = "lsb-first";

const AGAIN = "Pack the model again with proxbit, or copy or download the file again.";

function corrupt(message: string, remedy: string = AGAIN, cause?: unknown): ProxbitError {
  return new ProxbitError("model-file", message, remedy, cause === undefined ? undefined : { cause });
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The dtype and shape that `parameter` has in the file. */
export function layoutOf(parameter: Parameter): { readonly dtype: "U8" | "F32"; readonly shape: readonly number[] } {
  if (parameter.role === "latent") return { dtype: "U8", shape: packedShape(kernelMatrix(parameter)) };
  return { dtype: "F32", shape: parameter.shape };
}

/** The fault in the values of `parameter`, or undefined. Their number has been checked. */
export function findFault(parameter: Parameter, data: PackedTensor): string | undefined {
  if (isArrayOf(data, "Uint8Array")) {
    const filter = findDirtyTail(data, kernelMatrix(parameter));
    return filter < 0 ? undefined : `"${parameter.name}" has bits set past the end of filter ${filter}`;
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) return `"${parameter.name}" holds ${data[bad]} at position ${bad}`;
  const kind = parameter.neverNegative;
  const negative = kind === undefined ? -1 : data.findIndex((value) => value < 0);
  return negative < 0
    ? undefined
    : `"${parameter.name}" holds the negative ${kind} ${data[negative]} at position ${negative}`;
}

/** The first name of `names` that no parameter has, or undefined. */
export function findStranger(names: Iterable<string>, parameters: readonly Parameter[]): string | undefined {
  const known = new Set(parameters.map(({ name }) => name));
  for (const name of names) if (!known.has(name)) return name;
  return undefined;
}

/** The text under `key` of the file's own metadata. */
function field(file: SafeTensors, key: string): string {
  const text = file.metadata[key];
  if (text === undefined) throw corrupt(`the model file lacks the field "${key}"`);
  return text;
}

function checkHeader(file: SafeTensors): void {
  if (file.metadata.format !== FORMAT) {
    throw corrupt("this is a safetensors file, but not a model of proxbit", "Give a file that proxbit has packed.");
  }
  const version = field(file, "version");
  if (version !== MODEL_FILE_VERSION && version !== COMPACT_VERSION) {
    throw corrupt(
      `the model file has version ${describe(version)}; this proxbit reads versions "${MODEL_FILE_VERSION}" and "${COMPACT_VERSION}"`,
      "Use the version of proxbit that wrote the file, or pack the model again with this one.",
    );
  }
  for (const [key, known] of [
    ["polarity", POLARITY],
    ["bitOrder", BIT_ORDER],
  ] as const) {
    const given = field(file, key);
    if (given !== known) throw corrupt(`the model file has ${key} ${describe(given)}; only "${known}" is known`);
  }
}

function checkGraph(value: unknown, validate: (value: unknown) => Graph): Graph {
  try {
    return validate(value);
  } catch (cause) {
    if (!isProxbitError(cause)) throw cause;
    throw corrupt(`the graph of the model file is not valid: ${cause.message}`, AGAIN, cause);
  }
}

function readTexts(file: SafeTensors): Readonly<Record<string, string>> {
  const value = parseStrictJson(field(file, "metadata"), "the metadata of the model file");
  if (!isRecord(value)) throw corrupt("the metadata of the model file are not an object");
  const texts: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw corrupt(`the metadata ${describe(key)} of the model file are not a text`);
    texts.push([key, text]);
  }
  return Object.fromEntries(texts);
}

/** True where `parameter` may stand in its compact form: signs of 3x3 kernels. */
export const mayBeCompact = ({ role, shape }: Parameter): boolean => role === "latent" && hasNineTaps(shape);

/** `tensor` with the signs of `parameter` in place of their compact form, where it is one. */
function expanded(parameter: Parameter, tensor: SafeTensor, version: string | undefined): SafeTensor {
  const isCompact = version === COMPACT_VERSION && tensor.dtype === "U8" && tensor.shape.length === 1;
  if (!isCompact || !mayBeCompact(parameter)) return tensor;
  const bits = fromCodewords(tensor.data, kernelMatrix(parameter));
  if (typeof bits === "string") throw corrupt(`the model file is not sound: "${parameter.name}" ${bits}`);
  return { ...tensor, shape: layoutOf(parameter).shape, data: bits };
}

function readParameter(
  parameter: Parameter,
  stored: SafeTensor | undefined,
  version: string | undefined,
): PackedTensor {
  const { name } = parameter;
  const { dtype, shape } = layoutOf(parameter);
  if (stored === undefined) throw corrupt(`the model file lacks the parameter "${name}"`);
  const tensor = expanded(parameter, stored, version);
  if (tensor.dtype === "I32" || tensor.dtype !== dtype) {
    throw corrupt(
      `the parameter "${name}" of the model file is ${tensor.dtype}; its role, ${parameter.role}, takes ${dtype}`,
    );
  }
  if (!sameShape(tensor.shape, shape)) {
    throw corrupt(
      `the parameter "${name}" of the model file is ${describe(tensor.shape)}; the graph takes ${describe(shape)}`,
    );
  }
  const fault = findFault(parameter, tensor.data);
  if (fault !== undefined) throw corrupt(`the model file is not sound: ${fault}`);
  return tensor.data;
}

/** A damaged name would hide the digest itself, so that there may be no other fields. */
function checkFields({ metadata }: SafeTensors): void {
  const strange = Object.keys(metadata).find((key) => !FIELDS.includes(key));
  if (strange !== undefined) throw corrupt(`the model file has the unknown field ${describe(strange)}`);
}

/** The digest, which the content of the file must match; null where there is none. */
function checkDigest({ tensors, metadata }: SafeTensors): string | null {
  const given = metadata[DIGEST_KEY];
  if (given === undefined) return null;
  const found = digestOf(tensors.values(), metadata);
  if (given === found) return found;
  throw corrupt("the model file was changed after it was packed: its content does not match its digest");
}

/** A file whose header is sound, and whose graph has not been checked. */
export interface OpenedModel {
  /** The graph as the file has it: any JSON. */
  readonly graph: unknown;
  /**
   * Checks all of the file, its graph by `validate`.
   *
   * @throws ProxbitError "model-file" for a file that is damaged.
   */
  readonly read: (validate: (value: unknown) => Graph) => LoadedModel;
}

/**
 * Opens a model file. The parameters will be views into `bytes` where the alignment allows. So `bytes` must stay unchanged while
 * the model is in use.
 *
 * @throws ProxbitError "model-file" for a file that is damaged, of another kind or of another version.
 */
export function openModel(bytes: Uint8Array): OpenedModel {
  const file = decode(bytes);
  checkHeader(file);
  checkFields(file);
  const value = parseStrictJson(field(file, "graph"), "the graph of the model file");
  return { graph: value, read: (validate) => readModel(file, checkGraph(value, validate)) };
}

function readModel(file: SafeTensors, graph: Graph): LoadedModel {
  const metadata = readTexts(file);
  const expected = packedParametersOf(graph);
  const stranger = findStranger(file.tensors.keys(), expected);
  if (stranger !== undefined)
    throw corrupt(`the model file holds ${describe(stranger)}, which its graph does not have`);
  const parameters = new Map(
    expected.map((parameter) => [
      parameter.name,
      readParameter(parameter, file.tensors.get(parameter.name), file.metadata.version),
    ]),
  );
  return { graph, parameters, metadata, digest: checkDigest(file) };
}
