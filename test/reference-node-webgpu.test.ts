import { describe } from "vitest";
import { check } from "../ts/reference/index.ts";
import { testRoute } from "./reference-suite.ts";

// Dawn is Chromium's WebGPU too, where the largest network is compared.
const models = ["mlp", "cnn", "resnet20"];

describe("webgpu in Node", () => {
  testRoute({ backend: "webgpu", host: "Node", run: check, models });
});
