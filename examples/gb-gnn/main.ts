/**
 * Learns from a few members of Zachary's karate club which side each other member took: `npm run example -- gb-gnn`, or
 * `node main.ts` where proxbit is installed.
 */
import { boost } from "./boosting.ts";
import { karate } from "./karate.ts";

const SCALES = 6;
/** Members of each side whose choice is known; the draws differ from run to run of the loop. */
const KNOWN = 3;
const DRAWS = 5;

/** The first nodes of each class in an order that `draw` turns. */
function labelledIn(draw: number): readonly number[] {
  const order = Array.from({ length: karate.nodes }, (_, i) => (i * 5 + draw * 7) % karate.nodes);
  return karate.classes.flatMap((_, side) => order.filter((node) => karate.labels[node] === side).slice(0, KNOWN));
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const rows: readonly (readonly [string, string | null])[] = [
  ["binary weights", "bnn"],
  ["real weights", null],
];
for (const [title, weightQuantizer] of rows) {
  const sums = new Float64Array(SCALES);
  for (let draw = 0; draw < DRAWS; draw++) {
    const options = { scales: SCALES, steps: 60, units: 32, weightQuantizer, seed: draw };
    const { scales } = await boost(karate, labelledIn(draw), options);
    for (const [t, { accuracy }] of scales.entries()) sums[t] = (sums[t] as number) + accuracy;
  }
  const means = Array.from(sums, (sum, t) => `${t + 1}: ${percent(sum / DRAWS)}`);
  console.log(`${title}, right among those not known, by scales: ${means.join(", ")}`);
}
