/** A session's facts: what a model file tells of it before anything runs. */
import type { LoadedModel } from "../io/model-reader.ts";
import type { Graph } from "../nn/graph.ts";
import { inputShapeOf, outputsOf, shapesOf } from "../nn/network.ts";
import { elementsOf, type Shape } from "../nn/shapes.ts";
import { type Classify, classNamesOf } from "./classes.ts";
import type { Explanation } from "./explain-session.ts";

/** A result of a network, by the name of its layer. */
export interface OutputFact {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The facts that any session tells. */
export interface SessionFacts {
  readonly graph: Graph;
  /**
   * The texts that the trainer wrote into the file: data set, classes, scale and offset of the input. `digest` is "none"
   * where the file has no digest, so that damage could go unseen.
   */
  readonly metadata: Readonly<Record<string, string>>;
  /** The shape of one image, or of whatever the network reads. */
  readonly inputShape: readonly number[];
  /** Floats of the first output. */
  readonly classes: number;
  /** The results of the network and the shape that each has for an image, the first as `run` returns it. */
  readonly outputs: readonly OutputFact[];
  /** The names of the classes out of the file, or their numbers. */
  readonly classNames: readonly string[];
  /**
   * Says which classes a picture shows, of any size and kind: it becomes the network's input as the file says.
   *
   * The probabilities are those of one class out of all: the softmax of the first output, or that output itself where the
   * network ends in softmax. Where a picture may show several classes, `labels`, each has the sigmoid of its number instead, or
   * that number itself where the network ends in sigmoid.
   *
   * @throws ProxbitError `image` for a picture that cannot be had, `argument` for anything else, `shape` where the network
   * reads no pictures, and as `run`.
   */
  readonly classify: Classify;
  /**
   * Says what runs: the kernel of each layer, and what keeps it off a faster one. Pages load the code for it at the first call.
   *
   * @throws ProxbitError `worker` where the session was closed, `environment` where that code cannot be loaded.
   */
  explain(): Promise<Explanation>;
}

/** The facts of sessions of one file. */
export function factsOf(model: LoadedModel): Omit<SessionFacts, "explain" | "classify"> {
  const { graph, digest } = model;
  const metadata = digest === null ? { ...model.metadata, digest: "none" } : model.metadata;
  const shapes = shapesOf(graph);
  const outputs = outputsOf(graph).map((name) => ({ name, shape: shapes.get(name) as Shape }));
  return {
    graph,
    metadata,
    inputShape: inputShapeOf(graph),
    classes: elementsOf(outputs[0]?.shape ?? []),
    classNames: classNamesOf(model),
    outputs,
  };
}
