/** Two values one behind the other: element by element, from its index along every axis. */
import { at, sizeOf, type Value, zeros } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** Calls `visit` with the place of each element of the value, which input it comes from, and its place there. */
function walk(
  { node, inputs }: Applied<"concatenate">,
  visit: (to: number, input: 0 | 1, from: number) => void,
): Value {
  const [first, second] = inputs;
  const { axis } = node.attributes;
  const along = axis < 0 ? first.shape.length + axis : axis;
  const sizes = inputs.map(({ shape }) => shape[along] as number) as [number, number];
  const shape = first.shape.map((size, at) => (at === along ? sizes[0] + sizes[1] : size));
  const behind = sizeOf(shape.slice(along + 1));
  const value = zeros(first.images, shape);
  value.data.forEach((_, to) => {
    const [inner, index] = [to % behind, Math.floor(to / behind) % (sizes[0] + sizes[1])];
    const before = Math.floor(to / behind / (sizes[0] + sizes[1]));
    const input = index < sizes[0] ? 0 : 1;
    const there = index - (input === 0 ? 0 : sizes[0]);
    visit(to, input, (before * sizes[input] + there) * behind + inner);
  });
  return { ...value, images: second.images };
}

export const concatenate: OracleOp<"concatenate"> = {
  forward: (given) => {
    const found: number[] = [];
    const value = walk(given, (_to, input, from) => found.push(at(given.inputs[input].data, from)));
    return { ...value, data: Float64Array.from(found) };
  },
  backward: (given, dy) => {
    const inputs = given.inputs.map(({ data }) => new Float64Array(data.length)) as [Float64Array, Float64Array];
    walk(given, (to, input, from) => {
      inputs[input][from] = at(dy.data, to);
    });
    return { inputs, parameters: {} };
  },
};
