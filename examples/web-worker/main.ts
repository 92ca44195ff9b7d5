/**
 * Trains the network that the page loads, and writes it where Vite finds it: `npm run example -- web-worker`, or `node main.ts`
 * where proxbit is installed. The page itself is `npx vite examples/web-worker`.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { layers, optimizers, sequential, Trainer } from "proxbit";
import { mnist } from "proxbit/data";

const digits = await mnist();
const network = sequential({ inputShape: [28, 28, 1] }, [
  layers.conv2d({ filters: 16, kernelSize: 5, strides: 2, useBias: false }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 32, kernelSize: 3, strides: 2, weightQuantizer: "bnn", activationQuantizer: "poly" }),
  layers.batchNorm(),
  layers.relu(),
  layers.flatten(),
  layers.dense({ units: 10 }),
]);
const trainer = await Trainer.create(network, { optimizer: optimizers.adam({ learningRate: 0.005 }), seed: 1 });
for await (const event of trainer.fit(digits, { epochs: 3, augment: { shift: 2 } })) {
  if (event.type === "epoch") console.log(`epoch ${event.epoch}: ${event.validation?.accuracy}`);
}
const folder = new URL("./public/", import.meta.url);
await mkdir(folder, { recursive: true });
await writeFile(new URL("digits.safetensors", folder), await trainer.pack());
trainer.close();
