/**
 * The mean squared distance of two values: factor / (N n) times the sum of (a - b)^2 over the n elements of N images. Both
 * values are pulled towards each other, as far as trained layers lie below them.
 */
import { listOf, numberIn, plainObject, reject, type Subject, safeName } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Shape } from "../../nn/graph.ts";
import type { Network } from "../../nn/network.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { LossContext, LossTerm, TermPlan } from "./term.ts";

export interface DistanceOptions {
  /** The names of two nodes whose values have one shape. */
  readonly between: readonly [string, string];
  /** At least 0; 1 where absent. */
  readonly factor?: number | undefined;
  /** The name in events; "distance" where absent. */
  readonly name?: string | undefined;
}

/** The distance of the values of two nodes. @throws ProxbitError `argument` */
export function distance(options: DistanceOptions): LossTerm {
  const subject: Subject = { code: "argument", what: "losses.distance" };
  const given = plainObject(options, ["between", "factor", "name"], subject);
  const [a, b] = listOf(given.between, 2, 2, "between", subject);
  if (typeof a !== "string" || typeof b !== "string" || a === b) {
    reject(subject, "between", "the names of two nodes", given.between);
  }
  const factor = numberIn(given.factor ?? 1, 0, 1e6, "factor", subject);
  const name = safeName(given.name ?? "distance", "name", subject);
  return {
    name,
    reads: [a, b],
    facts: { factor, between: [a, b] },
    check: ({ shapes }: Network) => {
      const [left, right] = [shapes.get(a), shapes.get(b)] as [Shape, Shape];
      if (left.join() === right.join()) return;
      throw new ProxbitError(
        "shape",
        `the loss term "${name}" is between "${a}" of ${describe(left)} and "${b}" of ${describe(right)}`,
        "Name two nodes whose values have the same shape.",
      );
    },
    plan: (context) => planDistance([a, b], factor, context),
  };
}

function planDistance([a, b]: readonly [string, string], factor: number, { layers, batch }: LossContext): TermPlan {
  const size = elementsOf(layers.shape(a));
  return {
    results: { names: ["squares"], shares: layers.lanes.length },
    value: ([squares = 0], images) => (factor * squares) / (images * size),
    write: ({ emit: by, share, sinks }) => {
      for (const lane of layers.lanes) {
        const operands = { a: layers.value(a, lane), b: layers.value(b, lane), count: size * lane.images };
        by(a).lane(lane.index, k.squaredDistance({ ...operands, result: share(lane.index) }));
      }
      for (const [own, other] of [
        [a, b],
        [b, a],
      ] as const) {
        if (sinks?.wanted(own) !== true) continue;
        sinks.into(own, own, (lane, y, accumulate) => {
          const operands = { a: layers.value(own, lane), b: layers.value(other, lane), count: size * lane.images };
          const slope = (2 * factor) / (batch * size);
          by(own).lane(lane.index, k.addDifference({ ...operands, factor: slope, accumulate, y }));
        });
      }
    },
  };
}
