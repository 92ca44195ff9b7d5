/**
 * The check: every number of a step of ours beside tfjs's, on one of tfjs's backends. Our side trains in this process or page,
 * as it always does; the other side is tfjs.
 */
import { plainObject, type Subject } from "../base/checks.ts";
import { nextTurn } from "../base/turn.ts";
import { aborted } from "./aborted.ts";
import { startBackend } from "./backends.ts";
import { setFlags } from "./flags.ts";
import { type Part, partsOf, WORKERS } from "./parts.ts";
import { createPools } from "./pools.ts";
import type { CheckEvent, CheckReport, CheckRequest, Row } from "./report.ts";
import { type Setting, settingOf } from "./request.ts";
import type { TensorFlow } from "./tensorflow.ts";

export interface CheckOptions {
  /** tfjs, where it is loaded already, as a page without import maps has it. */
  readonly tf?: TensorFlow | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with every row, and as parts of the work are done. */
  readonly onEvent?: ((event: CheckEvent) => void) | undefined;
}

/** Checks wait for each other: a copy of tfjs has one backend at a time. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Compares proxbit with tfjs. Checks of one process or page run one after the other; the backend that tfjs had and its flags
 * are put back.
 *
 * @throws ProxbitError `argument`, `unknown-name`, `shape` or `graph` for a request that makes no sense, `model-file` for a
 * corrupt file, `environment` where tfjs, the backend or an adapter is missing, `aborted` after `signal`.
 */
export async function check(request: CheckRequest, options: CheckOptions = {}): Promise<CheckReport> {
  const subject: Subject = { code: "argument", what: "check" };
  plainObject(options, ["tf", "signal", "onEvent"], subject);
  const setting = settingOf(request, options.signal);
  const parts = setting.subjects.flatMap((given) => partsOf(given, setting));
  const result = last.then(() => run(setting, parts, options));
  last = result.catch(() => {});
  return result;
}

async function run(setting: Setting, parts: readonly Part[], options: CheckOptions): Promise<CheckReport> {
  const began = performance.now();
  const { signal, onEvent = () => {} } = options;
  const stopIfAborted = (): void => {
    if (signal?.aborted) throw aborted();
  };
  stopIfAborted();
  const before = options.tf?.getBackend();
  const { tf, adapter, version, host } = await startBackend(setting.backend, options.tf);
  const resetFlags = setFlags(tf, setting.backend);
  const rows: Row[] = [];
  const pools = createPools(WORKERS);
  try {
    for (const [done, part] of parts.entries()) {
      onEvent({ type: "progress", done, of: parts.length, what: part.what });
      stopIfAborted();
      for await (const row of part.run(tf, pools)) {
        // tfjs on the processor answers without a turn of the event loop, in which a signal would be seen.
        await nextTurn();
        stopIfAborted();
        rows.push(row);
        onEvent({ type: "row", row });
      }
    }
  } finally {
    pools.close();
    resetFlags();
    if (before) await tf.setBackend(before);
  }
  onEvent({ type: "progress", done: parts.length, of: parts.length, what: "done" });
  const seconds = (performance.now() - began) / 1000;
  return { backend: setting.backend, adapter, host, version, ...summaryOf(rows), seconds, rows };
}

type Summary = Pick<CheckReport, "operations" | "binaryExact" | "worst" | "unsupported" | "pass">;

function summaryOf(rows: readonly Row[]): Summary {
  const compared = rows.filter(({ verdict }) => verdict !== "unsupported");
  const binary = compared.filter(({ exact, quantity }) => exact && quantity === "value");
  const missing = new Map<string, number>();
  for (const { verdict, detail } of rows) {
    if (verdict === "unsupported") missing.set(detail, (missing.get(detail) ?? 0) + 1);
  }
  return {
    operations: compared.length,
    binaryExact: binary.length === 0 ? null : binary.every(({ verdict }) => verdict === "equal"),
    worst: compared.reduce<Row | null>((worst, row) => (worst === null || row.share > worst.share ? row : worst), null),
    unsupported: [...missing].map(([detail, count]) => `${detail}: ${count} tensors were not compared`),
    pass: compared.length > 0 && compared.every(({ verdict }) => verdict !== "mismatch"),
  };
}
