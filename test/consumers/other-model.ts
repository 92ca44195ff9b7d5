/**
 * A model file that every consumer runs beside the trained one: it has what the first half of inference lacks, so that a
 * bundler has to find the second half and the other core as well.
 */
import { packedShape } from "../../ts/io/bits.ts";
import { encodeModel } from "../../ts/io/model-file.ts";
import { layers, sequential } from "../../ts/nn/index.ts";
import { packedParametersOf } from "../../ts/nn/parameters.ts";
import { elementsOf, kernelMatrix } from "../../ts/nn/shapes.ts";

const graph = sequential({ inputShape: [12, 12, 1], name: "other" }, [
  layers.conv2d({ filters: 8, kernelSize: 3 }),
  layers.layerNorm(),
  layers.binaryConv2d({ filters: 6, kernelSize: 3, accumulator: "saturate" }),
  layers.activation({ activation: "tanh" }),
  layers.flatten(),
  layers.dense({ units: 4 }),
  layers.softmax(),
]);

/** Numbers that differ, whose sums stay small. */
const parameters = packedParametersOf(graph).map((parameter) => {
  const latent = parameter.role === "latent";
  const count = elementsOf(latent ? packedShape(kernelMatrix(parameter)) : parameter.shape);
  const digits = Array.from({ length: count }, (_, i) => (i * 37 + 11) % 17);
  // A filter of 72 signs fills its nine bytes.
  const values = latent
    ? Uint8Array.from(digits, (digit) => 15 * digit)
    : Float32Array.from(digits, (digit) => (digit - 8) / 32);
  return [parameter.name, values] as const;
});

/** Its bytes as hexadecimal digits. */
export const otherModel = Buffer.from(
  encodeModel({ graph, parameters: new Map(parameters), metadata: { inputScale: "0.0078125", inputOffset: "-1" } }),
).toString("hex");
