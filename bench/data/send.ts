/** The time from a data set in the caller's memory to the same in the workers' memory. */

import { median } from "../../ts/base/quantiles.ts";
import { split, take } from "../../ts/data/index.ts";
import { createPool } from "../../ts/runtime/pool.ts";
import { createDataStore } from "../../ts/train/plan/data-store.ts";
import { createRooms } from "../../ts/train/plan/rooms.ts";
import type { Benchmark } from "../frame/benchmark.ts";

const IMAGE = 28 * 28;
const COUNTS = [64_000, 128_000, 256_000];

export const send: Benchmark = {
  title: "Data sets on their way to the workers",
  about:
    "The time until images of 28 x 28 bytes with their labels lie in the workers' memory, and until 100 images out of each lie there. A copy of the bytes within the caller's thread stands beside it.",
  async *run({ quick, expect, tick, atEnd }) {
    const rounds = quick ? 3 : 9;
    expect(rounds * COUNTS.length);
    const pool = await createPool({ workers: 2 });
    atEnd(pool.close);
    const rows: string[][] = [];
    for (const count of COUNTS) {
      const whole = split(new Uint8Array(count * IMAGE), new Uint8Array(count), [28, 28, 1]);
      const times: [number, number, number][] = [];
      const rooms = createRooms(pool);
      for (let round = 0; round < rounds; round++) {
        // A store of its own does not know the data set yet. It uses the memory of the round before.
        let taken: Awaited<ReturnType<typeof rooms.take>>[] = [];
        const store = createDataStore(pool, {
          ...rooms,
          take: async (bytes) => {
            const room = await rooms.take(bytes);
            taken = [...taken, room];
            return room;
          },
        });
        const timed = async (work: () => unknown): Promise<number> => {
          const began = performance.now();
          await work();
          return performance.now() - began;
        };
        times.push([
          await timed(() => store(take(whole, 100))),
          await timed(() => store(whole)),
          await timed(() => whole.images.slice()),
        ]);
        for (const room of taken) rooms.giveBack(room);
        tick();
      }
      const middle = [0, 1, 2].map((part) => median(times.slice(1).map((time) => time[part] as number)));
      const [few = 0, all = 0, copied = 0] = middle;
      rows.push([`${((count * IMAGE) / 1e6).toFixed(0)} MB`, ...[all, copied, few].map((ms) => ms.toFixed(1))]);
    }
    const columns = ["images", "all, ms", "a copy in the caller's thread, ms", "the first 100, ms"];
    yield { type: "table", title: "Medians", columns, rows };
  },
};
