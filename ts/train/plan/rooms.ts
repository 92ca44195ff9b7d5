/** Memory for data sets that come and go: stretches that are given back are joined with their neighbours, and used again. */
import type { Range } from "../../program/place.ts";
import type { Pool } from "../../runtime/pool.ts";

export interface Rooms {
  /** The address of `bytes` bytes, a multiple of 16; memory grows where no free stretch is large enough. */
  readonly take: (bytes: number) => Promise<Range>;
  readonly giveBack: (room: Range) => void;
}

const ALIGNMENT = 16;

export function createRooms(pool: Pick<Pool, "reserve">): Rooms {
  /** By address; no two of them touch. */
  let free: readonly Range[] = [];
  const giveBack = (room: Range): void => {
    const joined: Range[] = [];
    for (const next of [...free, room].sort((a, b) => a.address - b.address)) {
      const last = joined.at(-1);
      if (last !== undefined && last.address + last.bytes === next.address) {
        joined[joined.length - 1] = { address: last.address, bytes: last.bytes + next.bytes };
      } else joined.push(next);
    }
    free = joined;
  };
  return {
    take: async (wanted) => {
      const bytes = Math.ceil(wanted / ALIGNMENT) * ALIGNMENT;
      const fitting = free.filter((room) => room.bytes >= bytes);
      const smallest = fitting.reduce<Range | undefined>(
        (a, b) => (a !== undefined && a.bytes <= b.bytes ? a : b),
        undefined,
      );
      if (smallest === undefined) return { address: await pool.reserve(bytes), bytes };
      const { address } = smallest;
      free = free.flatMap((room) => {
        if (room !== smallest) return [room];
        return room.bytes === bytes ? [] : [{ address: address + bytes, bytes: room.bytes - bytes }];
      });
      return { address, bytes };
    },
    giveBack,
  };
}
