/** Properties of the cross-entropy of batches. */
import fc from "../fast-check.ts";
import { numbers, seeds } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const loss = property(
  "softmax cross-entropy: loss, right answers, predictions, gradient",
  fc.record({
    rows: fc.integer({ min: 1, max: 30 }),
    classes: fc.integer({ min: 2, max: 40 }),
    smoothing: fc.constantFrom(0, 0, 0.1, 0.9),
    weighted: fc.boolean(),
    seed: seeds,
  }),
  (bench, { rows, classes, smoothing, weighted, seed }) => {
    const random = numbers(seed);
    const [valid, inverse] = [random.below(rows + 1), Math.fround(1 / rows)];
    const logits = random.reals(rows * classes).map((value) => value * 10 ** random.below(3));
    const labels = Uint32Array.from(random.bytes(rows, classes));
    const weight = weighted ? random.between(rows, 0, 3) : new Float32Array(rows).fill(1);
    const weights = weighted ? bench.input(weight) : null;
    const given = { logits: bench.input(logits), labels: bench.input(labels), weights };
    const live = smoothing === 0 ? null : bench.input(Float64Array.of(smoothing));
    const inputs = { ...given, rows, validRows: valid, classes, inverseBatch: inverse, smoothing: live };
    const [gradient, predictions] = [bench.output(Float32Array, rows * classes), bench.output(Uint32Array, rows)];
    const result = bench.output(Float64Array, 2);
    const results = { dlogits: gradient, result, predictions };
    status("softmax_cross_entropy", bench.call(k.softmaxCrossEntropy({ ...inputs, ...results })), 0);
    const expected = new Float64Array(rows * classes);
    let [total, correct] = [0, 0];
    for (let row = 0; row < valid; row++) {
      const z = [...logits.subarray(row * classes, (row + 1) * classes)];
      const most = Math.max(...z);
      const sum = z.reduce((add, value) => add + Math.exp(value - most), 0);
      const label = labels[row]!;
      correct += Number(z.indexOf(most) === label);
      if (predictions.read()[row] !== z.indexOf(most)) throw new Error(`row ${row}: not the first maximum`);
      z.forEach((value, i) => {
        const truth = (1 - smoothing) * Number(i === label) + smoothing / classes;
        total += weight[row]! * truth * (Math.log(sum) + most - value);
        expected[row * classes + i] = weight[row]! * (Math.exp(value - most) / sum - truth) * inverse;
      });
    }
    const [found, right] = result.read();
    within("loss", [found!], [total], () => 1e-12 * (1 + total));
    sameNumbers("right answers", Float64Array.of(right!), [correct]);
    within("gradient", gradient.read(), expected, (i) => unit * Math.abs(expected[i]!) + 1e-14);
    const again = bench.output(Float64Array, 2);
    const short = k.softmaxCrossEntropy({ ...inputs, dlogits: null, result: again, predictions: null });
    status("softmax_cross_entropy", bench.call(short), 0);
    sameBits("loss without gradient", again.read(), result.read());
    if (valid === 0) return;
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = logits.slice();
      broken[random.below(valid * classes)] = bad;
      const call = k.softmaxCrossEntropy({ ...inputs, logits: bench.input(broken), ...results });
      status(`softmax_cross_entropy of ${bad}`, bench.call(call), 1);
    }
    const wrong = labels.map((label, row) => (row === valid - 1 ? classes : label));
    const call = k.softmaxCrossEntropy({ ...inputs, labels: bench.input(wrong), ...results });
    status("softmax_cross_entropy of a label that is no class", bench.call(call), 1);
  },
);

export const crossEntropyProperties = [loss];
