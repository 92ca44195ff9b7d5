/** What runs: per layer the product, the kernel, bits and multiply-accumulates, and why not the fast path. */
import type { BinaryKernel } from "../runtime/probe.ts";
import type { Variant } from "../runtime/variants.ts";
import type { CompiledLayer } from "./context.ts";
import type { Prepared } from "./prepare.ts";

export interface Explanation {
  readonly variant: Variant;
  /** The kernel of the +-1 by +-1 product, and how it was chosen. */
  readonly kernel: BinaryKernel;
  readonly chosenBy: "probe" | "caller";
  /** Best times of the candidates in the probe, in microseconds; absent where none raced. */
  readonly probeMicroseconds?: Readonly<Record<BinaryKernel, number>>;
  readonly layers: readonly CompiledLayer[];
  /** Bytes of memory the session has reserved. */
  readonly memoryBytes: number;
  readonly notes: readonly string[];
}

/** The explanation as a table in plain text. */
export function formatExplanation(explanation: Explanation): string {
  const header = ["layer", "output", "product", "kernel", "weights", "inputs", "multiply-adds", "note"];
  const rows = explanation.layers.map((layer) => [
    layer.node,
    layer.outputShape.join("x"),
    layer.product ?? "",
    layer.kernel,
    layer.product === null ? "" : `${layer.weightBits} bit`,
    layer.product === null ? "" : `${layer.activationBits} bit`,
    layer.multiplyAccumulates === 0 ? "" : layer.multiplyAccumulates.toLocaleString("en-US"),
    layer.note,
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] as string).length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 6 ? cell.padStart(widths[column] as number) : cell.padEnd(widths[column] as number),
      )
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  const { variant, kernel, chosenBy, memoryBytes, notes } = explanation;
  return [
    line(header),
    rule,
    ...rows.map(line),
    rule,
    `core: ${variant}; binary kernel: ${kernel} (chosen by ${chosenBy}); memory: ${(memoryBytes / 1024).toFixed(0)} KiB`,
    ...notes.map((note) => `note: ${note}`),
  ].join("\n");
}

/** What runs in `memory`, prepared with the build `variant` of the core. */
export function explanationOf(variant: Variant, prepared: Prepared, memory: WebAssembly.Memory): Explanation {
  const { kernel, probed, compiled } = prepared;
  return {
    variant,
    kernel,
    chosenBy: probed === null ? "caller" : "probe",
    ...(probed?.microseconds ? { probeMicroseconds: probed.microseconds } : {}),
    layers: compiled.layers,
    memoryBytes: memory.buffer.byteLength,
    notes: variant.startsWith("relaxed")
      ? []
      : ["relaxed SIMD is not in use: the look-up kernel runs about half as fast; use Node 22 or a current browser"],
  };
}
