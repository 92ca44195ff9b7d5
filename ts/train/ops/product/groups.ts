/**
 * Convolutions in groups. A group of channels and a group of filters make a product of their own, over contiguous copies of
 * their operands. The copies are the price: input and sums, with their gradients, each pass through memory once more.
 *
 * Quantizer, scale and bias act on the layer as a whole, before its operands are split and behind its joined sums.
 */
import type { ProductNode } from "../../../nn/nodes.ts";
import { type KernelCall, k } from "../../../program/call.ts";
import { type GroupedMatrix, groupShape, join, split } from "../../../program/channel-groups.ts";
import { type ConvShape, inputPixels, outputPixels } from "../../../program/kernels.ts";
import { at, type Place } from "../../../program/place.ts";
import type { BackwardEmit, Lane, LayerPlan, Mode, PlanContext, Sinks } from "../../plan/context.ts";
import { backwardOf, beforeScale } from "./backward.ts";
import { foldCalls, forwardOf } from "./forward.ts";
import { planShares } from "./gradients.ts";
import { planKernel, planWeights, type Weights } from "./kernel.ts";
import { operandsOf, type ProductPlan, type ProductSetting, planLanes, type SharePlan, settingOf } from "./operands.ts";
import { planSums } from "./sums.ts";

/** A value or a matrix whose columns lie group by group, in a lane or outside of all. */
type Grouped = (group: number, lane: Lane) => Place;

/** The copies of a lane: operands and sums group by group, and the gradients at them. */
interface Copies {
  readonly x: Grouped;
  readonly y: Grouped;
  readonly dx: Grouped;
  readonly dy: Grouped;
  readonly dw: Grouped;
}

/** Plans `node`, whose geometry in a lane is `shape`, in `groups` groups. */
export function planGroups(
  node: ProductNode,
  groups: number,
  shape: (lane: Lane) => ConvShape,
  context: PlanContext,
): LayerPlan {
  const setting = settingOf(node, shape, context);
  const { name, input, bias } = setting;
  const [rows, n] = setting.matrix;
  const operands = operandsOf(setting, context);
  const weights = planWeights(setting, context);
  const sums = planSums(setting, { alpha: weights.derived?.scale ?? null, addsBias: false }, context);
  const shares = planShares(setting, weights.derived, context);
  const lanes = context.lanes.map((lane) => ({ lane, shape: shape(lane) }));
  const before = beforeScale({ node: setting, context, lanes }, sums.scale);

  const inputs = (lane: Lane): GroupedMatrix => {
    const { channels } = shape(lane);
    return { groups, rows: inputPixels(shape(lane)), columns: channels };
  };
  const outputs = (lane: Lane): GroupedMatrix => ({ groups, rows: outputPixels(shape(lane)), columns: n });
  const kernel: GroupedMatrix = { groups, rows, columns: n };
  const copies: Copies = {
    x: planCopy(inputs, context),
    y: planCopy(outputs, context),
    dx: planCopy(inputs, context),
    dy: planCopy(outputs, context),
    dw: planCopy(() => kernel, context),
  };
  const values = context.memory.allocate(4 * rows * n);
  const source = setting.weight === null ? values : context.memory.allocate(4 * rows * n);
  const parts = Array.from({ length: groups }, (_, group) => {
    const first = 4 * group * rows * (n / groups);
    const given = { group, groups, values: at(values, first), source: at(source, first), areWanted: shares.areWanted };
    return planPart(setting, given, copies, context);
  });

  return {
    prepare: (mode) => {
      const reads = operands(mode);
      const signsAlone = reads.activations && reads.weights;
      return [
        [
          ...weights.calls(mode, signsAlone),
          ...(signsAlone ? [] : [split({ ...kernel, from: weights.values, to: values })]),
          ...(reads.weights ? [split({ ...kernel, from: weights.source, to: source })] : []),
          ...parts.flatMap((part) => part.prepare(mode)),
        ],
      ];
    },
    forward: (mode, emit) => {
      for (const { lane } of lanes) {
        emit.lane(lane.index, split({ ...inputs(lane), from: context.value(input, lane), to: copies.x(0, lane) }));
      }
      for (const part of parts) part.forward(mode, emit);
      for (const buffers of lanes) {
        const { lane } = buffers;
        const calls: KernelCall[] = [join({ ...outputs(lane), from: copies.y(0, lane), to: sums.place(lane) })];
        calls.push(...foldCalls(sums, buffers, context.value(name, lane)));
        for (const call of calls) emit.lane(lane.index, call);
      }
    },
    backward: (mode, emit, sinks) => {
      before.emit(emit.input, sinks);
      for (const { lane, shape: own } of lanes) {
        emit.input.lane(
          lane.index,
          split({ ...outputs(lane), from: before.place(lane, sinks), to: copies.dy(0, lane) }),
        );
        if (bias === null || !shares.areWanted) continue;
        const dy = { x: sinks.gradient(name, lane), rows: outputPixels(own), columns: n };
        emit.weights.laterInLane(lane.index, [k.columnSums({ ...dy, out: shares.bias(lane) })]);
      }
      for (const part of parts) part.backward(mode, emit, sinks);
      for (const { lane } of shares.areWanted ? lanes : []) {
        const joined = join({ ...kernel, from: copies.dw(0, lane), to: shares.kernel(lane) });
        emit.weights.laterInLane(lane.index, [joined]);
      }
      if (!sinks.wanted(input)) return;
      sinks.into(name, input, (lane, dx, accumulate) => {
        emit.input.lane(lane.index, join({ ...inputs(lane), from: copies.dx(0, lane), to: dx, accumulate }));
      });
    },
    gradients: shares.gradients,
    readsGradientLater: true,
  };
}

/** Memory of every lane for a matrix, group by group. */
function planCopy(of: (lane: Lane) => GroupedMatrix, { memory }: PlanContext): Grouped {
  const floats = (lane: Lane): number => of(lane).rows * of(lane).columns;
  const place = memory.declare((lane) => 4 * floats(lane));
  return (group, lane) => at(place(lane), (4 * group * floats(lane)) / of(lane).groups);
}

/** A group with its weights. */
interface Group extends Pick<Weights, "values" | "source">, Pick<SharePlan, "areWanted"> {
  readonly group: number;
  readonly groups: number;
}

interface Part {
  readonly prepare: (mode: Mode) => readonly KernelCall[];
  readonly forward: ReturnType<typeof forwardOf>;
  readonly backward: (mode: Mode, emit: BackwardEmit, sinks: Sinks) => void;
}

/** The product of one group, over its copies, without a scale or a bias. */
function planPart(whole: ProductSetting, given: Group, copies: Copies, outer: PlanContext): Part {
  const { group, groups, values, source, areWanted } = given;
  const [rows, n] = whole.matrix;
  const context: PlanContext = {
    ...outer,
    value: (name, lane) => (name === whole.input ? copies.x : copies.y)(group, lane),
  };
  const node: ProductSetting = {
    ...whole,
    ...{ matrix: [rows, n / groups], kernel: values, bias: null },
    shape: (lane) => groupShape(whole.shape(lane), groups),
  };
  const operands = operandsOf(node, context);
  const lanes = planLanes(node, context);
  const weights: Weights = { derived: null, values, source, calls: () => [] };
  const kernel = planKernel(node, weights, operands, lanes, context);
  const sums = planSums(node, { alpha: null, addsBias: true }, context);
  const shares = {
    areWanted,
    direction: null,
    kernel: (lane: Lane) => copies.dw(group, lane),
    bias: () => values,
    gradients: [],
  };
  const plan: ProductPlan = { node, context, lanes, operands, kernel, sums, shares };
  const backward = backwardOf(plan);
  return {
    prepare: kernel.prepare,
    forward: forwardOf(plan),
    backward: (mode, emit, { wanted }) =>
      backward(mode, emit, {
        wanted,
        gradient: (_node, lane) => copies.dy(group, lane),
        into: (_node, _target, write) => {
          for (const lane of outer.lanes) write(lane, copies.dx(group, lane), false);
        },
        pass: () => {
          throw new Error("a product makes a gradient of its own");
        },
      }),
  };
}
