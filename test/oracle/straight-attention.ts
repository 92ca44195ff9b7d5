/** Attention whose jumps are straight lines. */
import { learnedOfMatrix } from "../../ts/nn/ops/attention.ts";
import { at, type Value } from "./layers.ts";
import { operandLine } from "./line.ts";
import { type AppliedAttention, matrixOf, mixed, operandsOf, scoresOf, sharesOf, sizesOf } from "./ops/attention.ts";

/** Operands that follow straight lines where they are quantized, and a matrix that follows those of its way back. */
export function straightAttention(from: AppliedAttention, moved: AppliedAttention): Value {
  const { attributes } = from.node;
  const [query, key, value] = moved.inputs.map((to, place) => {
    const { data } = from.inputs[place] as Value;
    return { ...to, data: operandLine(from, moved, place, data, to.data) };
  }) as [Value, Value, Value];
  const sizes = sizesOf(from);
  const before = operandsOf(from);
  const [scores, scoresThere] = [scoresOf(before[0], before[1], sizes), scoresOf(query, key, sizes)];
  const [shares, sharesThere] = [scores, scoresThere].map((own) => sharesOf(own, sizes.keys)) as [
    Float64Array,
    Float64Array,
  ];
  const { matrix, over, slope, parameterSlope } = matrixOf(from, scores, shares);
  const [x, z] = over === "shares" ? [shares, sharesThere] : [scores, scoresThere];
  const learned = learnedOfMatrix(attributes.matrix);
  const perHead = sizes.tokens * sizes.keys;
  const risen = (i: number): number => {
    if (learned === null) return 0;
    const head = Math.floor(i / perHead) % sizes.heads;
    return at(moved.parameter(learned), head) - at(from.parameter(learned), head);
  };
  const lines = matrix.map(
    (own, i) => own + at(slope, i) * (at(z, i) - at(x, i)) + at(parameterSlope ?? slope, i) * risen(i),
  );
  return mixed(lines, value, sizes);
}
