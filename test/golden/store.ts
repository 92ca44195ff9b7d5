/** Figures are kept in files that read well in a diff. They are sorted as their lists are, one figure a line. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Figures, Subject } from "./figures.ts";

/** The figures of each entry of a subject. */
export type Book = ReadonlyMap<string, Figures>;

export interface Store {
  readonly read: (subject: Subject) => Promise<Book>;
  /** Entries that the subject no longer has are dropped. */
  readonly write: (subject: Subject, book: Book) => Promise<void>;
}

/** Figures as JSON, `figures/SUBJECT.json` in `folder`. */
export function jsonStore(folder: string): Store {
  const fileOf = ({ name }: Subject): string => join(folder, "figures", `${name}.json`);
  return {
    read: async (subject) => {
      const text = await readFile(fileOf(subject), "utf8").catch(absent);
      return new Map(Object.entries(JSON.parse(text ?? "{}") as Record<string, Figures>));
    },
    write: async (subject, book) => {
      await mkdir(join(folder, "figures"), { recursive: true });
      await writeFile(fileOf(subject), `${JSON.stringify(Object.fromEntries(sorted(subject, book)), null, 2)}\n`);
    },
  };
}

/** Figures that are a text each, `texts/ENTRY.txt` in `folder`. */
export function textStore(folder: string): Store {
  const texts = join(folder, "texts");
  const fileOf = (entry: string): string => join(texts, `${entry}.txt`);
  const files = async (): Promise<readonly string[]> => (await readdir(texts).catch(absent)) ?? [];
  return {
    read: async () => {
      const names = (await files()).map((file) => file.replace(/\.txt$/, ""));
      const read = names.map(async (name) => [name, { text: await readFile(fileOf(name), "utf8") }] as const);
      return new Map(await Promise.all(read));
    },
    write: async (subject, book) => {
      await mkdir(texts, { recursive: true });
      const kept = sorted(subject, book);
      const names = kept.map(([entry]) => `${entry}.txt`);
      await Promise.all((await files()).filter((file) => !names.includes(file)).map((file) => rm(join(texts, file))));
      await Promise.all(kept.map(([entry, { text }]) => writeFile(fileOf(entry), `${text}`)));
    },
  };
}

function sorted({ entries }: Subject, book: Book): readonly (readonly [string, Figures])[] {
  return entries.flatMap((entry) => {
    const figures = book.get(entry);
    return figures === undefined ? [] : [[entry, figures] as const];
  });
}

/** A file or folder that is not there yet is nothing; all other errors stay errors. */
function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
