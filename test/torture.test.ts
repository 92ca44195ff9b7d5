/** One trial of each kind that `npm run torture` makes by the hundred: a run that is killed ends in the bytes of a whole one. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { PAUSE, runChild, tortureProcess } from "../scripts/torture/trials.ts";
import { randomStream } from "../ts/nn/random.ts";

let whole: { readonly bytes: Uint8Array; readonly milliseconds: number; readonly steps: number };

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-torture-"));
  const out = join(folder, "model.safetensors");
  const order = { out, checkpoint: join(folder, "run.ckpt"), every: 1e6, pause: PAUSE };
  const setting = { workers: 1, variant: undefined };
  const { code, milliseconds } = await runChild({ ...order, fault: { kind: "none" }, setting }, null);
  expect(code).toBe(0);
  whole = { bytes: new Uint8Array(await readFile(out)), milliseconds, steps: 120 };
  await rm(folder, { recursive: true });
});

it.each(["kill", "worker", "write", "full", "lock"] as const)("%s", async (kind) => {
  const trial = await tortureProcess(kind, randomStream(3, `test/${kind}`), whole);
  expect(trial).toMatchObject({ kind, isSame: true, why: "" });
});
