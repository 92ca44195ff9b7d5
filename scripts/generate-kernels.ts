/**
 * Writes what both languages know out of the Rust sources. `ts/program/kernels.ts` holds the exports of all cores, the fields
 * of a convolution's descriptor, and the sizes that both languages plan with. `ts/program/training-kernels.ts` holds the
 * exports of cores that train, and `ts/quantizers/map-numbers.ts` the maps.
 * `npm run generate` runs this script. A test fails where the files are not fresh.
 */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Export, exportsOf, fieldsOf, sizesOf } from "./rust.ts";
import { constantOf, type MapOfCore, mapsOf } from "./rust-maps.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const HEAD = `/**
 * The knowledge that both languages share: the exports of all cores, the descriptor of a convolution, and sizes.
 * \`npm run generate\` makes it from the Rust sources.
 */
`;

/** The files that are made, by their paths from the root, as biome formats them. */
export function generated(): Readonly<Record<string, string>> {
  const texts = {
    "ts/program/kernels.ts": kernels(),
    "ts/program/training-kernels.ts": trainingKernels(),
    "ts/quantizers/map-numbers.ts": mapNumbers(),
  };
  return Object.fromEntries(Object.entries(texts).map(([file, text]) => [file, formatted(file, text)]));
}

const TRAINING_HEAD = `/**
 * The exports of cores that train, beside those of \`kernels.ts\`, which all cores have.
 * \`npm run generate\` makes it from the Rust sources.
 */
`;

function exported(): readonly Export[] {
  const sources = globSync("crates/wasm/src/**/*.rs", { cwd: root }).sort();
  return sources.flatMap((file) => exportsOf(read(file)));
}

function trainingKernels(): string {
  const kernels = exported().filter(({ feature }) => feature === "training");
  const answers = exported().filter((kernel) => kernel.answers);
  const text = [
    TRAINING_HEAD,
    "/** Every kernel of training alone: its parameters in the order of the core, and what is known of a product. */",
    ...table("trainingKernels", kernels),
    "/** Exports that answer a question about a descriptor, and return no status. */",
    `export const answers = [${answers.map(({ name }) => `"${name}"`).join(", ")}] as const;\n`,
  ];
  return text.join("\n");
}

/** A constant with the entry of each of `kernels` that returns a status. */
function table(name: string, kernels: readonly Export[]): readonly string[] {
  const statuses = kernels.filter(({ answers }) => !answers);
  return [
    `export const ${name} = {`,
    ...statuses.flatMap((kernel) => [
      comment("  ", kernel.doc),
      `  ${kernel.name}: {`,
      ...(kernel.product === null ? [] : [`product: { ${productOf(kernel.product)} },`]),
      ...(kernel.lengths.length === 0
        ? []
        : [`lengths: { ${kernel.lengths.map(([name, count]) => `${name}: ${count}`).join(", ")} },`]),
      `parameters: { ${kernel.parameters.map(({ name, kind }) => `${name}: "${kind}"`).join(", ")} },`,
      "  },",
    ]),
    "} as const;\n",
  ];
}

function kernels(): string {
  const shape = fieldsOf(read("crates/kernels/src/shape.rs"), "ConvShape");
  const sizes = sizesOf(read("crates/kernels/src/shape/sizes.rs"), read("crates/kernels/src/gemm/fb.rs"));
  const text = [
    HEAD,
    comment("", `${shape.doc} The core reads it as one \`u32\` a field, in this order.`),
    "export interface ConvShape {",
    ...shape.fields.flatMap(({ name, type, doc }) => [comment("  ", doc), `  readonly ${name}: ${type};`]),
    "}\n",
    "export const CONV_SHAPE_FIELDS = [",
    ...shape.fields.map(({ name }) => `  "${name}",`),
    "] as const satisfies readonly (keyof ConvShape)[];\n",
    "/** Bytes of a descriptor. */",
    "export const CONV_SHAPE_BYTES = 4 * CONV_SHAPE_FIELDS.length;\n",
    "/** Every kernel of all cores: its parameters in the order of the core, and what is known of a product. */",
    ...table(
      "kernels",
      exported().filter(({ feature }) => feature !== "training"),
    ),
    ...sizes.flatMap(({ doc, isPublic, name, parameters, body }) => [
      comment("", doc),
      `${isPublic ? "export " : ""}function ${name}(${parameters}): number {`,
      body,
      "}\n",
    ]),
  ];
  return text.join("\n");
}

const MAPS_HEAD = `/**
 * The maps of the core by name: the numbers that it calls them by, and their parameters in its order.
 * \`npm run generate\` makes it from the Rust sources.
 */
`;

function mapNumbers(): string {
  const source = read("crates/kernels/src/quantizer/maps.rs");
  const tables = (["Forward", "Backward"] as const).flatMap((kind) => {
    const maps = mapsOf(source, kind);
    const [kindName, direction] = [kind.toLowerCase(), `${kind.toLowerCase()} map`];
    const record = (what: string, value: (map: MapOfCore) => string): string =>
      `export const ${kindName}Map${what} = {\n${maps.map((map) => `  ${map.name}: ${value(map)},`).join("\n")}\n} as const;\n`;
    return [
      `/** The number of each ${direction}. */`,
      record("Numbers", ({ number }) => `${number}`),
      `/** The names of the parameters of each ${direction}. */`,
      record("Parameters", ({ parameters }) => `[${parameters.map((name) => `"${name}"`).join(", ")}]`),
    ];
  });
  const header = constantOf(read("crates/kernels/src/quantizer/sampled.rs"), "TABLE_HEADER");
  return [MAPS_HEAD, ...tables, comment("", header.doc), `export const TABLE_HEADER = ${header.value};\n`].join("\n");
}

const productOf = ({ operands, tile, channels }: NonNullable<Export["product"]>): string =>
  `operands: "${operands}", tile: "${tile}", channels: ${channels}`;

function comment(indent: string, doc: string): string {
  const lines: string[] = [];
  for (const word of doc.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + last.length + word.length < 112)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  if (lines.length === 1) return `${indent}/** ${lines[0]} */`;
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`].join("\n");
}

function formatted(file: string, text: string): string {
  const biome = join(root, "node_modules/.bin/biome");
  return execFileSync(biome, ["format", `--stdin-file-path=${file}`], { cwd: root, input: text, encoding: "utf8" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of Object.entries(generated())) {
    writeFileSync(join(root, file), text);
    process.stdout.write(`wrote ${file}\n`);
  }
}
