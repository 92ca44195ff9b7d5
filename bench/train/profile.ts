/** The time of a step by kind of work, as a table. */
import { productOf } from "../../ts/program/call.ts";
import type { Table } from "../frame/finding.ts";
import type { KernelShare, StepProfile } from "./ours.ts";

/** A call of a step is for one of these; the first that fits counts. */
const KINDS: readonly (readonly [kind: string, fits: (call: KernelShare) => boolean])[] = [
  ["products: +-1 x +-1 (bb), real x +-1 (fb), real x real (ff)", ({ kernel }) => productOf(kernel) !== null],
  ["weights prepared, in the layouts of the products", ({ part }) => part === "prepare"],
  ["gradients of the lanes added up, and back to the latent weights", ({ part }) => part === "lanes"],
  ["optimizer, and the copy of the last good values", ({ part }) => part === "update"],
  ["elementwise: batch norm, quantizers, shortcuts, pools, loss, batches", () => true],
];

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function profileTable(title: string, { kernels, waiting, rest }: StepProfile): Table {
  const kindOf = (call: KernelShare): string => KINDS.find(([, fits]) => fits(call))?.[0] ?? "";
  const rows = KINDS.map(([kind]) => {
    const own = kernels.filter((call) => kindOf(call) === kind).sort((a, b) => b.share - a.share);
    const sum = own.reduce((total, { share }) => total + share, 0);
    const most = own.filter(({ share }) => share >= 0.005).map(({ kernel, share }) => `${kernel} ${percent(share)}`);
    return [kind, percent(sum), most.join(", ")];
  });
  return {
    ...{ type: "table", title },
    columns: ["work", "share of the step", "kernels of half a percent and more"],
    rows: [...rows, ["waiting for other workers", percent(waiting), ""], ["between calls", percent(rest), ""]],
  };
}
