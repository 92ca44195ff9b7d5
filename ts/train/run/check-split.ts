/** Checks of what the caller gives to the trainer: each error names what was expected, what was given, and the remedy. */
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Split } from "../../data/dataset.ts";
import { inputShapeOf } from "../../nn/network.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import type { Engine } from "./engine.ts";

/** That images and labels of `split` fit the network. */
export function checkSplit(engine: Engine, split: Split): void {
  const wanted = inputShapeOf(engine.graph);
  const given: Shape = split.shape;
  if (wanted.length !== given.length || wanted.some((axis, i) => axis !== given[i])) {
    throw new ProxbitError(
      "shape",
      `the network takes images of [${wanted.join(", ")}], the data set has [${given.join(", ")}]`,
      "Build the model with inputShape equal to the data set's shape [height, width, channels].",
    );
  }
  const { count, images, labels } = split;
  const bytes = count * elementsOf(wanted);
  if (!(count > 0 && images instanceof Uint8Array && images.length === bytes && labels.length === count)) {
    throw new ProxbitError(
      "data",
      `a split of ${describe(count)} images has ${describe(labels.length)} labels and ${describe(images.length)} bytes of pixels`,
      "Make the split with split() of proxbit/data, which checks what it is given.",
    );
  }
  const output = engine.shapes.get(engine.graph.output) ?? [];
  if (output.length !== 1) {
    throw new ProxbitError(
      "shape",
      `the network's output "${engine.graph.output}" has shape [${output.join(", ")}], not [classes]`,
      "End the network with flatten and a dense layer of one unit a class.",
    );
  }
  const classes = output[0] as number;
  const worst = labels.reduce((most, label) => Math.max(most, label), 0);
  if (worst >= classes) {
    throw new ProxbitError(
      "data",
      `a label is ${worst}, but the network has ${classes} outputs, for labels 0 to ${classes - 1}`,
      `Give the last layer at least ${worst + 1} units.`,
    );
  }
}
