/** Helpers for tests of ts/io: catching typed errors, and a folder that goes away. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { ErrorCode } from "../ts/base/errors.ts";
import { ProxbitError } from "../ts/base/errors.ts";

function checked(error: unknown, code: ErrorCode): ProxbitError {
  if (!(error instanceof ProxbitError))
    throw new Error("another error than a ProxbitError was thrown", { cause: error });
  expect(error.code).toBe(code);
  expect(error.remedy).toMatch(/^[A-Z].{6,}\.$/);
  return error;
}

/** The ProxbitError of `code` that `action` throws. */
export function thrown(code: ErrorCode, action: () => unknown): ProxbitError {
  try {
    action();
  } catch (error) {
    return checked(error, code);
  }
  throw new Error("nothing was thrown");
}

/** The ProxbitError of `code` that `promise` is rejected with. */
export async function rejected(code: ErrorCode, promise: Promise<unknown>): Promise<ProxbitError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (outcome === undefined) throw new Error("the promise was not rejected");
  return checked(outcome.error, code);
}

/** Runs `action` with the path of a new folder, then removes the folder. */
export async function withFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-test-"));
  try {
    return await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
