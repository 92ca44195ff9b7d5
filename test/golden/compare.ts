/** Makes the figures of a subject, and holds them to those that are kept, or keeps them. */
import { differences, type Figures, type Subject } from "./figures.ts";
import type { Store } from "./store.ts";

export interface Request {
  readonly subject: Subject;
  readonly store: Store;
  /** Entries to make; those that are kept but are no more are looked for among these alone. */
  readonly isWanted: (entry: string) => boolean;
  readonly write?: boolean;
  /** Called as each entry is made. */
  readonly onEntry?: ((entry: string, done: number, of: number) => void) | undefined;
}

/** Figures by these names say that a promise is broken or nothing was made, so they are never kept. */
const BROKEN = /^(error|places that differ|sessions that differ)$/;

/**
 * The differences in words, each with its entry. With `write` they are only those that must not be kept; the rest is
 * kept.
 */
export async function compareSubject({
  subject,
  store,
  isWanted,
  write,
  onEntry,
}: Request): Promise<readonly string[]> {
  const kept = await store.read(subject);
  const entries = subject.entries.filter(isWanted);
  const book = new Map<string, Figures>(kept);
  const found: string[] = [];
  const report = (entry: string, lines: readonly string[]): void => {
    found.push(...lines.map((line) => `${subject.name}, ${entry}: ${line}`));
  };
  for (const [done, entry] of entries.entries()) {
    onEntry?.(entry, done, entries.length);
    const figures = await figuresOf(subject, entry);
    const broken = Object.entries(figures).filter(([name]) => BROKEN.test(name));
    if (write && broken.length === 0) book.set(entry, figures);
    const before = write ? figures : kept.get(entry);
    if (before === undefined) report(entry, ["has no figures yet"]);
    else report(entry, differences(before, figures));
    if (write) for (const [name, group] of broken) report(entry, [`${name}: ${JSON.stringify(group)}`]);
  }
  if (write) await store.write(subject, book);
  else {
    const gone = [...kept.keys()].filter((entry) => isWanted(entry) && !subject.entries.includes(entry));
    for (const entry of gone) report(entry, ["has figures but is in no list"]);
  }
  return found;
}

/** An entry that cannot be made has its error for a figure, so that the others are still compared. */
async function figuresOf(subject: Subject, entry: string): Promise<Figures> {
  try {
    return await subject.make(entry);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
