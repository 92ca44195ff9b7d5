/**
 * Differences between builds of the core, which have most of their code in common. A difference is a list of parts: so
 * many new bytes, then so many bytes from a place of the base. `patched` in `ts/runtime/packed-files.ts` undoes it.
 */

/** The shortest run that is taken from the base, in bytes. */
const SHORTEST = 16;

/** `target` as a difference from `base`. Numbers are unsigned LEB128. */
export function deltaOf(base: Uint8Array, target: Uint8Array): Uint8Array {
  const places = new Map<string, number>();
  const keyAt = (bytes: Uint8Array, at: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + at, SHORTEST).toString("latin1");
  for (let at = 0; at + SHORTEST <= base.length; at++) places.set(keyAt(base, at), at);
  const out: number[] = [];
  let fresh = 0;
  const write = (end: number, place: number, length: number): void => {
    out.push(...unsigned(end - fresh));
    for (let at = fresh; at < end; at++) out.push(target[at] as number);
    out.push(...unsigned(place), ...unsigned(length));
    fresh = end + length;
  };
  for (let at = 0; at + SHORTEST <= target.length; ) {
    const place = places.get(keyAt(target, at));
    if (place === undefined) {
      at++;
      continue;
    }
    let length = SHORTEST;
    while (target[at + length] === base[place + length] && at + length < target.length) length++;
    write(at, place, length);
    at = fresh;
  }
  write(target.length, 0, 0);
  return Uint8Array.from(out);
}

function unsigned(value: number): readonly number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
