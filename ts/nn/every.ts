/** All operations and schedules, for modules that build, train or check networks of any kind. */
import { takeEverySchedule } from "../quantizers/check-quantizer.ts";
import { ops } from "./ops/all.ts";
import { takeOps } from "./ops/index.ts";

/** Takes them in. Functions do so when they are called, because bundlers drop what modules do when they are loaded. */
export function takeEvery(): void {
  takeOps(ops);
  takeEverySchedule();
}
