/**
 * A reader of the lists of maps in `crates/kernels/src/quantizer/maps.rs`, and of a constant that is a whole number. It throws
 * at anything it does not know.
 */
import { docOf } from "./rust.ts";

export interface MapOfCore {
  readonly name: string;
  readonly number: number;
  readonly parameters: readonly string[];
}

const lowerFirst = (name: string): string => `${name.charAt(0).toLowerCase()}${name.slice(1)}`;

/** The maps of one kind, the one out of samples last: `maps! { Forward { 7 Tanh { t }, } 12 Table of forward }`. */
export function mapsOf(source: string, kind: string): readonly MapOfCore[] {
  const bare = source.replace(/^ *\/\/.*\n/gm, "");
  const [, body, table] =
    new RegExp(`^maps! \\{\\n    ${kind} \\{\\n([\\s\\S]*?)^    \\}\\n    (\\d+) Table of \\w+\\n\\}`, "m").exec(
      bare,
    ) ?? [];
  if (body === undefined || table === undefined) throw new Error(`there is no list of maps named ${kind}`);
  const one = /\s*(\d+) (\w+)(?: \{([\s\w,]+)\})?,\n/y;
  const maps: MapOfCore[] = [];
  while (one.lastIndex < body.length) {
    const [, number, name, parameters = ""] = one.exec(body) ?? [];
    if (number === undefined || name === undefined) throw new Error(`a map of ${kind} is not understood`);
    const names = parameters.split(",").map((parameter) => parameter.trim());
    maps.push({
      name: lowerFirst(name),
      number: Number(number),
      parameters: names.filter((parameter) => parameter !== ""),
    });
  }
  const all = [...maps, { name: "table", number: Number(table), parameters: [] }];
  const numbers = new Set(all.map(({ number }) => number));
  if (numbers.size < all.length) throw new Error(`two maps of ${kind} have one number`);
  return all;
}

/** A public constant that is a whole number, with its comment. */
export function constantOf(source: string, name: string): { readonly doc: string; readonly value: number } {
  const [, doc, value] = new RegExp(`((?:^///.*\\n)+)pub const ${name}: usize = (\\d+);`, "m").exec(source) ?? [];
  if (doc === undefined || value === undefined) throw new Error(`there is no constant ${name}`);
  return { doc: docOf(doc), value: Number(value) };
}
