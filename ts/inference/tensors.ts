/** The tensors of a model file as constants of the program. */
import type { PackedModel, PackedTensor } from "../io/model-reader.ts";
import type { Context } from "./context.ts";
import type { Draft } from "./draft.ts";

export const createTensors =
  (model: PackedModel, draft: Draft): Context["tensor"] =>
  (...names) =>
    draft.memo(`tensor ${names.join(" ")}`, () =>
      draft.constant(joined(names.map((name) => bytesOf(model.parameters.get(name) as PackedTensor)))),
    );

const bytesOf = (data: PackedTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = parts;
  if (first !== undefined && rest.length === 0) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
