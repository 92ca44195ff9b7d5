/** `proxbit` as a process of its own, and its output. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { COMPILE_CACHE } from "../compile-cache.ts";
import { normaliseJson, normaliseText } from "./normalise.ts";

const MAIN = fileURLToPath(new URL("../../ts/cli/main.ts", import.meta.url));

const ENVIRONMENT = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  LANG: "C",
  TZ: "UTC",
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? COMPILE_CACHE,
};
const MOST_BYTES = 2 ** 26;

/** The text behind "$ proxbit LINE"; "FILE" in the line stands for the path `file`. What goes to stderr is an error. */
export async function printed(line: string, file = ""): Promise<string> {
  const given = line.split(" ").map((word) => (word === "FILE" ? file : word));
  const options = { env: ENVIRONMENT, maxBuffer: MOST_BYTES };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...given], options);
  if (stderr !== "") throw new Error(`proxbit ${line}: ${stderr}`);
  const isJson = given.includes("--json") && stdout.startsWith("{");
  return `$ proxbit ${line}\n${isJson ? normaliseJson(stdout) : normaliseText(stdout.trimEnd())}\n`;
}
