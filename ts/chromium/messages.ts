/** The messages to and from a page are plain JSON, so that any browser's driver can carry them. */
import type { ErrorCode } from "../base/errors.ts";
import type { CheckReport, CheckRequest, CheckSubject } from "../reference/report.ts";

type SentSubject =
  | Exclude<CheckSubject, { readonly kind: "file" }>
  | { readonly kind: "file"; readonly base64: string };

/** A request whose files are text. */
export interface SentRequest extends Omit<CheckRequest, "subjects"> {
  readonly subjects?: readonly SentSubject[];
}

/** The end of a check in a page. */
export type Outcome =
  | { readonly kind: "report"; readonly report: CheckReport }
  /** A ProxbitError. */
  | { readonly kind: "error"; readonly code: ErrorCode; readonly message: string; readonly remedy: string }
  /** Any other error: a mistake of ours or of tfjs. */
  | { readonly kind: "failure"; readonly message: string; readonly stack: string };

/** Runs in Node, before the request goes to the page. */
export function packRequest(request: CheckRequest): SentRequest {
  const { subjects, ...rest } = request;
  if (subjects === undefined) return rest;
  const packed = subjects.map((subject): SentSubject => {
    if (subject.kind !== "file") return subject;
    return { kind: "file", base64: Buffer.from(subject.bytes).toString("base64") };
  });
  return { ...rest, subjects: packed };
}

/** Runs in the page. */
export function unpackRequest(request: SentRequest): CheckRequest {
  const { subjects, ...rest } = request;
  if (subjects === undefined) return rest;
  const unpacked = subjects.map((subject): CheckSubject => {
    if (subject.kind !== "file") return subject;
    return { kind: "file", bytes: Uint8Array.from(atob(subject.base64), (letter) => letter.charCodeAt(0)) };
  });
  return { ...rest, subjects: unpacked };
}
