/**
 * The methods of the literature that are more than a quantizer, by name. Each is a value (`ts/train/method.ts`) that a maker
 * builds out of checked options: `Trainer.create(graph, { methods: [methods.twoStep()] })`.
 */
import { lookUp } from "../base/names.ts";
import type { Method, MethodByName } from "../train/method.ts";
import { bdBnn, bdBnnRecord } from "./bd-bnn.ts";
import { biper, biperRecord } from "./biper.ts";
import { cmim, cmimRecord } from "./cmim.ts";
import { type AnyMethodRecord, methodFrom } from "./define.ts";
import { gapHardening, gapHardeningRecord } from "./gap-hardening.ts";
import { hardening, hardeningRecord } from "./hardening.ts";
import { noisySupervision, noisySupervisionRecord } from "./noisy-supervision.ts";
import { pste, psteRecord } from "./pste.ts";
import { qpSbgd, qpSbgdRecord } from "./qp-sbgd.ts";
import { rbnn, rbnnRecord } from "./rbnn.ts";
import { selfDistillation, selfDistillationRecord } from "./self-distillation.ts";
import { siman, simanRecord } from "./siman.ts";
import { twoStep, twoStepRecord } from "./two-step.ts";

export type { BdBnnOptions } from "./bd-bnn.ts";
export type { BiperMethodOptions } from "./biper.ts";
export type { CmimOptions } from "./cmim.ts";
export type { GapHardeningOptions } from "./gap-hardening.ts";
export type { HardeningOptions } from "./hardening.ts";
export type { NoisySupervisionOptions } from "./noisy-supervision.ts";
export type { PsteOptions } from "./pste.ts";
export type { QpSbgdMethodOptions } from "./qp-sbgd.ts";
export type { RbnnMethodOptions } from "./rbnn.ts";
export type { SelfDistillationOptions } from "./self-distillation.ts";
export type { SimanMethodOptions } from "./siman.ts";
export type { TwoStepOptions } from "./two-step.ts";

/** The makers. */
export const methods = Object.freeze({
  ...{ bdBnn, twoStep, hardening, gapHardening, selfDistillation, cmim, siman, biper, qpSbgd, rbnn },
  ...{ noisySupervision, pste },
});

const records: readonly AnyMethodRecord[] = [
  ...[bdBnnRecord, twoStepRecord, hardeningRecord, gapHardeningRecord, selfDistillationRecord, cmimRecord],
  ...[simanRecord, biperRecord, qpSbgdRecord, rbnnRecord],
  ...[noisySupervisionRecord, psteRecord],
];

/** The records by name, in the order of the page about methods. */
export const methodRecords: Readonly<Record<string, AnyMethodRecord>> = Object.freeze(
  Object.fromEntries(records.map((record) => [record.name, record])),
);

/** The registered names. */
export const methodNames: readonly string[] = Object.freeze(Object.keys(methodRecords));

/**
 * The method called `name`, with `options` out of a file or a command.
 *
 * @throws ProxbitError `unknown-name` with the nearest name, `argument` for options that it does not take.
 */
export const methodOf: MethodByName = (name: string, options: Readonly<Record<string, unknown>> = {}): Method =>
  methodFrom(lookUp("method", name, methodRecords), options);
