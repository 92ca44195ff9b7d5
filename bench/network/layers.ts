/** The time of our network, layer by layer. */
import type { Session } from "../../ts/inference/session.ts";
import { scaled, share } from "../../ts/show/table.ts";
import type { Table } from "../frame/finding.ts";
import { milliseconds } from "../frame/text.ts";

/** The layers that take a thousandth of a run and more, each with its kernel and rate. */
export async function layersTable(session: Session, runs: number): Promise<Table> {
  const { layers, variant } = await session.explain();
  const profile = await session.profile({ runs });
  const rows = layers.flatMap((layer) => {
    const time = profile.layers.find(({ node }) => node === layer.node);
    if (time === undefined || time.share < 0.001) return [];
    const { multiplyAccumulates: work } = layer;
    const rate = work === 0 ? "" : (work / time.milliseconds / 1e6).toFixed(0);
    const cells = [layer.node, layer.outputShape.join("x"), layer.product ?? "", layer.kernel ?? ""];
    return [[...cells, work === 0 ? "" : scaled(work), milliseconds(time.milliseconds), share(time.share), rate]];
  });
  return {
    type: "table",
    title: `Our layers, core ${variant}, the fastest of ${runs} runs; batch norms, shortcuts and signs belong to the convolution before them`,
    columns: ["layer", "output", "product", "kernel", "multiply-accumulates", "ms", "share", "G MAC/s"],
    rows: [...rows, ["all", "", "", "", "", milliseconds(profile.milliseconds), "", ""]],
  };
}
