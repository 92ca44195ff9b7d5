/** Dilation leaves gaps between the taps of a window. As in Keras, it does not stand beside strides. */
import type { Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";

interface Steps {
  readonly strides: readonly [number, number];
  readonly dilationRate: readonly [number, number] | undefined;
}

/** Pixels from a tap to the next; an absent rate is 1. */
export const dilationOf = ({ dilationRate = [1, 1] }: Pick<Steps, "dilationRate">): readonly [number, number] =>
  dilationRate;

/** Throws an error of the subject's code where neither strides nor dilation are 1. */
export function checkDilation(attributes: Steps, subject: Subject): void {
  const [{ strides }, dilation] = [attributes, dilationOf(attributes)];
  if (Math.max(...strides) === 1 || Math.max(...dilation) === 1) return;
  throw new ProxbitError(
    subject.code,
    `${subject.what}: strides [${strides.join(", ")}] stand beside dilationRate [${dilation.join(", ")}]`,
    "Leave one of the two at 1.",
  );
}
