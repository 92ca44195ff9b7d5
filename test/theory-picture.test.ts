/** A pair as a picture: numbers stand below the middle of their line, and left of the axis. */
import { expect, it } from "vitest";
import { decompose } from "../ts/quantizers/index.ts";
import { panelsOf } from "../ts/theory/panels.ts";
import { theoryPicture } from "../ts/theory/theory-picture.ts";

it("names the ends of both axes where their lines are", () => {
  const panels = panelsOf("bnn++", decompose("bnn++", { progress: 0.5, from: -3, to: 3 }), 0.5, -3, 3);
  const picture = theoryPicture("bnn++", ["decomposes"], panels);
  const across = picture.match(/<text[^>]*text-anchor="middle"[^>]*>-?[0-9.]+<\/text>/g) ?? [];
  expect(across.length).toBeGreaterThanOrEqual(3 * panels.length);
  const upwards = picture.match(/<text[^>]*text-anchor="end"[^>]*>-?[0-9.]+<\/text>/g) ?? [];
  expect(upwards.length).toBeGreaterThanOrEqual(3 * panels.length);
});
