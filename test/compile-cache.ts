/**
 * Compiled code is kept from one process or thread that tests start to the next. Most of a short command's time, and half of
 * a worker's start, is compiling.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Node's own name for this folder: it is the system's file, not one that we have left. */
export const COMPILE_CACHE = join(tmpdir(), "node-compile-cache");
