/**
 * The inference compiler: a packed model to a program over places.
 *
 * A value is f32 or bits. Layers run in groups (`fuse.ts`): chains of layers with +-1 weights and activations stay on bits,
 * batch normalisation and shortcuts happen on the way out of the product before. A threshold is found by bisection on the
 * very expression that batch normalisation computes, and everything else adds in the order of the trainer, so packed
 * predictions are the trainer's bit for bit, whatever is fused and however many workers share the work.
 */
import type { PackedModel } from "../io/model-file.ts";
import { inputShapeOf } from "../nn/network.ts";
import { isProduct } from "../nn/nodes.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { Place } from "../program/place.ts";
import type { BinaryKernel } from "../runtime/probe.ts";
import { emitBits, emitNorm } from "./binary.ts";
import { type Context, createContext } from "./context.ts";
import { createDraft, type Drafted } from "./draft.ts";
import { emitNode, emitSteps } from "./elementwise.ts";
import { type Group, groupsOf } from "./fuse.ts";
import { emitRows } from "./real.ts";

export interface CompileOptions {
  readonly kernel: BinaryKernel;
  /** Images that one run of a lane works on. */
  readonly images: number;
  /** Parts that a layer of one image is cut into: tasks of one phase, for as many workers. */
  readonly parts: number;
}

/** The network over the places of one lane, with what it stands on. */
export interface Compiled extends Drafted {
  /** Input and output, f32, one image after the other. */
  readonly input: Place;
  readonly output: Place;
  /** Layers that run together. */
  readonly groups: readonly Group[];
  /** Floats of an image and of its output. */
  readonly inputSize: number;
  readonly outputSize: number;
}

/** Compiles `model`. */
export function compile(model: PackedModel, { kernel, images, parts }: CompileOptions): Compiled {
  const { graph } = model;
  const draft = createDraft();
  const context = createContext(model, kernel, images, parts, draft);
  const input = context.values.of(context.network.flow.input.name);
  const groups = emitGraph(context);
  return {
    ...draft.finish(),
    input,
    output: context.values.of(graph.output),
    groups,
    inputSize: elementsOf(inputShapeOf(graph)),
    outputSize: elementsOf(context.network.shapeOf(graph.output)),
  };
}

/** Emits every group where its last layer stands, and every other layer where it stands itself; returns the groups. */
function emitGraph(context: Context): readonly Group[] {
  const { graph, flow } = context.network;
  const groups = groupsOf(graph, flow, context.bits.takes);
  const inGroup = new Set([...groups.values()].flatMap(({ members }) => members));
  for (const node of graph.nodes) {
    const group = groups.get(node.name);
    if (group?.kind === "bits") emitBits(group, context);
    else if (group?.kind === "norm") emitNorm(group, context);
    else if (group?.kind === "rows") emitRows(group, context);
    else if (group?.kind === "steps") emitSteps(group.followers, context);
    else if (!inGroup.has(node.name) && !isProduct(node)) emitNode(node, context);
  }
  return [...groups.values()];
}
