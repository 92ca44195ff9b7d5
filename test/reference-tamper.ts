/**
 * A pool that makes one mistake on purpose, deep in what the workers do. What the engine believes it runs is right; a check
 * that sees numbers only has to notice.
 */
import { type Call, callOf, type KernelCall, type KernelName, kernelsOver } from "../ts/program/call.ts";
import { CONV_SHAPE_BYTES, CONV_SHAPE_FIELDS } from "../ts/program/kernels.ts";
import type { Program, Write } from "../ts/program/program.ts";
import type { Pool } from "../ts/runtime/pool.ts";

/** Where a convolution's descriptor says how many rows lie above the image. */
const PAD_TOP = 4 * CONV_SHAPE_FIELDS.indexOf("padTop");

const k = kernelsOver<number>();

/** Changes what is written into the workers' memory before a step or a plan. */
function withWrites(pool: Pool, change: (bytes: Uint8Array) => void): Pool {
  const changed = (write: Write): Write => {
    const bytes = write.bytes.slice();
    change(bytes);
    return { ...write, bytes };
  };
  return {
    ...pool,
    run: (id, steps, reads) =>
      pool.run(
        id,
        steps.map((writes) => writes.map(changed)),
        reads,
      ),
  };
}

/** Changes the calls of every program. */
const withCalls = (pool: Pool, change: (call: Call<number>) => readonly Call<number>[]): Pool => {
  const changed = (program: Program<number>): Program<number> =>
    program.map((phase) => phase.map((task) => task.flatMap(change)));
  return { ...pool, define: (program) => pool.define(changed(program)) };
};

type Value = KernelCall<number>["arguments"][string];

/** Every call of `kernel` is given something else for an argument. */
export const wrongArgument = (
  pool: Pool,
  kernel: KernelName,
  argument: string,
  change: (value: Value | undefined) => Value,
): Pool =>
  withCalls(pool, (call) => {
    if (call.kernel !== kernel) return [call];
    return [{ ...call, arguments: { ...call.arguments, [argument]: change(call.arguments[argument]) } }];
  });

/** Images lie a row too high under every window that has rows above them. */
export const shiftedPad = (pool: Pool): Pool =>
  withWrites(pool, (bytes) => {
    if (bytes.length !== CONV_SHAPE_BYTES) return;
    const view = new DataView(bytes.buffer);
    const above = view.getUint32(PAD_TOP, true);
    view.setUint32(PAD_TOP, Math.max(0, above - 1), true);
  });

/** A live number of the step (a quantizer's parameter, a rate) is a hundredth too large wherever it is `value`. */
export const wrongNumber = (pool: Pool, value: number): Pool =>
  withWrites(pool, (bytes) => {
    if (bytes.length % 4 !== 0) return;
    const floats = new Float32Array(bytes.buffer);
    floats.forEach((float, i) => {
      if (float === Math.fround(value)) floats[i] = float * 1.01;
    });
  });

/**
 * One bit of the packed weights of `node` is flipped: they are packed from a copy of the latent weights in which element
 * `flipped` has the value of element `opposite`, which must have the other sign.
 */
export async function flippedBit(
  pool: Pool,
  node: string,
  floats: number,
  flipped: number,
  opposite: number,
): Promise<Pool> {
  const copy = await pool.reserve(4 * floats);
  const tampered = (call: Call<number>): readonly Call<number>[] => {
    if (call.node !== node || call.kernel !== "sign_lookup_weights") return [call];
    const kernel = call.arguments.kernel as number;
    return [
      callOf(node, "prepare", k.copy({ from: kernel, to: copy, bytes: 4 * floats })),
      callOf(node, "prepare", k.copy({ from: kernel + 4 * opposite, to: copy + 4 * flipped, bytes: 4 })),
      { ...call, arguments: { ...call.arguments, kernel: copy } },
    ];
  };
  return withCalls(pool, tampered);
}
