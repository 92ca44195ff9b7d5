/** The guarantee: today's code makes the golden figures. `npm run golden` says the same for a part of them. */
import { expect, test } from "vitest";
import { compareSubject } from "./compare.ts";
import { subjects } from "./subjects.ts";

const MINUTES = 60_000;

test.each(subjects.map((one) => ({ name: one.subject.name, ...one })))(
  "$name",
  { timeout: 30 * MINUTES },
  async ({ subject, store }) => {
    expect(await compareSubject({ subject, store, isWanted: () => true })).toEqual([]);
  },
);
