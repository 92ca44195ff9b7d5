/** The error of a check that its caller has stopped. */
import { ProxbitError } from "../base/errors.ts";

export const aborted = (): ProxbitError =>
  new ProxbitError("aborted", "the check was stopped", "Run it again; nothing was written.");
