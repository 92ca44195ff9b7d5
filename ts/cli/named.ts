/** `NAME:option=value,...` as words of the command line: methods and models, with the options of their makers. */
import type { Subject } from "../base/checks.ts";
import { readQuantizerText } from "../quantizers/text.ts";

export interface Named {
  readonly name: string;
  /** Numbers, words, truth values, and schedules, not yet held against a maker. */
  readonly options: Readonly<Record<string, unknown>>;
}

const truths: ReadonlyMap<unknown, boolean> = new Map([
  ["true", true],
  ["false", false],
]);

/** The name and the options in `text`, which `option` was given. @throws ProxbitError "argument", "unknown-name" */
export function readNamed(option: string, text: string): Named {
  const subject: Subject = { code: "argument", what: option };
  const { name, options } = readQuantizerText(text.trim(), subject);
  const values = Object.entries(options).map(([key, value]) => [key, truths.get(value) ?? value]);
  return { name, options: Object.fromEntries(values) };
}
