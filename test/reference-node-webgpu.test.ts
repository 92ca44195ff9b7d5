import { describe } from "vitest";
import { check } from "../ts/reference/index.ts";
import { testRoute } from "./reference-suite.ts";

describe("webgpu in Node", () => testRoute("webgpu in Node", check));
