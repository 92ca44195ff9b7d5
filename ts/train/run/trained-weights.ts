/** The network's values in and out of the pool's memory: initial values, reading, replacing, packing. */

import { isArrayOf } from "../../base/arrays.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import { encodeModel, type PackedTensor } from "../../io/model-file.ts";
import type { Graph } from "../../nn/graph.ts";
import { initialValues } from "../../nn/initializers.ts";
import { networkOf, parameterName } from "../../nn/network.ts";
import { learnedKey } from "../../nn/ops/quantizer-parameters.ts";
import { packedParametersOf } from "../../nn/parameters.ts";
import { kernelMatrix } from "../../nn/shapes.ts";
import { type Call, callOf, type KernelCall, k } from "../../program/call.ts";
import { fileBytes } from "../../program/kernels.ts";
import { addressOf, type Place, rangeOf } from "../../program/place.ts";
import { placed } from "../../program/program.ts";
import { createSegment, type Segment } from "../../program/segment.ts";
import { encodeTable } from "../../quantizers/maps.ts";
import { learnedNumbers } from "../../quantizers/operand-kinds.ts";
import { stateAt } from "../../quantizers/state.ts";
import { deriveWeights } from "../ops/product/derived-weights.ts";
import { isBop } from "../optimizers/optimizers.ts";
import type { TrainedTensor } from "../plan/layout.ts";
import type { Engine } from "./engine.ts";

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
  const bytes = await engine.pool.read(rangeOf(values));
  const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Map(
    [...tensors].map(([name, { value, size }]) => {
      const start = value.offset / 4;
      return [name, floats.slice(start, start + size)];
    }),
  );
}

/** Replaces some values. */
export async function writeWeights(engine: Engine, weights: ReadonlyMap<string, Float32Array>): Promise<void> {
  for (const [name, given] of weights) {
    if (typeof name !== "string" || !isArrayOf(given, "Float32Array")) {
      const message = `weights are a Float32Array by parameter name, not ${describe(given)} by ${describe(name)}`;
      throw new ProxbitError("argument", message, "Give what trainer.weights() returns.");
    }
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
    const { neverNegative } = tensor.parameter;
    if (neverNegative !== undefined && given.some((value) => value < 0)) {
      const message = `parameter "${name}" holds a negative ${neverNegative}`;
      throw new ProxbitError("argument", message, `Give ${neverNegative}s from 0 on.`);
    }
  }
  await engine.alone(async () => writeValues(engine, new Map([...(await readWeights(engine)), ...weights])));
}

/** Writes all values, to the block in use and to its copy; of binary weights without latent ones the signs. */
async function writeValues(engine: Engine, weights: ReadonlyMap<string, Float32Array>): Promise<void> {
  const { values, previous, tensors } = engine.layout;
  const floats = new Float32Array(values.buffer.bytes / 4);
  for (const [name, { value, optimizer }] of tensors) {
    const given = weights.get(name) as Float32Array;
    const kept = optimizer !== null && isBop(optimizer) ? given.map(sign) : given;
    floats.set(kept, value.offset / 4);
  }
  const bytes = new Uint8Array(floats.buffer);
  await engine.pool.write(addressOf(values), bytes);
  await engine.pool.write(addressOf(previous), bytes);
}

/** After a failed step: the values before the last update, and an optimizer that has seen nothing. */
export async function restorePrevious(engine: Engine): Promise<void> {
  const { values, previous, slots } = engine.layout;
  await engine.pool.write(addressOf(values), await engine.pool.read(rangeOf(previous)));
  await engine.pool.write(addressOf(slots), new Uint8Array(slots.buffer.bytes));
}

/** Remembers the running statistics; what comes back puts them into place again. */
export async function rememberStatistics(engine: Engine): Promise<() => Promise<void>> {
  const values = await readWeights(engine);
  return async () => {
    for (const [name, { parameter, value }] of engine.layout.tensors) {
      const kept = values.get(name);
      if (parameter.role === "statistic" && kept)
        await engine.pool.write(addressOf(value), new Uint8Array(kept.buffer));
    }
  };
}

/** The model file of the hardened network; or of `graph`, whose parameters are some of the engine's. */
export async function pack(
  engine: Engine,
  metadata: Readonly<Record<string, string>>,
  graph: Graph = engine.graph,
): Promise<Uint8Array> {
  const [values, kernels] = await engine.alone(
    async () => [await readWeights(engine), await packKernels(engine)] as const,
  );
  const all = new Map<string, PackedTensor>([...values, ...kernels]);
  const parameters = new Map(packedParametersOf(graph).map(({ name }) => [name, all.get(name) as PackedTensor]));
  return encodeModel({ graph, parameters, metadata });
}

/** A tensor of the file: its bytes are bits, or f32. */
interface PackedResult {
  readonly name: string;
  readonly place: Place;
  readonly bytes: number;
  readonly bits: boolean;
}

/** The calls that make what a file holds of quantized kernels, what they read beside the latent weights, and their results. */
interface PackPlan {
  readonly calls: readonly Call[];
  readonly segment: Segment;
  readonly results: readonly PackedResult[];
}

/** Bits or levels of every quantized kernel, and what is derived from its latent weights, by name. */
async function packKernels(engine: Engine): Promise<Map<string, PackedTensor>> {
  const { calls, segment, results } = planPacking(engine);
  if (results.length === 0) return new Map();
  segment.settle(await engine.packed.atLeast(segment.bytes()));
  const program = await engine.pool.define(placed([[calls]], addressOf));
  const ranges = results.map(({ place, bytes }) => rangeOf(place, bytes));
  const { failure, reads } = await engine.pool.run(program, [segment.writes()], ranges);
  await engine.pool.forget([program]);
  if (failure !== null) {
    const message = `the weights of layer "${failure.node}" hold NaN or have no phase, and cannot be packed`;
    throw new ProxbitError("not-finite", message, "Train again with a lower learning rate.");
  }
  return new Map(
    results.map(({ name, bits }, i) => {
      const bytes = reads[0]?.[i] as Uint8Array;
      return [name, bits ? bytes : new Float32Array(bytes.slice().buffer)];
    }),
  );
}

function planPacking(engine: Engine): PackPlan {
  const segment = createSegment();
  const calls: Call[] = [];
  const add = (node: string, call: KernelCall): void => {
    calls.push(callOf(node, "prepare", call));
  };
  const results: PackedResult[] = [];
  for (const [name, quantizer] of networkOf(engine.graph).quantizers) {
    const { value, size, parameter } = engine.layout.tensors.get(name) as TrainedTensor;
    const { node, key } = parameter;
    const [rows, n] = kernelMatrix(parameter);
    const state = stateAt(quantizer, 1);
    const own = (suffix: string): Place =>
      (engine.layout.tensors.get(parameterName({ name: node }, suffix)) as TrainedTensor).value;
    const [first] = learnedNumbers(quantizer);
    const parameters =
      first === undefined
        ? segment.floats(Float32Array.from(state.parameters))
        : own(learnedKey("weightQuantizer", first.name));
    const derived = deriveWeights({ node, latent: value, rows, n, quantizer, parameters, own }, segment.allocate);
    for (const call of derived.calls) add(node, call);
    const result = (suffix: string, place: Place, bytes: number, bits = false): void => {
      results.push({ name: parameterName({ name: node }, suffix), place, bytes, bits });
    };
    if (quantizer.hard === "sign") {
      const bits = segment.allocate(fileBytes(rows, n));
      add(node, k.packFileBits({ kernel: derived.source, k: rows, n, out: bits }));
      result(key, bits, fileBytes(rows, n), true);
    } else {
      const levels = segment.allocate(4 * size);
      const table = quantizer.table === null ? null : segment.floats(encodeTable(quantizer.table));
      const maps = { proximal: state.proximalMap, map: state.forwardMap, parameters: derived.parameters, table };
      add(node, k.quantizeForward({ ...maps, x: derived.source, y: levels, count: size }));
      result(key, levels, 4 * size);
    }
    if (derived.affine !== null) {
      result("scale", derived.affine.scale, 4 * n);
      result("shift", derived.affine.shift, 4 * n);
    } else if (derived.scale !== null) {
      result("scale", derived.scale, 4 * n);
    }
  }
  return { calls, segment, results };
}
