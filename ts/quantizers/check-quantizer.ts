/** The check of a quantizer and of its parameters, with schedules of every kind. */
import type { Subject } from "../base/checks.ts";
import { checkKnownParameter, checkKnownQuantizer, type QuantizerParameter } from "./check-known.ts";
import { takeSchedules } from "./known-schedules.ts";
import type { Quantizer, Schedule } from "./quantizer.ts";
import { scheduleRange, toSchedule } from "./schedule.ts";

export { parameterNames, type QuantizerParameter } from "./check-known.ts";

/** Takes in the check of every schedule. */
export const takeEverySchedule = (): void => takeSchedules({ scheduleRange, toSchedule });

/** One parameter as a schedule (a number stands for a constant one) that stays in its domain over the whole run. */
export function checkParameter(value: unknown, name: QuantizerParameter, subject: Subject): Schedule {
  takeEverySchedule();
  return checkKnownParameter(value, name, subject);
}

/** A quantizer out of a value of unknown origin: a fresh, frozen copy, or an error of `subject`'s code. */
export function checkQuantizer(value: unknown, subject: Subject): Quantizer {
  takeEverySchedule();
  return checkKnownQuantizer(value, subject);
}
