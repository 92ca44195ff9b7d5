/** All subjects, and where the figures of each are kept. */
import { check } from "./check.ts";
import type { Subject } from "./figures.ts";
import { runs } from "./runs.ts";
import { sessions } from "./sessions.ts";
import { jsonStore, type Store, textStore } from "./store.ts";
import { texts } from "./texts.ts";

const json = jsonStore(import.meta.dirname);

export const subjects: readonly { readonly subject: Subject; readonly store: Store }[] = [
  { subject: runs, store: json },
  { subject: sessions, store: json },
  { subject: check, store: json },
  { subject: texts, store: textStore(import.meta.dirname) },
];
