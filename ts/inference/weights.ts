/** The tensors of a model file as constants of the program. */
import type { PackedModel, PackedTensor } from "../io/model-file.ts";
import { parameterName } from "../nn/network.ts";
import { k } from "../program/call.ts";
import type { Network, Weights } from "./context.ts";
import type { Draft } from "./draft.ts";

export function createWeights(model: PackedModel, network: Network, draft: Draft): Weights {
  const tensor: Weights["tensor"] = (...names) =>
    draft.memo(`tensor ${names.join(" ")}`, () =>
      draft.constant(joined(names.map((name) => bytesOf(model.parameters.get(name) as PackedTensor)))),
    );
  const fold: Weights["fold"] = (node) =>
    draft.memo(`fold ${node.name}`, () => {
      const channels = network.channelsOf(node.name);
      const [scale, shift] = [draft.allocate(4 * channels), draft.allocate(4 * channels)];
      const running = tensor(parameterName(node, "movingMean"), parameterName(node, "movingVariance"));
      const [gamma, beta] = [tensor(parameterName(node, "gamma")), tensor(parameterName(node, "beta"))];
      const eps = node.attributes.epsilon;
      draft.once(node.name, k.normFold({ gamma, beta, running, eps, channels, scale, shift }));
      return { scale, shift };
    });
  return { tensor, fold };
}

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
