/** Noise of a few images, on which a quick run of long training only shows that it works. */
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import { split } from "../../ts/data/index.ts";

/** The same bytes at each call: 64 images to train on and 32 to test on, 8 x 8 pixels, of four classes. */
export function noise(): Dataset<Split> {
  let state = 1;
  const drawn = (count: number): Split => {
    const images = Uint8Array.from({ length: count * 64 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    });
    const labels = Array.from({ length: count }, (_, index) => index % 4);
    return split(images, labels, [8, 8, 1], { classes: 4 });
  };
  return { name: "noise", classes: ["0", "1", "2", "3"], train: drawn(64), test: drawn(32) };
}
