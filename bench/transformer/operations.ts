/** The time of our transformer by operation, and that of attention by its parts. */
import type { Session } from "../../ts/inference/session.ts";
import { scaled, share } from "../../ts/show/table.ts";
import type { Table } from "../frame/finding.ts";
import { milliseconds } from "../frame/text.ts";

interface Sum {
  milliseconds: number;
  share: number;
  work: number;
  count: number;
  readonly kernels: Set<string>;
}

/** Layers summed by operation and kernel, the longest first. */
export async function operationsTable(session: Session, runs: number): Promise<Table> {
  const { layers, variant } = await session.explain();
  const profile = await session.profile({ runs });
  const sums = new Map<string, Sum>();
  for (const layer of layers) {
    const time = profile.layers.find(({ node }) => node === layer.node);
    if (time === undefined) continue;
    const own = sums.get(layer.op) ?? { milliseconds: 0, share: 0, work: 0, count: 0, kernels: new Set() };
    own.milliseconds += time.milliseconds;
    own.share += time.share;
    own.work += layer.multiplyAccumulates;
    own.count += time.share > 0 ? 1 : 0;
    if (layer.kernel !== null && time.share > 0) own.kernels.add(layer.kernel);
    sums.set(layer.op, own);
  }
  const rows = [...sums]
    .filter(([, sum]) => sum.share >= 0.0005)
    .sort(([, a], [, b]) => b.milliseconds - a.milliseconds)
    .map(([op, sum]) => {
      const rate = sum.work === 0 ? "" : (sum.work / sum.milliseconds / 1e6).toFixed(0);
      const work = sum.work === 0 ? "" : scaled(sum.work);
      const cells = [op, String(sum.count), [...sum.kernels].join(", "), work];
      return [...cells, milliseconds(sum.milliseconds), share(sum.share), rate];
    });
  return {
    type: "table",
    title: `Our time by operation, core ${variant}, the fastest of ${runs} runs; norms, sums and signs belong to the product before them`,
    columns: ["operation", "calls of it", "kernels", "multiply-accumulates", "ms", "share", "G MAC/s"],
    rows: [...rows, ["all", "", "", "", milliseconds(profile.milliseconds), "", ""]],
  };
}
