/** A session's facts: what a model file tells of it before anything runs. */
import type { LoadedModel } from "../io/model-file.ts";
import type { Graph } from "../nn/graph.ts";
import { inputShapeOf, outputsOf, shapesOf } from "../nn/network.ts";
import { elementsOf, type Shape } from "../nn/shapes.ts";
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
  explain(): Explanation;
}

/** The facts of sessions of one file. */
export function factsOf({ graph, metadata: texts, digest }: LoadedModel): Omit<SessionFacts, "explain"> {
  const metadata = digest === null ? { digest: "none", ...texts } : texts;
  const shapes = shapesOf(graph);
  const outputs = outputsOf(graph).map((name) => ({ name, shape: shapes.get(name) as Shape }));
  return { graph, metadata, inputShape: inputShapeOf(graph), classes: elementsOf(outputs[0]?.shape ?? []), outputs };
}
