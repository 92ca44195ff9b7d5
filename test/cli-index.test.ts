/** The public entry: a name that disappears from it breaks somebody's program. */
import { expect, it } from "vitest";
import * as proxbit from "../ts/index.ts";

it("exports these values and no others", () => {
  expect(Object.keys(proxbit).sort()).toEqual([
    "ProxbitError",
    "Trainer",
    "backwardValue",
    "birealnet18",
    "caseOptimizer",
    "cnn",
    "formatSummary",
    "formatTrainingExplanation",
    "formatTrainingProfile",
    "forwardValue",
    "functional",
    "input",
    "isProxbitError",
    "layers",
    "mlp",
    "model",
    "modelNames",
    "optimizers",
    "parametersOf",
    "quantizer",
    "quantizerNames",
    "quantizers",
    "resnet20",
    "schedules",
    "sequential",
    "shapesOf",
    "summary",
    "validateGraph",
  ]);
});
