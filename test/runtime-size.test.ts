/** The size of a page's download: every build of the core stays below its bound. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { variants } from "../ts/runtime/variants.ts";

const MOST_BYTES = 150_000;

test.each(variants)("the core %s takes at most 150 kB, compressed", (variant) => {
  const file = readFileSync(new URL(`../ts/wasm/${variant}/proxbit_wasm_bg.wasm`, import.meta.url));
  expect(gzipSync(file, { level: 9 }).length).toBeLessThanOrEqual(MOST_BYTES);
});
