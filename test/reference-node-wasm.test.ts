import { describe } from "vitest";
import { check } from "../ts/reference/index.ts";
import { testRoute } from "./reference-suite.ts";

describe("wasm in Node", () => testRoute("wasm in Node", check));
