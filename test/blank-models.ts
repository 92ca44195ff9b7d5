/** Model files whose weights say nothing: all signs -1, all other numbers 1. */
import { packedShape } from "../ts/io/bits.ts";
import { encodeModel, type PackedModel } from "../ts/io/model-file.ts";
import { decode, encode } from "../ts/io/safetensors.ts";
import type { Graph, Parameter } from "../ts/nn/graph.ts";
import { packedParametersOf } from "../ts/nn/parameters.ts";
import { elementsOf, kernelMatrix } from "../ts/nn/shapes.ts";

function blank(parameter: Parameter): Uint8Array | Float32Array {
  if (parameter.role === "latent") return new Uint8Array(elementsOf(packedShape(kernelMatrix(parameter))));
  return new Float32Array(elementsOf(parameter.shape)).fill(1);
}

export function blankFile(graph: Graph, metadata: PackedModel["metadata"] = {}): Uint8Array<ArrayBuffer> {
  const parameters = new Map(packedParametersOf(graph).map((parameter) => [parameter.name, blank(parameter)]));
  return encodeModel({ graph, parameters, metadata });
}

/** The same file as it was before files had digests. */
export function withoutDigest(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const { tensors, metadata } = decode(file);
  const { digest: _, ...texts } = metadata;
  return encode([...tensors.values()], texts);
}
