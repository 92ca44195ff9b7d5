/** Where a step's time goes, by kind of work, as a table. */
import type { Table } from "../frame/finding.ts";
import type { StepProfile } from "./ours.ts";

/** What the kernels of a step do, by the beginnings of their names; the first that fits counts. */
const KINDS: readonly (readonly [kind: string, names: RegExp])[] = [
  ["products: +-1 x +-1 (bb), real x +-1 (fb), real x real (ff)", /^(bb_[a-z0-9]+_conv|fb_|ff_)/],
  ["signs to bits, weights into the layouts of the products", /^(sign_|pack_|unpack_|bb_|fill_|pad_|dilate_)/],
  ["gradients of the lanes added up", /^sum_lanes/],
  ["optimizer, and the copy of the last good values", /(_step$|^copy$)/],
];
const ELEMENTWISE = "elementwise: batch norm, quantizers, shortcuts, pools, loss, batches";

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function profileTable(title: string, { kernels, waiting, rest }: StepProfile): Table {
  const kindOf = (kernel: string): string => KINDS.find(([, names]) => names.test(kernel))?.[0] ?? ELEMENTWISE;
  const kinds = [...KINDS.map(([kind]) => kind), ELEMENTWISE];
  const rows = kinds.map((kind) => {
    const own = [...kernels].filter(([kernel]) => kindOf(kernel) === kind).sort(([, a], [, b]) => b - a);
    const sum = own.reduce((total, [, share]) => total + share, 0);
    const most = own.filter(([, share]) => share >= 0.005).map(([kernel, share]) => `${kernel} ${percent(share)}`);
    return [kind, percent(sum), most.join(", ")];
  });
  return {
    ...{ type: "table", title },
    columns: ["work", "share of the step", "kernels of half a percent and more"],
    rows: [...rows, ["waiting for other workers", percent(waiting), ""], ["between calls", percent(rest), ""]],
  };
}
