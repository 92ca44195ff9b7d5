/** Checks of a data set before the first step. */
import { isList, plainObject } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Dataset, Examples } from "../../data/dataset.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { checkExamples } from "./check-split.ts";
import type { Engine } from "./engine.ts";

const MAKE = "Make the data set with makeDataset() of proxbit/data, which fills in what is missing.";

/**
 * The data set, which has all its parts, and they fit the network; the examples to test on only where they are `tested`.
 *
 * @throws ProxbitError "argument" for a part that is missing or of the wrong kind, "data" and "shape" for what does not fit.
 */
export function checkData(engine: Engine, given: Dataset<Examples>, tested: boolean): Dataset<Examples> {
  const parts = ["name", "classes", "train", "test", "input"];
  const data = plainObject(given, parts, { code: "argument", what: "the data set" }) as unknown as Dataset<Examples>;
  const { name, classes, train, test } = data;
  if (typeof name !== "string") throw wrong("name", "a text", name);
  if (!isList(classes) || !classes.every((word) => typeof word === "string")) {
    throw wrong("classes", "a list of texts, empty where examples have no classes", classes);
  }
  if (train === undefined) throw wrong("train", "a split or a stream", train);
  checkExamples(engine, train);
  if (tested) {
    if (test === undefined) {
      throw new ProxbitError(
        "argument",
        "the data set has no test examples, which are evaluated after every epoch",
        `Give test, or validate: false. ${MAKE}`,
      );
    }
    checkExamples(engine, test, engine.scoreTruth);
  }
  checkNames(engine, classes);
  return data;
}

/** Names of classes are those of the outputs, or there are none. */
function checkNames(engine: Engine, classes: readonly string[]): void {
  const outputs = elementsOf(engine.shapes.get(engine.graph.output) ?? []);
  if (classes.length === 0 || classes.length === outputs) return;
  throw new ProxbitError(
    "data",
    `the data set names ${classes.length} classes, and the network has ${outputs} outputs`,
    `Give ${outputs} names or none, or the last layer ${classes.length} units.`,
  );
}

const wrong = (part: string, expected: string, value: unknown): ProxbitError =>
  new ProxbitError("argument", `${part} of the data set must be ${expected}, not ${describe(value)}`, MAKE);
