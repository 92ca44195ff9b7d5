/**
 * The guarantee of the barrier, in every order in which workers can reach its memory. Nobody leaves before all have
 * come, and nobody sleeps for ever. All leave with the same word. Each job is begun once.
 */
import { describe, expect, test } from "vitest";
import { type Crew, controlBytes, sharedCrew, soloCrew } from "../ts/runtime/barrier.ts";
import { type Exploration, explore, type Script } from "./interleavings.ts";

type Part = (crew: Crew, say: (word: string) => void) => void;

/** Meets at the end of `phase`, and says when it comes and with which word it leaves. */
const meet =
  (phase: number): Part =>
  (crew, say) => {
    say(`comes to ${phase}`);
    say(`leaves ${phase} with ${crew.meet(phase)}`);
  };

/** Takes jobs of `phase` until none is left. */
const work =
  (phase: number, jobs: number): Part =>
  (crew, say) => {
    for (let job = crew.draw(phase, jobs); job >= 0; job = crew.draw(phase, jobs)) say(`job ${phase}.${job}`);
  };

const fail =
  (place: number): Part =>
  (crew) =>
    crew.fail(place);

/**
 * Tries all orders of workers that each do their parts, with one look before they sleep. Nobody may leave before all
 * have come.
 */
function inAllOrders(...workers: readonly (readonly Part[])[]): Exploration {
  const scripts = workers.map((parts, index): Script => {
    return parts.map((part) => (words, say) => part(sharedCrew(words, index, workers.length, 1), say));
  });
  return explore(controlBytes(workers.length) / 4, scripts, (said) => {
    for (const words of said) {
      const left = words.findLast((word) => word.startsWith("leaves"))?.split(" ")[1];
      if (left === undefined) continue;
      const absent = said.filter((others) => !others.includes(`comes to ${left}`));
      if (absent.length > 0) throw new Error(`one has left ${left}, and ${absent.length} have not come there`);
    }
  });
}

/** The words of all orders alike, sorted, because the speaker may differ. */
function always({ ends, asleep }: Exploration): readonly string[] {
  expect(asleep).toBe(0);
  const sorted = new Set(ends.map((said) => JSON.stringify(said.flat().sort())));
  expect([...sorted]).toHaveLength(1);
  return JSON.parse([...sorted][0] ?? "[]") as readonly string[];
}

const twice = (words: readonly string[]): readonly string[] => words.flatMap((word) => [word, word]);

describe("in all orders of two workers", () => {
  test("both leave each meeting, three times in turn, and each job of the phases between is begun once", () => {
    const parts = [meet(0), work(1, 3), meet(1), work(2, 1), meet(2)];
    const explored = inAllOrders(parts, parts);
    expect(explored.states).toBeGreaterThan(1000);
    expect(always(explored)).toEqual([
      ...twice(["comes to 0", "comes to 1", "comes to 2"]),
      ...["job 1.0", "job 1.1", "job 1.2", "job 2.0"],
      ...twice(["leaves 0 with 0", "leaves 1 with 0", "leaves 2 with 0"]),
    ]);
  });

  test.each([0, 1])("a failure of worker %i in the next phase does not reach the meeting before", (which) => {
    const parts = [meet(0), meet(1)];
    const failing = [meet(0), fail(7), meet(1)];
    const words = always(which === 0 ? inAllOrders(failing, parts) : inAllOrders(parts, failing));
    expect(words).toEqual(twice(["comes to 0", "comes to 1", "leaves 0 with 0", "leaves 1 with 7"]));
  });

  test("the earliest of two failures wins, whoever comes first, and stays", () => {
    for (const [one, other] of [
      [3, 5],
      [5, 3],
    ] as const) {
      const words = always(inAllOrders([fail(one), fail(9), meet(0)], [fail(other), meet(0)]));
      expect(words).toEqual(twice(["comes to 0", "leaves 0 with 3"]));
    }
  });

  test("a run that begins anew has forgotten the failure of the one before", () => {
    const clear: Part = (crew) => crew.clear();
    // As runs begin: the leader clears, then all meet.
    const words = always(inAllOrders([fail(4), meet(0), clear, meet(1), meet(2)], [meet(0), meet(1), meet(2)]));
    expect(words.filter((word) => word.startsWith("leaves"))).toEqual(
      twice(["leaves 0 with 4", "leaves 1 with 0", "leaves 2 with 0"]),
    );
  });
});

test("in all orders of three workers all leave each meeting, twice in turn", () => {
  const parts = [meet(0), meet(1)];
  const explored = inAllOrders(parts, parts, parts);
  expect(explored.states).toBeGreaterThan(5000);
  expect(new Set(always(explored))).toEqual(
    new Set(["comes to 0", "comes to 1", "leaves 0 with 0", "leaves 1 with 0"]),
  );
});

test("alone, a worker takes every job once and meets nobody", () => {
  const crew = soloCrew();
  for (const phase of [0, 1, 2]) {
    const taken = [0, 1, 2, 3].map(() => crew.draw(phase, 3));
    expect(taken).toEqual([0, 1, 2, -1]);
    expect(crew.meet(phase)).toBe(0);
  }
  for (const place of [5, 3, 9]) crew.fail(place);
  expect([crew.meet(3), crew.meet(4)]).toEqual([3, 3]);
  crew.clear();
  expect(crew.meet(5)).toBe(0);
});
