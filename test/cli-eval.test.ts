/** The labels of a data set by the numbers of a network that was trained on another one. */
import { describe, expect, it } from "vitest";
import { labelsFor } from "../ts/cli/commands/eval.ts";
import { split } from "../ts/data/index.ts";
import { thrown } from "./io-helpers.ts";

const test = split([1, 2, 3], [0, 1, 2], [1]);
const dataOf = (classes: readonly string[], own = test) => ({ name: "own", classes, train: own, test: own });
const networkOf = (classNames: readonly string[]) => ({
  classNames,
  metadata: { classes: JSON.stringify(classNames) },
});

describe("the labels that eval counts", () => {
  it("are the network's numbers of the names", () => {
    const labels = labelsFor(networkOf(["b", "x", "a", "c"]) as never, dataOf(["a", "b", "c"]));
    expect([...Array.from(labels)]).toEqual([2, 0, 3]);
  });

  it("are those of the data where names are the same, however often one comes", () => {
    const labels = labelsFor(networkOf(["a", "a", "b"]) as never, dataOf(["a", "a", "b"]));
    expect(Array.from(labels)).toEqual([0, 1, 2]);
  });

  it.each([
    [
      ["a", "b", "a"],
      ["a", "a", "b"],
    ],
    [
      ["a", "b", "a"],
      ["a", "b"],
    ],
    [
      ["a", "b", "c"],
      ["a", "b", "c", "a"],
    ],
  ])("are refused for %j and %j", (classes, names) => {
    const { message } = thrown("data", () => labelsFor(networkOf(names) as never, dataOf(classes)));
    expect(message).toContain("two classes are called a");
  });

  it("are refused where the truth is real numbers", () => {
    const real = split([1, 2], null, [1], { targets: [1, 2] });
    const { message } = thrown("data", () => labelsFor(networkOf(["0", "1"]) as never, dataOf([], real)));
    expect(message).toBe("own has answers of real numbers, and eval counts the right classes");
  });
});
