/**
 * The model file holds a graph with its parameters, binarised weights as bits. It is a safetensors file
 * (`safetensors.ts`), so other programs can open it too.
 *
 * Each of `packedParametersOf(graph)` has one tensor of the same name. A `latent` one is the signs of its kernel, U8
 * `[filters, ceil(K/8)]` (`bits.ts`). Signs of 3x3 kernels are U8 `[bytes]` where their compact form takes less than a bit a
 * weight: codewords and indices (`codewords.ts`). Readers give out the same signs for both. A `real` or `statistic` one is F32 in
 * its own shape. The metadata hold `format` "proxbit", `version` "1", or "2" with a compact form, `polarity` "1=+1", `bitOrder`
 * "lsb-first", `producer`, and `graph` (JSON). `metadata` is JSON of the caller's own texts, such as the data set, classes, scale
 * and offset of the input, and accuracy. `digest` is MurmurHash3 of all this (`digest.ts`). Files of before have none and are read
 * all the same.
 *
 * Equal models give equal bytes. `decodeModel` checks everything that it returns: the graph, the names, the shapes, the
 * tail bits, every number. Inference needs nothing else, so this file imports neither Node nor the data sets.
 */
import { isArrayOf } from "../base/arrays.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Graph, Parameter } from "../nn/graph.ts";
import { packedParametersOf, parametersOf } from "../nn/parameters.ts";
import { elementsOf, kernelMatrix } from "../nn/shapes.ts";
import { validateGraph } from "../nn/validate.ts";
import { toCodewords } from "./codewords.ts";
import { DIGEST_KEY, digestOf } from "./digest.ts";
import { canonicalJson, isPrototypeKey } from "./json.ts";
import {
  BIT_ORDER,
  COMPACT_VERSION,
  FORMAT,
  findFault,
  findStranger,
  type LoadedModel,
  layoutOf,
  MODEL_FILE_VERSION,
  mayBeCompact,
  openModel,
  type PackedModel,
  type PackedTensor,
  POLARITY,
} from "./model-reader.ts";
import { encode, type SafeTensor } from "./safetensors.ts";
import { VERSION } from "./version.ts";

export { type LoadedModel, MODEL_FILE_VERSION, type PackedModel, type PackedTensor } from "./model-reader.ts";

function tensorFor(parameter: Parameter, data: PackedTensor | undefined): SafeTensor {
  const { name } = parameter;
  const { dtype, shape } = layoutOf(parameter);
  if (data === undefined) {
    throw new ProxbitError(
      "argument",
      `the parameter "${name}" is missing`,
      "Give a tensor for every parameter of the graph.",
    );
  }
  const fits = dtype === "U8" ? isArrayOf(data, "Uint8Array") : isArrayOf(data, "Float32Array");
  const elements = elementsOf(shape);
  if (!fits || data.length !== elements) {
    throw new ProxbitError(
      "shape",
      `the parameter "${name}" must have ${elements} elements of ${dtype} ([${shape.join(", ")}]), not ${data.length} of ${data.constructor.name}`,
      parameter.role === "latent"
        ? "Pack the signs of the latent weights first."
        : "Give the parameter in the shape the graph says.",
    );
  }
  const fault = findFault(parameter, data);
  if (fault !== undefined) {
    throw new ProxbitError(
      isArrayOf(data, "Uint8Array") ? "argument" : "not-finite",
      fault,
      isArrayOf(data, "Uint8Array")
        ? "Clear the bits past the last weight."
        : "Train again from a sound checkpoint, with a lower learning rate.",
    );
  }
  if (!isArrayOf(data, "Uint8Array")) return { name, dtype: "F32", shape, data };
  const compact = mayBeCompact(parameter) ? toCodewords(data, kernelMatrix(parameter)) : undefined;
  if (compact !== undefined) return { name, dtype: "U8", shape: [compact.length], data: compact };
  return { name, dtype: "U8", shape, data };
}

function checkTexts(metadata: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string" || isPrototypeKey(key)) {
      throw new ProxbitError(
        "argument",
        `the metadata ${describe(key)} cannot be written`,
        "Use texts for values and plain words for keys.",
      );
    }
  }
}

/**
 * The file for `model`. It throws where `decodeModel` would refuse the result, and the errors of `validateGraph`.
 *
 * @throws ProxbitError "argument" for missing or strange names, "shape" for tensors that do not fit.
 * @throws ProxbitError "not-finite" for numbers that are not finite, or variances below 0.
 */
export function encodeModel(model: PackedModel): Uint8Array<ArrayBuffer> {
  const graph = validateGraph(model.graph);
  const parameters = packedParametersOf(graph);
  const stranger = findStranger(model.parameters.keys(), parameters);
  if (stranger !== undefined) {
    throw new ProxbitError(
      "argument",
      `the graph "${graph.name}" has no parameter ${describe(stranger)}`,
      "Leave the tensor out.",
    );
  }
  checkTexts(model.metadata);
  const tensors = parameters.map((parameter) => tensorFor(parameter, model.parameters.get(parameter.name)));
  const hasCompact = tensors.some(({ dtype, shape }) => dtype === "U8" && shape.length === 1);
  const texts = {
    format: FORMAT,
    version: hasCompact ? COMPACT_VERSION : MODEL_FILE_VERSION,
    polarity: POLARITY,
    bitOrder: BIT_ORDER,
    producer: `proxbit ${VERSION}`,
    graph: canonicalJson(graph),
    metadata: canonicalJson(model.metadata),
  };
  return encode(tensors, { ...texts, [DIGEST_KEY]: digestOf(tensors, texts) });
}

/**
 * Reads a model file and checks all of it. The parameters are views into `bytes` where the alignment allows. So `bytes`
 * must stay unchanged while the model is in use.
 *
 * @throws ProxbitError "model-file" for a file that is damaged, of another kind or of another version.
 */
export const decodeModel = (bytes: Uint8Array): LoadedModel => openModel(bytes).read(validateGraph);

/** Bytes that all parameters of `graph` take as 32-bit floats: the size of the network before it is packed. */
export function floatBytes(graph: Graph): number {
  return parametersOf(graph).reduce((bytes, { shape }) => bytes + 4 * elementsOf(shape), 0);
}
