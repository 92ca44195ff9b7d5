/**
 * The inference compiler: a packed model to a program over planned memory.
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
import type { BinaryKernel } from "../runtime/probe.ts";
import type { Call, Program, Write } from "../runtime/program.ts";
import { emitBits, emitNorm } from "./binary.ts";
import { type Context, createContext, type FlipJob } from "./context.ts";
import { createDraft } from "./draft.ts";
import { emitNode, emitSteps } from "./elementwise.ts";
import { type Group, groupsOf } from "./fuse.ts";
import { emitRows } from "./real.ts";

export interface CompileOptions {
  readonly kernel: BinaryKernel;
  /** Images that one run of a lane works on. */
  readonly images: number;
  /** Parts that a layer of one image is cut into: tasks of one phase, for as many workers. */
  readonly parts: number;
  /** Copies of the memory for values, each for a worker that runs the network by itself. */
  readonly lanes: number;
}

/** The network in one copy of its memory: what to run, and where input and output lie, f32, one image after the other. */
export interface CompiledLane {
  readonly program: Program;
  readonly input: number;
  readonly output: number;
}

export interface Compiled {
  readonly writes: readonly Write[];
  readonly setup: readonly Call[];
  readonly flipJobs: readonly FlipJob[];
  readonly lanes: readonly CompiledLane[];
  /** Bytes of the values of one lane. */
  readonly laneBytes: number;
  /** Layers that run together. */
  readonly groups: readonly Group[];
  /** Floats of an image and of its output. */
  readonly inputSize: number;
  readonly outputSize: number;
  /** One past the last byte. */
  readonly end: number;
}

/** Compiles `model` into memory that starts at `base`. */
export function compile(model: PackedModel, options: CompileOptions, base: number): Compiled {
  const { graph } = model;
  const draft = createDraft(base);
  const context = createContext(model, options.kernel, options.images, options.parts, draft);
  const input = context.value(context.flow.input.name);
  draft.keep(input, "before");
  const groups = emitGraph(context);
  const output = context.value(graph.output);
  draft.keep(output, "after");

  const { writes, setup, lanes, laneBytes, end } = draft.finish(options.lanes);
  return {
    writes,
    setup: [...setup, ...lanes.flatMap((lane) => lane.setup)],
    flipJobs: context.flipJobs,
    lanes: lanes.map(({ program, address }) => ({ program, input: address(input), output: address(output) })),
    laneBytes,
    groups,
    inputSize: elementsOf(inputShapeOf(graph)),
    outputSize: elementsOf(context.shapeOf(graph.output)),
    end,
  };
}

/** Emits every group where its last layer stands, and every other layer where it stands itself; returns the groups. */
function emitGraph(context: Context): readonly Group[] {
  const { graph, flow } = context;
  const groups = groupsOf(graph, flow, context.takesBits);
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
