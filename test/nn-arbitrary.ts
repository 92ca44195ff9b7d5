/** Random networks for property tests, and the error that a call throws. */

import { isProxbitError, type ProxbitError } from "../ts/base/errors.ts";
import { functional, type Graph, input, type Layer, layers, type SymbolicTensor } from "../ts/nn/index.ts";
import { quantizer, quantizerNames } from "../ts/quantizers/index.ts";
import { endsAsSigns, isForWeightsAlone } from "../ts/quantizers/weight-quantizers.ts";
import fc from "./fast-check.ts";

/** The ProxbitError that `call` throws; fails where it returns or throws anything else. */
export function thrownBy(call: () => unknown): ProxbitError {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    if (isProxbitError(error)) return error;
    throw new Error("threw something other than a ProxbitError", { cause: error });
  }
  throw new Error(`threw nothing, returned ${JSON.stringify(result)}`);
}

const choice = fc.option(fc.constantFrom(...quantizerNames), { nil: null });
const activationChoice = fc.option(
  fc.constantFrom(...quantizerNames.filter((name) => !isForWeightsAlone(quantizer(name)))),
  { nil: null },
);
const small = fc.integer({ min: 1, max: 3 });

/** A layer that takes any image and gives an image. */
const imageLayers: fc.Arbitrary<() => Layer> = fc.oneof(
  fc
    .record({
      filters: fc.integer({ min: 1, max: 8 }),
      kernelSize: fc.tuple(small, small),
      strides: fc.tuple(small, small),
      padValue: fc.constantFrom("zero" as const, "one" as const),
      useBias: fc.boolean(),
      weightQuantizer: choice,
      activationQuantizer: activationChoice,
      overflow: fc.constantFrom(null, "saturate" as const, "wrap" as const),
    })
    .map(({ overflow, ...options }) => {
      const signs = [options.weightQuantizer, options.activationQuantizer].every(
        (name) => name !== null && endsAsSigns(quantizer(name)),
      );
      return () => layers.conv2d({ ...options, accumulator: signs ? overflow : null, padding: "same" });
    }),
  fc.tuple(small, small).map((poolSize) => () => layers.maxPool2d({ poolSize, padding: "same" })),
  fc
    .record({ poolSize: small, strides: small })
    .map((options) => () => layers.avgPool2d({ ...options, padding: "same" })),
  fc.constant(() => layers.batchNorm()),
  fc.constant(() => layers.hardTanh()),
  fc.constant(() => layers.shift()),
  fc.constant(() => layers.prelu()),
  fc.constant(() => layers.adaptiveSign()),
);

/** Chains with forks: some layers are followed by the sum of their value with itself passed through batch norm. */
export const graphs: fc.Arbitrary<Graph> = fc
  .record({
    shape: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 })),
    body: fc.array(fc.tuple(imageLayers, fc.boolean()), { minLength: 1, maxLength: 6 }),
    units: fc.integer({ min: 1, max: 12 }),
    head: fc.constantFrom("none", "flatten", "mean"),
  })
  .map(({ shape, body, units, head }) => {
    const start = input({ shape });
    let tensor: SymbolicTensor = start;
    for (const [make, fork] of body) {
      tensor = make().apply(tensor);
      if (fork) tensor = layers.add().apply([layers.batchNorm().apply(tensor), tensor]);
    }
    const vector = head === "mean" ? layers.globalAvgPool2d() : layers.flatten();
    if (head !== "none") tensor = layers.dense({ units }).apply(vector.apply(tensor));
    return functional({ inputs: start, outputs: tensor });
  });
