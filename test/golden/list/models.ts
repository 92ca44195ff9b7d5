/** Every ready-made model at a small size, with the options that only some of them take. */
import { distinctModelNames } from "../../../ts/nn/index.ts";
import { small } from "../networks.ts";
import type { Run } from "../run.ts";

/** Sizes that leave every layer a border. The two models with hundreds of layers' worth of work take few steps. */
const sizes: Readonly<Record<string, Pick<Run, "fit" | "images"> & { readonly inputShape?: readonly number[] }>> = {
  cnn: { inputShape: [9, 9, 1], images: 20, fit: { batchSize: 6 } },
  resnet20: { inputShape: [8, 8, 3], images: 9, fit: { batchSize: 4, epochs: 1 } },
  fashion: { inputShape: [8, 8, 1], images: 9, fit: { batchSize: 4, epochs: 1 } },
  vit28: { inputShape: [8, 12, 1], images: 6, fit: { batchSize: 3, epochs: 1 } },
  cct2: { inputShape: [12, 8, 1], images: 6, fit: { batchSize: 3, epochs: 1 } },
  birealnet18: { inputShape: [17, 16, 3], images: 2, fit: { batchSize: 2, epochs: 1, validate: false } },
};

function sized(name: string, options: Parameters<typeof small>[1] = {}): Omit<Run, "name"> {
  const { inputShape = [8, 8, 1], ...less } = sizes[name] ?? {};
  return { network: () => small(name, { inputShape, ...options }), session: true, ...less };
}

export const models: readonly Run[] = [
  ...distinctModelNames.map((name): Run => ({ name: `model ${name}`, ...sized(name), everywhere: name === "small" })),
  { name: "model mlp, hard from the start", ...sized("mlp", { weightQuantizer: "bnn" }), session: false },
  { name: "model cnn, binary stem and head", ...sized("cnn", { binaryStem: true, binaryHead: true }) },
  { name: "model fashion, ReActNet's layers", ...sized("fashion", { reactnet: true }), everywhere: true },
  { name: "model resnet20, ReActNet's layers", ...sized("resnet20", { reactnet: true }) },
];
