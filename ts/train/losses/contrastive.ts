/**
 * InfoNCE within a batch between the values of two nodes (van den Oord et al., 2018; CMIM, Shang et al., ECCV 2022): the value of
 * an example at one node is to be told by that at the other, among those of the whole batch. With unit vectors u and v of N
 * examples it is factor / N times the sum over i of ln(sum_j exp(u_i . v_j / T)) - u_i . v_i / T.
 */
import { listOf, numberIn, plainObject, reject, type Subject, safeName } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Network } from "../../nn/network.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import type { Lane } from "../plan/context.ts";
import type { LossContext, LossTerm, TermPlan } from "./term.ts";

export interface ContrastiveOptions {
  /** The names of two nodes whose values have as many elements: the anchors, and the candidates among which they choose. */
  readonly between: readonly [string, string];
  /** At least 0; 1 where absent. */
  readonly factor?: number | undefined;
  /** T, from 0.02 to 100; 0.1 where absent. */
  readonly temperature?: number | undefined;
  /** The name in events; "contrastive" where absent. */
  readonly name?: string | undefined;
}

/** The contrast of the values of two nodes, with gradients at both. @throws ProxbitError `argument` */
export function contrastive(options: ContrastiveOptions): LossTerm {
  const subject: Subject = { code: "argument", what: "losses.contrastive" };
  const given = plainObject(options, ["between", "factor", "temperature", "name"], subject);
  const [a, b] = listOf(given.between, 2, 2, "between", subject);
  if (typeof a !== "string" || typeof b !== "string" || a === b) {
    reject(subject, "between", "the names of two nodes", given.between);
  }
  const factor = numberIn(given.factor ?? 1, 0, 1e6, "factor", subject);
  const temperature = numberIn(given.temperature ?? 0.1, 0.02, 100, "temperature", subject);
  const name = safeName(given.name ?? "contrastive", "name", subject);
  return {
    name,
    reads: [a, b],
    facts: { factor, temperature, between: [a, b] },
    check: ({ shapes }: Network) => {
      const [left, right] = [shapes.get(a), shapes.get(b)] as [Shape, Shape];
      if (elementsOf(left) === elementsOf(right)) return;
      throw new ProxbitError(
        "shape",
        `the loss term "${name}" is between "${a}" of ${describe(left)} and "${b}" of ${describe(right)}`,
        "Name two nodes whose values have as many elements.",
      );
    },
    plan: (context) => planContrast([a, b], factor, temperature, context),
  };
}

/** An embedding of a batch: unit vectors of its rows, and 1 over the norms. */
interface Embedding {
  readonly node: string;
  readonly units: Place;
  readonly inverses: Place;
}

function planContrast(
  between: readonly [string, string],
  factor: number,
  temperature: number,
  { layers, batch: all }: LossContext,
): TermPlan {
  const size = elementsOf(layers.shape(between[0]));
  const { allocate } = layers.memory;
  const [anchors, candidates] = between.map((node) => ({
    ...{ node, units: allocate(4 * all * size), inverses: allocate(8 * all) },
  })) as [Embedding, Embedding];
  const sums = allocate(8 * all);
  const scratch = layers.memory.declare(() => 8 * (all + size));
  const rowsOf = ({ units, inverses }: Embedding, { first, images: rows }: Lane) => ({
    ...{ rows, units: at(units, 4 * size * first), inverses: at(inverses, 8 * first) },
  });
  return {
    results: { names: ["losses"], shares: layers.lanes.length },
    value: ([sum = 0], images) => (factor * sum) / images,
    write: ({ emit: by, share, sinks }) => {
      const emit = by(anchors.node);
      for (const lane of layers.lanes) {
        for (const embedding of [anchors, candidates]) {
          const x = layers.value(embedding.node, lane);
          by(embedding.node).lane(lane.index, k.unitRows({ x, size, ...rowsOf(embedding, lane) }));
        }
      }
      // Every lane reads the rows of all others, and then what all anchors' exponentials add up to.
      emit.barrier();
      for (const lane of layers.lanes) {
        const { units: u, rows } = rowsOf(anchors, lane);
        const own = { u, v: candidates.units, first: lane.first, rows, all, size, temperature };
        emit.lane(lane.index, k.contrast({ ...own, sums: at(sums, 8 * lane.first), result: share(lane.index) }));
      }
      emit.barrier();
      for (const [embedding, other] of [
        [anchors, candidates],
        [candidates, anchors],
      ] as const) {
        const { node } = embedding;
        if (sinks?.wanted(node) !== true) continue;
        sinks.into(node, node, (lane, gradient, accumulate) => {
          const { units: own, ...rows } = rowsOf(embedding, lane);
          const given = { own, ...rows, others: other.units, sums, first: lane.first, all, size, temperature };
          const how = { candidates: embedding === candidates, factor: factor / all, accumulate };
          by(node).lane(lane.index, k.contrastSlopes({ ...given, ...how, scratch: scratch(lane), gradient }));
        });
      }
    },
  };
}
