/** Puts together what the compiler knows of a model before the first layer. */
import type { PackedModel } from "../io/model-reader.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { Place } from "../program/place.ts";
import type { BinaryKernel } from "../runtime/probe.ts";
import { createBits } from "./bit-values.ts";
import { codewordLayersOf } from "./codewords.ts";
import type { Context, Values } from "./context.ts";
import type { Draft } from "./draft.ts";
import type { Reader } from "./flow.ts";
import { CODEWORDS, PRODUCT_KERNELS } from "./layout.ts";
import { createNetwork } from "./network.ts";
import { createTensors } from "./tensors.ts";

export interface CompileOptions {
  readonly kernel: BinaryKernel;
  /** True where the core has the kernel for few codewords. */
  readonly hasCodewords: boolean;
  /** Images that one run of a lane works on. */
  readonly images: number;
  /** Parts that a layer of one image is cut into: jobs of one phase, for as many workers. */
  readonly parts: number;
}

export function createContext(model: PackedModel, options: CompileOptions, draft: Draft): Context {
  const { images, parts } = options;
  const kernel = PRODUCT_KERNELS[options.kernel];
  const byCodewords = options.hasCodewords && options.kernel === "lookup" ? codewordLayersOf(model) : new Set();
  const kernelOf: Context["kernelOf"] = ({ name }) => (byCodewords.has(name) ? CODEWORDS : kernel);
  const network = createNetwork(model.graph, images);
  const { flow, shapeOf } = network;
  const places = new Map<string, Place>();
  const of: Values["of"] = (name) => {
    const source = flow.source(name).name;
    const known = places.get(source) ?? draft.buffer(4 * images * elementsOf(shapeOf(source)));
    places.set(source, known);
    return known;
  };
  const tensor = createTensors(model, draft);
  const { isWritten, ...bits } = createBits({ network, draft, kernel, images, parts, tensor }, of);
  /** The number of a value's first readers whose bits are written, which they stay. */
  const served = new Map<string, number>();
  /** True where a reader other than those of `except` takes the value as f32. */
  const isRead = (name: string, except: ReadonlySet<string>): boolean => {
    const readers = flow.consumers(name);
    let first = served.get(name) ?? 0;
    while (first < readers.length && isWritten(readers[first] as Reader)) first++;
    served.set(name, first);
    for (let i = first; i < readers.length; i++) {
      const reader = readers[i] as Reader;
      if (!except.has(reader.node.name) && !isWritten(reader)) return true;
    }
    return false;
  };
  const values: Values = {
    of,
    put: (name, place) => {
      places.set(name, place);
    },
    isWanted: (name) => flow.results.has(name) || isRead(name, new Set()),
    isLastUse: (name, last) => {
      const { name: source } = flow.source(name);
      return !flow.results.has(source) && !isRead(source, last);
    },
  };
  return { network, tensor, values, bits, draft, kernel, kernelOf, images, parts };
}
