/**
 * Text of strangers: names, messages and labels out of files, folders and servers. Some characters are commands to a terminal,
 * turn the direction of what follows (Unicode Technical Report 36), or begin a new line. None of them is printed, and no
 * text is longer than its reader wants it. Every printer takes its text through here.
 */

/** Controls (C0, C1), formats, halves of pairs, private and unassigned characters, and separators of lines. */
const CHARACTERS = "(?![\\u200c\\u200d])[\\p{C}\\p{Zl}\\p{Zp}]";
// The two joiners, which Persian and Hindi are written with, neither hide nor turn anything.
const UNSAFE = new RegExp(CHARACTERS, "gu");
const UNSAFE_IN_LINES = new RegExp(`(?!\\n)${CHARACTERS}`, "gu");

const REPLACEMENT = "\ufffd";

/** `text` on one line, with nothing in it that a reader would obey. */
export const clean = (text: string): string => text.replace(UNSAFE, REPLACEMENT);

/** The same with line breaks as spaces: for messages, which others may have written over several lines. */
export const oneLine = (text: string): string => clean(text.trim().replace(/\s*[\r\n]+\s*/g, " "));

/** The same of several lines, which are kept. */
export const cleanLines = (text: string): string => text.replace(UNSAFE_IN_LINES, REPLACEMENT);

/** At most `most` characters of `text`, the last one an ellipsis where some are left out. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;

const LONGEST = 200;

/** A name, a label or a cell of a table: clean, on one line, of at most 200 characters. */
export const printable = (text: string): string => clean(cut(text, LONGEST));

/** `text` as a JSON string of plain characters: what is unsafe stands as an escape. */
export const quoted = (text: string): string => escapeJson(JSON.stringify(text));

/** JSON in which unsafe characters of its strings stand as escapes, which mean the same. */
export const escapeJson = (json: string): string =>
  json.replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, i) => {
      return `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }).join(""),
  );

/** An address with a name and perhaps a password before its host. */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]*@/gi;

/** `text` with `***` for the names and passwords that addresses in it hold. */
export const withoutPasswords = (text: string): string => text.replace(CREDENTIALS, "$1***@");
