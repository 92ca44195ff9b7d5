/** The tensors of a model file as constants of the program. */
import { joined } from "../base/arrays.ts";
import type { PackedModel, PackedTensor } from "../io/model-reader.ts";
import type { Context } from "./context.ts";
import type { Draft } from "./draft.ts";

export const createTensors =
  (model: PackedModel, draft: Draft): Context["tensor"] =>
  (...names) =>
    draft.memo(`tensor ${names.join(" ")}`, () =>
      draft.constant(bytesOfAll(names.map((name) => bytesOf(model.parameters.get(name) as PackedTensor)))),
    );

/** One tensor as it is, several one behind the other. */
const bytesOfAll = (parts: readonly Uint8Array[]): Uint8Array =>
  parts.length === 1 ? (parts[0] as Uint8Array) : joined(parts);

const bytesOf = (data: PackedTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
