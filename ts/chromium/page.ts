/** The page's half of a check in Chromium: it is loaded there, never in Node. */
import { isProxbitError } from "../base/errors.ts";
import { check } from "../reference/index.ts";
import type { CheckEvent } from "../reference/report.ts";
import { type Outcome, type SentRequest, unpackRequest } from "./messages.ts";

declare global {
  interface Window {
    /** Hands an event to the process that has opened the page. */
    readonly proxbitEvent: (event: CheckEvent) => Promise<void>;
  }
}

/**
 * Runs the check, and settles when every event has arrived. The outcome says how the check ended, errors included.
 * Rejects only where an event cannot be handed over.
 */
export async function runCheck(request: SentRequest): Promise<Outcome> {
  const events: Promise<void>[] = [];
  const outcome = await outcomeOf(request, (event) => events.push(window.proxbitEvent(event)));
  await Promise.all(events);
  return outcome;
}

async function outcomeOf(request: SentRequest, onEvent: (event: CheckEvent) => void): Promise<Outcome> {
  try {
    return { kind: "report", report: await check(unpackRequest(request), { onEvent }) };
  } catch (error) {
    if (isProxbitError(error)) return { kind: "error", code: error.code, message: error.message, remedy: error.remedy };
    const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    return { kind: "failure", message, stack };
  }
}
