/** The guarantee: whenever the power fails, the disk holds the last checkpoint whose write had ended, or a newer one. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { encodeCheckpoint } from "../ts/io/checkpoint-file.ts";
import { type CheckpointStore, fileStore, previousPath } from "../ts/io/checkpoint-store.ts";
import { decodeRun, readRun } from "../ts/train/run/checkpoint.ts";
import { newCourse, newRun } from "../ts/train/run/run.ts";
import { withFolder } from "./io-helpers.ts";
import { disksAfter, taped } from "./power-cut.ts";

/** A checkpoint that says its number. */
function numbered(number: number): Promise<readonly Uint8Array[]> {
  const course = newCourse({ epochs: 9, batchSize: 1, steps: 1 });
  const run = { ...newRun(1), epochs: number, course };
  return encodeCheckpoint({ run, history: [], facts: { seed: 1 }, tasks: {} }, [
    { name: "weights/a", shape: [3], bytes: new Uint8Array(Float32Array.of(number, 2, 3).buffer) },
  ]);
}

it("leaves a checkpoint that is whole and as new as it has to be, after every call and in every order", () =>
  withFolder(async (folder) => {
    const path = join(folder, "run.ckpt");
    const all = await Promise.all([1, 2, 3, 4].map(numbered));
    const tape = await taped(all.map((parts) => () => fileStore(path).write(parts)));
    let disks = 0;
    for (let length = 0; length <= tape.deeds.length; length++) {
      for (const { files, done } of disksAfter(tape, length)) {
        const store: CheckpointStore = {
          ...{ name: path, write: async () => {}, lock: async () => async () => {} },
          read: async (which) => files.get(which === "last" ? path : previousPath(path)) ?? null,
        };
        const found = await readRun(store).then(
          ({ run }) => run.epochs,
          () => 0,
        );
        expect(found, `${done} writes had ended, behind call ${length}`).toBeGreaterThanOrEqual(done);
        disks++;
      }
    }
    expect(disks).toBeGreaterThan(100);
    expect((await decodeRun(new Uint8Array(Buffer.concat([...(all[3] as readonly Uint8Array[])])))).run.epochs).toBe(4);
  }));
