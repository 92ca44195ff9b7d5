/** Mutants of every file that is read end as they must, and the fuzzer notices one that does not. */
import { expect, test } from "vitest";
import { fuzz, mutant, type Target } from "../scripts/fuzzing/target.ts";
import { withTargets } from "../scripts/fuzzing/targets.ts";
import { ProxbitError } from "../ts/base/errors.ts";

/** A clock that stands still: no test is timed. */
const stopped = { now: () => 0 };

test("a hundred mutants of each kind of file are read, or refused with a typed error", async () => {
  await withTargets(async (targets) => {
    expect(targets.length).toBeGreaterThanOrEqual(10);
    for (const target of targets) {
      const { faults, accepted } = await fuzz(target, { seed: 5, count: 100, ...stopped });
      expect(faults, target.name).toEqual([]);
      // Else its mutants would never get past the first check, or its samples would be read anyhow.
      expect(accepted, target.name).toBeGreaterThan(0);
      expect(accepted, target.name).toBeLessThan(100);
    }
  });
});

const target = (read: Target["read"]): Target => ({
  name: "any",
  draw: (random) => Uint8Array.of(random.below(4)),
  read,
});
const outcome = (read: Target["read"], now = stopped.now) => fuzz(target(read), { seed: 1, count: 1, now });

test("a fault is an untyped error, a wrong acceptance, and no answer within two seconds, twice", async () => {
  expect(await outcome(async () => null)).toMatchObject({ accepted: 1, faults: [] });
  const refuse = async () => {
    throw new ProxbitError("data", "bad", "Mend it.");
  };
  expect(await outcome(refuse)).toMatchObject({ accepted: 0, faults: [] });
  const fail = async () => {
    throw new TypeError("cannot read");
  };
  expect((await outcome(fail)).faults).toMatchObject([{ fault: expect.stringContaining("no typed error: TypeError") }]);
  expect((await outcome(async () => "another")).faults).toEqual([{ mutant: 0, fault: "wrongly accepted: another" }]);

  let time = 0;
  const slow = async () => {
    time += 2001;
    return null;
  };
  expect((await outcome(slow, () => time)).faults).toEqual([{ mutant: 0, fault: "hangs for 2001 ms" }]);
  let first = true;
  const onceSlow = async () => {
    if (first) time += 2001;
    first = false;
    return null;
  };
  expect((await outcome(onceSlow, () => time)).faults).toEqual([]);
});

test("a seed and a number name a mutant", () => {
  const drawn = (seed: number) =>
    Array.from(
      { length: 20 },
      (_, number) =>
        mutant(
          target(async () => null),
          seed,
          number,
        )[0],
    );
  expect(drawn(1)).toEqual(drawn(1));
  expect(drawn(1)).not.toEqual(drawn(2));
});
