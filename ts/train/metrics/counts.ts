/** Right and wrong answers, class by class, and the matrix of all classes against all. */
import { integerIn, reading } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { type Answers, classesOf, firstMaximum, saysYes } from "./answers.ts";

/** The answers that concern a class. */
export interface Counts {
  /** It is true, and answered. */
  right: number;
  /** It is true, and something else is answered. */
  missed: number;
  /** It is answered, and not true. */
  wrong: number;
}

/** The counts of `size` outputs before any answer. */
export const noCounts = (size: number): readonly Counts[] =>
  Array.from({ length: size }, () => ({ right: 0, missed: 0, wrong: 0 }));

/**
 * Adds answers to the counts of each output: of classes by the largest output, of several labels by the outputs above 0. A NaN
 * answers nothing.
 */
export function addCounts(counts: readonly Counts[], answers: Answers): void {
  const { outputs, size, split } = answers;
  const classes = classesOf(answers);
  const count = (place: number, isTrue: boolean, isAnswered: boolean): void => {
    const own = counts[place] as Counts;
    if (isTrue) own[isAnswered ? "right" : "missed"]++;
    else if (isAnswered) own.wrong++;
  };
  if (classes === null) {
    for (const [i, value] of outputs.entries()) count(i % size, saysYes(split.targets?.[i] ?? 0), value > 0);
    return;
  }
  for (let example = 0; example < classes.length; example++) {
    const row = outputs.subarray(example * size, (example + 1) * size);
    const answer = firstMaximum(row);
    const truth = classes[example] as number;
    const isRight = answer === truth && !Number.isNaN(row[truth]);
    count(truth, true, isRight);
    if (answer !== truth && !Number.isNaN(row[answer])) count(answer, false, true);
  }
}

/**
 * The confusion matrix `[true class][answered class]`: how many examples of each class were given to which.
 *
 * @param predictions classes, as `evaluate` gives them
 * @param classes their number, 1 to 8192
 * @throws ProxbitError `shape` where there are not as many predictions as labels; `data` for a class beyond `classes`;
 * `argument` for anything else
 */
export const confusionMatrix = (
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): readonly (readonly number[])[] => {
  const [answers, truth] = reading("confusionMatrix", "two lists of class numbers, and the number of classes", () => [
    Array.from(predictions, Number),
    Array.from(labels, Number),
  ]);
  const most = integerIn(classes, 1, MOST_CLASSES, "classes", { code: "argument", what: "confusionMatrix" });
  return matrixOf(answers, truth, most);
};

/** A matrix of more classes takes gigabytes, and nobody looks at it. */
const MOST_CLASSES = 8192;

function matrixOf(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): readonly (readonly number[])[] {
  if (predictions.length !== labels.length) {
    throw new ProxbitError(
      "shape",
      `${predictions.length} predictions cannot be held against ${labels.length} labels`,
      "Give the predictions of all examples, and the labels of the same examples.",
    );
  }
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let example = 0; example < labels.length; example++) {
    const [row, answer] = [matrix[labels[example] as number], predictions[example] as number];
    if (row?.[answer] === undefined) {
      throw new ProxbitError(
        "data",
        `example ${example} is of class ${labels[example]} and was given to ${answer}, and there are ${classes} classes`,
        "Give the number of the network's classes.",
      );
    }
    row[answer] = (row[answer] as number) + 1;
  }
  return matrix;
}
