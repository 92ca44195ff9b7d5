import { describe, expect, test } from "vitest";
import { changed, split, take } from "../ts/data/index.ts";
import { addressOf } from "../ts/program/place.ts";
import type { Pool } from "../ts/runtime/pool.ts";
import { createDataStore } from "../ts/train/plan/data-store.ts";
import { createRegion } from "../ts/train/plan/memory.ts";
import { createRooms } from "../ts/train/plan/rooms.ts";

/** A pool that is memory alone, and counts what is written to it. */
function memoryPool(limit = 1 << 20) {
  const memory = new Uint8Array(limit);
  const counts = { reserved: 0, written: 0 };
  const reserve = async (bytes: number): Promise<number> => {
    if (counts.reserved + bytes > limit) throw new Error("no more memory");
    const address = counts.reserved;
    counts.reserved += bytes;
    return address;
  };
  const write = async (address: number, bytes: Uint8Array): Promise<void> => {
    memory.set(bytes, address);
    counts.written += bytes.length;
  };
  return { pool: { reserve, write } as unknown as Pool, memory, counts };
}

const storeOf = (pool: Pool) => createDataStore(pool, createRooms(pool));

const fresh = (count: number, value = 1) => split(new Uint8Array(8 * count).fill(value), new Uint8Array(count), [8]);

describe("the data store", () => {
  test("keeps labels as 32 bits, and all that an example has", async () => {
    const { pool, memory } = memoryPool();
    const made = split(Int8Array.of(-1, 2), [3, 200], [1], { targets: [0.5, 1], sampleWeights: [1, 4] });
    const places = await storeOf(pool)(made);
    const at = <T>(place: typeof places.labels, read: (buffer: ArrayBuffer, address: number) => T): T =>
      read(memory.buffer, addressOf(place as NonNullable<typeof place>));
    expect(places).toMatchObject({ kind: "i8", scale: 1 / 128, offset: 0 });
    expect(at(places.images, (buffer, address) => [...new Int8Array(buffer, address, 2)])).toEqual([-1, 2]);
    expect(at(places.labels, (buffer, address) => [...new Uint32Array(buffer, address, 2)])).toEqual([3, 200]);
    expect(at(places.targets, (buffer, address) => [...new Float32Array(buffer, address, 2)])).toEqual([0.5, 1]);
    expect(at(places.sampleWeights, (buffer, address) => [...new Float32Array(buffer, address, 2)])).toEqual([1, 4]);
    expect(await storeOf(pool)(split([1], null, [1], { targets: [1] }))).toMatchObject({
      kind: "f32",
      labels: null,
      sampleWeights: null,
    });
  });

  test("finds a part of what it has, wherever that begins, and sends nothing", async () => {
    const { pool, memory, counts } = memoryPool();
    const at = storeOf(pool);
    const whole = split(
      Uint8Array.from({ length: 64 }, (_, i) => i),
      Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7),
      [8],
    );
    await at(whole);
    const { written } = counts;
    const part = { ...whole, count: 2, images: whole.images.subarray(24, 40), labels: whole.labels.subarray(3, 5) };
    const { images, labels } = await at(part);
    expect(memory[addressOf(images)]).toBe(24);
    expect(new Uint32Array(memory.buffer, addressOf(labels as NonNullable<typeof labels>), 2)).toEqual(
      Uint32Array.of(3, 4),
    );
    await at(take(whole, 3));
    expect(counts.written).toBe(written);
  });

  test("reads memory anew where it was changed in place, or a split was made of it again", async () => {
    const { pool, memory } = memoryPool();
    const at = storeOf(pool);
    const made = fresh(4);
    const first = async (): Promise<number | undefined> => memory[addressOf((await at(made)).images)];
    await first();
    made.images.fill(2);
    expect(await first()).toBe(1);
    changed(made);
    expect(await first()).toBe(2);
    made.images.fill(3);
    split(made.images, made.labels, [8]);
    expect(await first()).toBe(3);
  });

  test("gives the room of data sets that come and go to those that follow", async () => {
    const { pool, counts } = memoryPool();
    const at = storeOf(pool);
    const [train, validation] = [fresh(100), fresh(50)];
    for (let i = 0; i < 60; i++) {
      await at(train);
      await at(validation);
      await at(fresh(90));
    }
    const sizes = [100, 50, 90].map((count) => 12 * count);
    expect(counts.reserved).toBeLessThanOrEqual(2 * sizes.reduce((a, b) => a + b));
    const { written } = counts;
    await at(train);
    await at(validation);
    expect(counts.written).toBe(written);
  });

  test("makes room where memory cannot grow", async () => {
    const { pool, memory } = memoryPool(3000);
    const at = storeOf(pool);
    await at(fresh(100));
    const { images } = await at(fresh(120, 7));
    expect(memory[addressOf(images)]).toBe(7);
    await expect(at(fresh(1000))).rejects.toThrow("no more memory");
    expect(memory[addressOf((await at(fresh(120, 9))).images)]).toBe(9);
  });
});

test("rooms that are given back are joined", async () => {
  const { pool, counts } = memoryPool();
  const rooms = createRooms(pool);
  const given = [await rooms.take(100), await rooms.take(20), await rooms.take(64)];
  expect(given.map(({ address, bytes }) => [address, bytes])).toEqual([
    [0, 112],
    [112, 32],
    [144, 64],
  ]);
  for (const place of [2, 0, 1]) rooms.giveBack(given[place] as (typeof given)[number]);
  expect(await rooms.take(208)).toEqual({ address: 0, bytes: 208 });
  expect(counts.reserved).toBe(208);
});

test("a region that grows gives back what it has outgrown, and begins at a line of the cache", async () => {
  let end = 65_536;
  const reserve = async (bytes: number): Promise<number> => {
    const address = end;
    end += 65_536 * Math.ceil(bytes / 65_536);
    return address;
  };
  const rooms = createRooms({ reserve });
  await rooms.take(16);
  const region = createRegion(rooms);
  const first = await region.atLeast(1000);
  expect(first % 64).toBe(0);
  expect(await region.atLeast(500)).toBe(first);
  expect(await region.atLeast(1000)).toBe(first);
  const second = await region.atLeast(5000);
  expect(second % 64).toBe(0);
  expect(second).not.toBe(first);
  // The first place serves whoever comes next.
  expect((await rooms.take(1000)).address).toBe(first);
});
