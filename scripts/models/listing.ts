/** The first page of models/: every network that was trained and kept, in a row. */
import { recipes } from "../../ts/cli/recipes.ts";
import { grouped } from "../../ts/show/table.ts";
import { percent } from "./card.ts";
import { type Line, resultOf } from "./record.ts";

/** The page of networks and their records, in the order of the recipes. */
export function listingOf(records: ReadonlyMap<string, readonly Line[]>): string {
  const rows = Object.keys(recipes).flatMap((name) => {
    const lines = records.get(name) ?? [];
    const [binary, float] = [resultOf(lines, "binary"), resultOf(lines, "float")];
    if (binary === undefined) return [];
    const twin = float === undefined ? "" : `${percent(float.testAccuracy)} (${float.epochs} epochs)`;
    const own = `${percent(binary.testAccuracy)} (${binary.epochs} epochs)`;
    const operands = [binary.weightQuantizer, binary.activationQuantizer];
    const cells = [`[${name}](${name}.md)`, binary.dataset, ...operands, own, twin, grouped(binary.packedBytes)];
    return [`| ${cells.join(" | ")} |`];
  });
  return `# Trained networks

Packed files that \`proxbit eval\`, \`predict\` and \`load\` read. Each name leads to its card. Test accuracies are those of the
hard-signed network after the last epoch of one run of one seed.

| file | data | weights | activations | test accuracy | float twin | bytes |
| --- | --- | --- | --- | ---: | ---: | ---: |
${rows.join("\n")}

\`npm run models\` trains them anew, and writes all that lies here.
`;
}
