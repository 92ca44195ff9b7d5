/** The longest task of a page's thread, out of Chromium's own trace. */
import type { Browser, Page } from "playwright-core";

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Time of the thread's processor in microseconds. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

const categories = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"];
/** Fewer tasks than this are no trace of a page at work. */
const FEWEST = 20;

/**
 * The longest task of the thread of `page` during `work`, in milliseconds of processor time, which other programs do not lengthen.
 *
 * @throws Error where the trace has hardly any task of such a thread.
 */
export async function longestTask(browser: Browser, page: Page, work: Promise<unknown>): Promise<number> {
  await browser.startTracing(page, { categories });
  await work;
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: readonly TraceEvent[];
  };
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid}/${tid}`;
  const isMain = ({ name, args }: TraceEvent): boolean => name === "thread_name" && args.name === "CrRendererMain";
  const mains = new Set(traceEvents.filter(isMain).map(threadOf));
  const tasks = traceEvents.flatMap((event) =>
    mains.has(threadOf(event)) && event.name.endsWith("RunTask") && event.tdur !== undefined ? [event.tdur / 1000] : [],
  );
  if (tasks.length < FEWEST) throw new Error(`the trace has ${tasks.length} tasks of the page's thread`);
  return Math.max(...tasks);
}
