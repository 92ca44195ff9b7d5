/** The guarantee of each golden subject, a test file of its own for each, so that they run side by side. */
import { expect, test } from "vitest";
import { compareSubject } from "./compare.ts";
import { subjects } from "./subjects.ts";

const MINUTES = 60_000;

/** Today's code makes the golden figures of that subject. `npm run golden` says the same for a part of them. */
export function testGolden(name: "runs" | "sessions" | "check" | "texts"): void {
  test(name, { timeout: 30 * MINUTES }, async () => {
    const { subject, store } = subjects.find((one) => one.subject.name === name) as (typeof subjects)[number];
    expect(await compareSubject({ subject, store, isWanted: () => true })).toEqual([]);
  });
}
