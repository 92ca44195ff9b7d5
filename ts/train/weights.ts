/** The network's values in and out of the pool's memory: initial values, reading, replacing, packing. */
import { ProxbitError } from "../errors.ts";
import { encodeModel, type PackedTensor } from "../io/model-file.ts";
import { initialValues } from "../nn/initializers.ts";
import { createArena } from "../runtime/arena.ts";
import type { Call } from "../runtime/program.ts";
import type { Engine } from "./engine.ts";
import type { TrainedTensor } from "./layout.ts";
import { isBop } from "./optimizers.ts";

/** sign(0) = sign(-0) = +1, as everywhere. */
const sign = (value: number): number => (value >= 0 ? 1 : -1);

/** Fills the values, and the copy that a failed step goes back to, from the graph's initialisers. */
export async function initialize(engine: Engine, seed: number): Promise<void> {
  const values = new Map(
    [...engine.layout.tensors].map(([name, { parameter }]) => [name, initialValues(parameter, seed)]),
  );
  await writeValues(engine, values);
}

/** All values by parameter name. */
export async function readWeights(engine: Engine): Promise<Map<string, Float32Array>> {
  const { values, tensors } = engine.layout;
  const bytes = await engine.pool.read(values);
  const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Map(
    [...tensors].map(([name, { value, size }]) => {
      const start = (value - values.address) / 4;
      return [name, floats.slice(start, start + size)];
    }),
  );
}

/** Replaces some values. */
export async function writeWeights(engine: Engine, weights: ReadonlyMap<string, Float32Array>): Promise<void> {
  for (const [name, given] of weights) {
    const tensor = engine.layout.tensors.get(name);
    if (tensor === undefined) {
      const known = [...engine.layout.tensors.keys()].join(", ");
      throw new ProxbitError("unknown-name", `the network has no parameter "${name}"`, `Its parameters are ${known}.`);
    }
    if (given.length !== tensor.size) {
      const shape = `[${tensor.parameter.shape.join(", ")}]`;
      const message = `parameter "${name}" has shape ${shape}, ${tensor.size} elements, not ${given.length}`;
      throw new ProxbitError("shape", message, "Give the weights of a network with the same layers.");
    }
    const bad = given.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const message = `parameter "${name}" holds ${given[bad]} at position ${bad}`;
      throw new ProxbitError("not-finite", message, "Give finite weights only.");
    }
    if (name.endsWith("/movingVariance") && given.some((value) => value < 0)) {
      throw new ProxbitError("argument", `parameter "${name}" holds a negative variance`, "Give variances from 0 on.");
    }
  }
  await engine.alone(async () => writeValues(engine, new Map([...(await readWeights(engine)), ...weights])));
}

/** Writes all values, to the block in use and to its copy; of binary weights without latent ones the signs. */
async function writeValues(engine: Engine, weights: ReadonlyMap<string, Float32Array>): Promise<void> {
  const { values, previous, tensors } = engine.layout;
  const floats = new Float32Array(values.bytes / 4);
  for (const [name, { value, optimizer }] of tensors) {
    const given = weights.get(name) as Float32Array;
    const kept = optimizer !== null && isBop(optimizer) ? given.map(sign) : given;
    floats.set(kept, (value - values.address) / 4);
  }
  const bytes = new Uint8Array(floats.buffer);
  await engine.pool.write(values.address, bytes);
  await engine.pool.write(previous.address, bytes);
}

/** After a failed step: the values before the last update, and an optimizer that has seen nothing. */
export async function restorePrevious(engine: Engine): Promise<void> {
  const { values, previous, slots } = engine.layout;
  await engine.pool.write(values.address, await engine.pool.read(previous));
  await engine.pool.write(slots.address, new Uint8Array(slots.bytes));
}

/** Remembers the running statistics; what comes back puts them into place again. */
export async function rememberStatistics(engine: Engine): Promise<() => Promise<void>> {
  const values = await readWeights(engine);
  return async () => {
    for (const [name, { parameter, value }] of engine.layout.tensors) {
      const kept = values.get(name);
      if (parameter.role === "statistic" && kept) await engine.pool.write(value, new Uint8Array(kept.buffer));
    }
  };
}

/** The model file of the hard-signed network. */
export async function pack(engine: Engine, metadata: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const latent = [...engine.layout.tensors.values()].filter(({ parameter }) => parameter.role === "latent");
  const [values, bits] = await engine.alone(
    async () => [await readWeights(engine), await packBits(engine, latent)] as const,
  );
  const parameters = new Map<string, PackedTensor>([...values, ...bits]);
  return encodeModel({ graph: engine.graph, parameters, metadata });
}

async function packBits(engine: Engine, latent: readonly TrainedTensor[]): Promise<Map<string, Uint8Array>> {
  const place = (
    base: number,
  ): { jobs: { name: string; k: number; n: number; from: number; to: number }[]; end: number } => {
    const arena = createArena(base);
    const jobs = latent.map(({ parameter, size, value }) => {
      const n = parameter.shape.at(-1) as number;
      const k = size / n;
      return { name: parameter.name, k, n, from: value, to: arena.allocate(n * Math.ceil(k / 8)) };
    });
    return { jobs, end: arena.end() };
  };
  const { end } = place(0);
  if (end === 0) return new Map();
  const base = await engine.packed.atLeast(end);
  const { jobs } = place(base);
  const calls = jobs.map(
    ({ name, from, k, n, to }): Call => ({ node: name, kernel: "pack_file_bits", arguments: [from, k, n, to] }),
  );
  const ranges = jobs.map(({ to, k, n }) => ({ address: to, bytes: n * Math.ceil(k / 8) }));
  const program = await engine.pool.define([[calls]]);
  const result = await engine.pool.run(program, [[]], ranges);
  await engine.pool.forget([program]);
  if (result.failure !== null) {
    const message = `parameter "${result.failure.node}" holds NaN and cannot be packed`;
    throw new ProxbitError("not-finite", message, "Train again with a lower learning rate.");
  }
  return new Map(jobs.map(({ name }, i) => [name, result.reads[0]?.[i] as Uint8Array]));
}
