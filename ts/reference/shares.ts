/**
 * Shares of gradients on the way back. A node gives all of its own at once, out of one pass over it; each is kept until the
 * value or the parameter that it belongs to is compared.
 */
import type { GraphNode, OpName } from "../nn/graph.ts";
import { compare, type Label, missingKernel, unsupported } from "./compare.ts";
import type { Near } from "./maps.ts";
import { nearGradients } from "./nodes.ts";
import { referenceOpOf } from "./ops/index.ts";
import type { Applied, At } from "./ops/op.ts";
import type { Row } from "./report.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** A place of a node, and the key under which its gradient is looked for. */
interface Target {
  readonly at: At;
  readonly key: string;
}

/** A gradient, or the words for what bars it on the backend. */
type Share = { readonly kind: "near"; readonly near: Near } | { readonly kind: "lack"; readonly detail: string };

interface Shares {
  /** Calculates the gradients of a node at `targets`; `make` has the node over its operands, and the gradient at its value. */
  readonly add: (node: GraphNode, targets: readonly Target[], make: () => readonly [Applied<OpName>, Tensor]) => void;
  /** The row of what `make` makes of all shares under `key`, which are freed. */
  readonly compare: (
    label: Label,
    ours: ArrayLike<number>,
    key: string,
    make: (shares: readonly Near[]) => Near,
  ) => Promise<Row>;
  readonly dispose: () => void;
}

export function createShares(tf: TensorFlow): Shares {
  const found = new Map<string, Share[]>();
  const put = (key: string, share: Share): void => void found.set(key, [...(found.get(key) ?? []), share]);
  const free = (shares: readonly Share[]): void => {
    for (const share of shares) if (share.kind === "near") tf.dispose([share.near.value, share.near.distance]);
  };

  const calculate = (targets: readonly Target[], make: () => readonly [Applied<OpName>, Tensor]): readonly Share[] => {
    try {
      const made = tf.tidy(() => {
        const nears = nearGradients(
          ...make(),
          targets.map(({ at }) => at),
        );
        // A distance may be the very tensor that is the value.
        return nears.map(({ value, distance }) => [tf.clone(value), tf.clone(distance)] as [Tensor, Tensor]);
      });
      return made.map(([value, distance]) => ({ kind: "near", near: { value, distance } }));
    } catch (error) {
      const detail = missingKernel(error);
      if (detail === null) throw error;
      return targets.map(() => ({ kind: "lack", detail }));
    }
  };

  return {
    add: ({ op }, targets, make) => {
      const lackAt = ({ at }: Target): string | null => referenceOpOf(op).lacks?.(tf, at) ?? null;
      const possible = targets.filter((target) => {
        const detail = lackAt(target);
        if (detail !== null) put(target.key, { kind: "lack", detail });
        return detail === null;
      });
      if (possible.length === 0) return;
      const shares = calculate(possible, make);
      for (const [i, { key }] of possible.entries()) put(key, shares[i] as Share);
    },
    compare: async (label, ours, key, make) => {
      const shares = found.get(key) ?? [];
      found.delete(key);
      try {
        const lack = shares.find((share) => share.kind === "lack");
        if (lack !== undefined) return unsupported(label, ours.length, lack.detail);
        const nears = shares.flatMap((share) => (share.kind === "near" ? [share.near] : []));
        return await compare(tf, label, ours, () => make(nears));
      } finally {
        free(shares);
      }
    },
    dispose: () => {
      free([...found.values()].flat());
      found.clear();
    },
  };
}
