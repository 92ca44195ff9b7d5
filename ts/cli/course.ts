/** The course of the step size over a run, as options say it. */
import { listOf, numberIn, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Schedule } from "../quantizers/quantizer.ts";
import { schedules } from "../quantizers/schedule.ts";
import { numberOr } from "./options.ts";

export const COURSES = ["constant", "linear", "cosine", "step"] as const;

export interface CourseOptions {
  readonly schedule: (typeof COURSES)[number];
  readonly warmup?: number;
  readonly stepAt?: readonly number[];
  readonly stepFactor?: number;
  readonly restartAt?: readonly number[];
}

const subject: Subject = { code: "argument", what: "command line" };
/** The step schedule divides at epochs 80, 120 and 150 of 200 by default. */
const USUAL_STEPS = [0.4, 0.6, 0.75];
const USUAL_FACTOR = 0.1;

/** A parser for commander: places in a run as shares with commas between. */
export function shares(option: string): (text: string) => readonly number[] {
  return (text) => {
    const numbers = text.split(",").map(numberOr);
    return listOf(numbers, 1, 1000, option, subject).map((number) => numberIn(number, 0, 1, option, subject));
  };
}

/**
 * The course that begins with the step size `first`.
 *
 * @throws ProxbitError "argument" for options that do not go together.
 */
export function courseOf(first: number, options: CourseOptions): Schedule {
  const { schedule, warmup = 0, stepAt, stepFactor, restartAt } = options;
  if (schedule !== "step" && (stepAt !== undefined || stepFactor !== undefined)) {
    throw new ProxbitError(
      "argument",
      `${stepAt === undefined ? "--step-factor" : "--step-at"} is for --schedule step, not ${schedule}`,
      "Leave it out, or give --schedule step.",
    );
  }
  const courses: Readonly<Record<CourseOptions["schedule"], () => Schedule>> = {
    constant: () => schedules.constant(first),
    linear: () => schedules.linear(first, 0),
    cosine: () => schedules.cosine(first, 0),
    step: () => schedules.step(first, stepFactor ?? USUAL_FACTOR, stepAt ?? USUAL_STEPS),
  };
  const course = courses[schedule]();
  const [end = 1] = restartAt ?? [];
  if (end === 0) {
    const remedy = "Give a share above 0, for example --restart-at 0.5.";
    throw new ProxbitError("argument", "--restart-at 0 is where the schedule begins anyway", remedy);
  }
  if (warmup >= end) {
    throw new ProxbitError(
      "argument",
      `--warmup ${warmup} ends behind --restart-at ${end}`,
      "Let the step size grow for a shorter time, or begin anew later.",
    );
  }
  // The first course alone is warmed up, for a share of the run.
  const begun = warmup === 0 ? course : schedules.warmup(warmup / end, course);
  return restartAt === undefined ? begun : schedules.sequence(restartAt, [begun, ...restartAt.map(() => course)]);
}
