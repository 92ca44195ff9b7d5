/** A mutant is one small change of one file, as a tool proposes it. The sample is drawn from all of them. */
import { createHash } from "node:crypto";

export interface Mutant {
  /** Names the mutant by its line's text, not by its number. So it is found again after changes elsewhere. */
  readonly key: string;
  readonly room: string;
  readonly file: string;
  readonly line: number;
  readonly kind: string;
  readonly original: string;
  readonly replacement: string;
  /** The change itself: characters of the file's text from `start` to `end` give way to `text`. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export type Place = Omit<Mutant, "key" | "line" | "original">;

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Mutants of one file's `content`, with their keys. Two that nothing tells apart are numbered in the file's order. */
export function identify(places: readonly Place[], content: string): Mutant[] {
  const seen = new Map<string, number>();
  return places.map((place) => {
    const original = content.slice(place.start, place.end);
    const from = content.lastIndexOf("\n", place.start - 1) + 1;
    const end = content.indexOf("\n", place.start);
    const line = content.slice(from, end < 0 ? content.length : end).trim();
    const name = JSON.stringify([place.kind, line, original, place.replacement]);
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    const key = `${place.file}#${digest(`${name} ${count}`).slice(0, 12)}`;
    return { ...place, key, line: content.slice(0, place.start).split("\n").length, original };
  });
}

export const mutated = (mutant: Mutant, content: string): string =>
  content.slice(0, mutant.start) + mutant.text + content.slice(mutant.end);

/**
 * About `count` mutants in random order, every room in proportion to its own, at least four of each. The seed and the
 * keys alone choose them. So a mutant elsewhere that comes or goes does not change the sample.
 */
export function draw(mutants: readonly Mutant[], seed: number, count: number): Mutant[] {
  const rank = new Map(mutants.map((mutant) => [mutant, digest(`${seed} ${mutant.key}`)]));
  const byRank = (a: Mutant, b: Mutant): number => ((rank.get(a) ?? "") < (rank.get(b) ?? "") ? -1 : 1);
  const drawn = [...Map.groupBy(mutants, ({ room }) => room).values()].flatMap((all) =>
    all.sort(byRank).slice(0, Math.max(4, Math.round((count * all.length) / mutants.length))),
  );
  return drawn.sort(byRank);
}
