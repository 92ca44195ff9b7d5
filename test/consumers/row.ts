/** A row of the table: one consumer of the package, and what it found. */
import { execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { otherModel } from "./other-model.ts";

/** The bytes that all consumers must come to, as hexadecimal digits. */
export interface Figures {
  readonly logits: string;
  readonly file: string;
}

/** Figures that a row does not make are absent. */
export interface Outcome extends Partial<Figures> {
  readonly version: string;
  /** Threads of training. */
  readonly workers?: number;
  readonly variant?: string;
  /** A row without figures says here what it has checked. */
  readonly note?: string;
}

export interface Row {
  readonly name: string;
  /** The folder of test/consumers/groups whose packages it needs. */
  readonly group: string;
  /** The folder of test/consumers/projects with files of its own; that of its name where absent. */
  readonly project?: string;
  /** True for rows that `npm test` runs as well. */
  readonly fast?: boolean;
  readonly run: (place: Place) => Promise<Outcome>;
}

/** The places of a row. */
export interface Place {
  /** A folder of its own, with the files of test/consumers/project. */
  readonly folder: string;
  /** The folder with `node_modules`: proxbit and the packages of the group. */
  readonly group: string;
  /** The packed package. */
  readonly tarball: string;
}

const patience = 300_000;

export const projectFolder = join(import.meta.dirname, "project");
export const root = join(import.meta.dirname, "../..");

/** A fresh folder with the shared project, `model` in it, and the files of `own` (below test/consumers/projects). */
export function writeProject(folder: string, model: string, own?: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(projectFolder, folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }\n');
  // Bundlers read the nearest one above, and ours leads "proxbit" to the sources.
  writeFileSync(join(folder, "tsconfig.json"), "{}\n");
  const text = Object.entries({ model, other: otherModel }).map(([name, digits]) => {
    const pairs = `"${digits}".match(/../g) ?? []`;
    return `export const ${name} = Uint8Array.from(${pairs}, (pair) => Number.parseInt(pair, 16));\n`;
  });
  writeFileSync(join(folder, "model.js"), text.join(""));
  if (own !== undefined) cpSync(own, folder, { recursive: true });
}

/** Something that a row needs is not on this machine, and npm cannot bring it. */
export class NotInstalled extends Error {}

/** A program has ended otherwise than it should. */
class Failure extends Error {}

/** Runs a program to its end, and hands over what it printed. Its error ends in the last lines that it printed. */
export function run(file: string, given: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: patience, maxBuffer: 1 << 26 };
    execFile(file, given, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Failure(lastLines(`${error.signal ?? ""} ${stdout}\n${stderr}`) || error.message));
    });
  });
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-12).join("\n");
}

export interface Service {
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** Starts a program that serves until it is stopped. Its address is the first match of `pattern` in what it prints. */
export function serve(
  file: string,
  given: readonly string[],
  cwd: string,
  pattern = /http:\/\/[\w.]+:\d+/,
): Promise<Service> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, given, { cwd, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let text = "";
    const ended = new Promise<void>((done) => child.once("close", () => done()));
    const stop = async (): Promise<void> => {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await ended;
    };
    const timer = setTimeout(() => {
      void stop();
      reject(new Failure(`no address after ${patience / 1000} s: ${lastLines(text)}`));
    }, patience);
    const read = (chunk: Buffer): void => {
      text += chunk;
      const [address] = pattern.exec(text) ?? [];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve({ address, stop });
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("close", (code) => {
      clearTimeout(timer);
      reject(new Failure(`ended with code ${code}: ${lastLines(text)}`));
    });
  });
}

/** The last line of what a program printed, which is its outcome as JSON. */
export function outcomeIn(stdout: string): Omit<Outcome, "version"> {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** The version of an installed package. */
export async function versionOf(group: string, name: string): Promise<string> {
  const { default: manifest } = await import(join(group, "node_modules", name, "package.json"), {
    with: { type: "json" },
  });
  return manifest.version;
}
