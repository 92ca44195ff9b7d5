/**
 * Attention in the trainer. A lane's images are multiplied head by head. The way forward leaves the matrix A, and p (or the
 * scaled scores of a matrix without softmax) for the way back:
 *
 *   dA = dy v^T, dv = A^T dy, ds = dA through the matrix, dq = ds k, dk = ds^T q
 *
 * The alpha of an elastic matrix is a factor of the products, and A itself is 0 or 1. Where all operands are signs, kernels over
 * bits do all of it (`attention/signs.ts`).
 */
import { attentionSizes } from "../../nn/ops/attention.ts";
import { attentionKinds } from "../../program/attention.ts";
import { as, type KernelCall, k } from "../../program/call.ts";
import { attentionRealScratchFloats } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Lane } from "../plan/context.ts";
import { planLearned } from "./attention/learned.ts";
import { trainedObstacles } from "./attention/obstacles.ts";
import { type AttentionProduct, attentionProducts, sliceScratchBytes } from "./attention/products.ts";
import { planSigns } from "./attention/signs.ts";
import type { TrainOp } from "./op.ts";
import { isQuantized, planOperand } from "./operand.ts";

/** The places of a product; without a factor and not added to what is there, where that is not said. */
interface Places {
  readonly a: Place;
  readonly b: Place;
  readonly out: Place;
  readonly alphas?: Place | null;
  readonly accumulate?: boolean;
}

export const attention: TrainOp<"attention"> = {
  obstacles: trainedObstacles,
  plan: (node, context) => {
    const { name, inputs, attributes } = node;
    const sizes = attentionSizes(inputs.map(context.shape), attributes.heads);
    const { tokens, keys, heads, d: width } = sizes;
    const query = planOperand(node, 0, context);
    const key = planOperand(node, 1, context);
    const value = planOperand(node, 2, context);
    const learned = planLearned(node, context);
    const signs = planSigns(node, sizes, [query, key, value], context);
    const alphas = attributes.matrix === "elastic" && learned !== null ? learned.place : null;

    const bytes = ({ images }: Lane): number => 4 * images * heads * tokens * keys;
    const hasBoth = attributes.matrix !== "softmax";
    const soft = context.memory.declare(bytes);
    // Softmax's A is what its way back reads.
    const matrix = hasBoth ? context.memory.declare(bytes) : soft;
    const gradient = context.memory.declare(bytes);
    const scratchBytes = sliceScratchBytes(Object.values(attentionProducts(sizes, 1)));
    const scratch = context.memory.declare(() => scratchBytes);
    const rowScratch = context.memory.declare(() => 4 * attentionRealScratchFloats(keys, width, sizes.dv));

    const product = (lane: Lane, which: AttentionProduct, places: Places) => {
      const given = { alphas: null, accumulate: false, ...places, scratch: scratch(lane) };
      return k.ffSlices({ ...attentionProducts(sizes, lane.images)[which], ...given });
    };
    const kind = attentionKinds[attributes.matrix];
    const parameters = learned?.place ?? null;
    const map = ({ images }: Lane) => ({ kind, images, heads, tokens, keys, width, parameters });

    /** The calls of a step that leave what the way back reads. */
    const trained = (lane: Lane): readonly KernelCall[] => {
      const [scores, a, out] = [soft(lane), matrix(lane), context.value(name, lane)];
      const made = k.attentionMatrix({ ...map(lane), scores, matrix: hasBoth ? a : null });
      return [
        as({ scores: "ff" }, product(lane, "scores", { a: query.place(lane), b: key.place(lane), out: scores })),
        as({ [attributes.matrix]: null }, made),
        as({ mix: "ff" }, product(lane, "mix", { a, b: value.place(lane), alphas, out })),
      ];
    };
    /** Without a way back nothing is kept, and the numbers are the same. */
    const evaluated = (lane: Lane): readonly KernelCall[] => {
      const operands = { queries: query.place(lane), keyValues: key.place(lane), values: value.place(lane) };
      const given = { ...map(lane), valueWidth: sizes.dv, ...operands };
      return [k.attentionReals({ ...given, out: context.value(name, lane), scratch: rowScratch(lane) })];
    };

    return {
      forward: (mode, emit) => {
        for (const lane of context.lanes) {
          if (signs?.acts(mode)) {
            for (const call of signs.forward(mode, lane, map(lane))) emit.lane(lane.index, call);
            continue;
          }
          const operands = [query, key, value].flatMap((operand) => operand.forward(mode, lane));
          const calls = [...operands, ...(mode.kind === "train" ? trained(lane) : evaluated(lane))];
          for (const call of calls) emit.lane(lane.index, call);
        }
      },
      backward: (mode, { input: emit }, sinks) => {
        const dy = (lane: Lane): Place => sinks.gradient(name, lane);
        const isLearned = learned?.isTrained === true;
        const share = (lane: Lane): Place | null => (isLearned ? learned.share(lane) : null);
        if (signs?.acts(mode) && isQuantized(query) && isQuantized(key) && isQuantized(value)) {
          for (const lane of context.lanes) {
            const onto = {
              dqueries: query.gradient(lane),
              dkeys: key.gradient(lane),
              dvalues: value.gradient(lane),
            };
            const places = { dy: dy(lane), ...onto, dparameters: share(lane) };
            emit.lane(lane.index, signs.backward(lane, map(lane), places));
          }
          for (const operand of [value, query, key]) operand.through(emit, sinks);
          return;
        }
        value.backward(emit, sinks, (lane, to) =>
          as({ "value gradient": "ff" }, product(lane, "value", { a: matrix(lane), b: dy(lane), alphas, ...to })),
        );
        if (!isLearned && !query.isWanted(sinks) && !key.isWanted(sinks)) return;
        for (const lane of context.lanes) {
          const own = { soft: soft(lane), gradient: gradient(lane), dparameters: share(lane) };
          const atMatrix = product(lane, "matrix", { a: dy(lane), b: value.place(lane), out: gradient(lane) });
          emit.lane(lane.index, as({ "matrix gradient": "ff" }, atMatrix));
          const atScores = k.attentionMatrixBackward({ ...map(lane), ...own });
          emit.lane(lane.index, as({ [`${attributes.matrix} gradient`]: null }, atScores));
        }
        query.backward(emit, sinks, (lane, to) =>
          as({ "query gradient": "ff" }, product(lane, "query", { a: gradient(lane), b: key.place(lane), ...to })),
        );
        key.backward(emit, sinks, (lane, to) =>
          as({ "key gradient": "ff" }, product(lane, "key", { a: gradient(lane), b: query.place(lane), ...to })),
        );
      },
      gradients: [
        ...(learned === null ? [] : [learned.gradient]),
        ...[query, key, value].flatMap((operand) => operand.gradients),
      ],
    };
  },
};
