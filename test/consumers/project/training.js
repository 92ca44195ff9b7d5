/** Every consumer's training: eight steps of a small network, and the packed file as hexadecimal digits. */
import { layers, sequential, Trainer } from "proxbit";
import { bytes, hex } from "./inference.js";

const quantizers = { weightQuantizer: "bnn++", activationQuantizer: "poly" };

function network() {
  return sequential({ inputShape: [12, 12, 1] }, [
    layers.conv2d({ filters: 12, kernelSize: 3, useBias: false }),
    layers.maxPool2d(),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 20, kernelSize: 3, ...quantizers }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 4, ...quantizers }),
    layers.batchNorm(),
  ]);
}

function examples(count, seed) {
  const images = bytes(count * 12 * 12, seed);
  const labels = Uint8Array.from({ length: count }, (_, index) => images[index * 12 * 12] >> 6);
  return { count, images, labels, shape: [12, 12, 1], scale: 1 / 127.5, offset: -1 };
}

export async function train(options) {
  const trainer = await Trainer.create(network(), { workers: 2, seed: 3, ...options });
  try {
    const data = { name: "noise", classes: ["a", "b", "c", "d"], train: examples(64, 1), test: examples(32, 2) };
    for await (const _ of trainer.fit(data, { epochs: 2, batchSize: 16 }));
    return { file: hex(await trainer.pack()), workers: trainer.workers, variant: trainer.variant };
  } finally {
    trainer.close();
  }
}
