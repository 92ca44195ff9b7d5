/**
 * The inference compiler: a packed model to a program over places.
 *
 * A value is f32 or bits. Layers run in groups (`fuse/groups.ts`): chains of layers with +-1 weights and activations
 * stay on bits, batch normalisation and shortcuts happen on the way out of the product before. A threshold is found by
 * bisection on the very expression that batch normalisation computes, and everything else adds in the order of the
 * trainer, so packed predictions are the trainer's bit for bit, whatever is fused and however many workers share the
 * work.
 */
import type { PackedModel } from "../io/model-reader.ts";
import { inputShapeOf, outputsOf } from "../nn/network.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { Place } from "../program/place.ts";
import { type CompileOptions, createContext } from "./create-context.ts";
import { createDraft, type Drafted } from "./draft.ts";
import { emitNetwork } from "./fuse/emit.ts";
import type { Group } from "./fuse/groups.ts";

/** The network over the places of one lane, with what it stands on. */
export interface Compiled extends Drafted {
  /** The input, f32, one image after the other. */
  readonly input: Place;
  readonly outputs: readonly Output[];
  /** Layers that run together. */
  readonly groups: readonly Group[];
  /** Floats of an image. */
  readonly inputSize: number;
}

/** A result of the network, f32, one image after the other, and how many floats it has for each. */
export interface Output {
  readonly name: string;
  readonly place: Place;
  readonly size: number;
}

/** Compiles `model`. */
export function compile(model: PackedModel, options: CompileOptions): Compiled {
  const { graph } = model;
  const draft = createDraft();
  const context = createContext(model, options, draft);
  const input = context.values.of(context.network.flow.input.name);
  const groups = emitNetwork(context);
  return {
    ...draft.finish(),
    input,
    outputs: outputsOf(graph).map((name) => {
      return { name, place: context.values.of(name), size: elementsOf(context.network.shapeOf(name)) };
    }),
    groups,
    inputSize: elementsOf(inputShapeOf(graph)),
  };
}
