/**
 * InfoNCE within a batch between the values of two nodes (van den Oord et al., 2018; CMIM, Shang et al., ECCV 2022): the value of
 * an example at one node is to be told by that at the other, among those of the whole batch. With unit vectors u and v of N
 * examples it is factor / N times the sum over i of ln(sum_j exp(u_i . v_j / T)) - u_i . v_i / T.
 *
 * With a memory bank j runs over the last `bank` candidates of earlier steps too, which are constants (Wu et al., "Unsupervised
 * Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018). The bank is a queue as in MoCo (He et al., CVPR 2020):
 * each step puts its candidates at the end, and the oldest leave. A place that nobody has filled is a row of zeros, so a negative
 * at right angles to all anchors.
 */
import { integerIn, listOf, numberIn, plainObject, reject, type Subject, safeName } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Network } from "../../nn/network.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { type KernelCall, k } from "../../program/call.ts";
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
  /** Candidates of earlier steps that are kept as negatives, from 0 to 65536; 0 where absent. */
  readonly bank?: number | undefined;
  /** The name in events; "contrastive" where absent. */
  readonly name?: string | undefined;
}

/** The state's name, and the most rows of it. */
const BANK = "bank";
const MOST_KEPT = 65_536;

/** The contrast of the values of two nodes, with gradients at both. @throws ProxbitError `argument` */
export function contrastive(options: ContrastiveOptions): LossTerm {
  const subject: Subject = { code: "argument", what: "losses.contrastive" };
  const given = plainObject(options, ["between", "factor", "temperature", "bank", "name"], subject);
  const [a, b] = listOf(given.between, 2, 2, "between", subject);
  if (typeof a !== "string" || typeof b !== "string" || a === b) {
    reject(subject, "between", "the names of two nodes", given.between);
  }
  const factor = numberIn(given.factor ?? 1, 0, 1e6, "factor", subject);
  const temperature = numberIn(given.temperature ?? 0.1, 0.02, 100, "temperature", subject);
  const bank = integerIn(given.bank ?? 0, 0, MOST_KEPT, "bank", subject);
  const name = safeName(given.name ?? "contrastive", "name", subject);
  return {
    name,
    reads: [a, b],
    facts: { factor, temperature, between: [a, b], ...(bank === 0 ? {} : { bank }) },
    ...(bank === 0
      ? { leastBatch: 2 }
      : { state: ({ shapes }: Network) => [{ name: BANK, shape: [bank, elementsOf(shapes.get(b) ?? [])] }] }),
    check: ({ shapes }: Network) => {
      const [left, right] = [shapes.get(a), shapes.get(b)] as [Shape, Shape];
      if (elementsOf(left) === elementsOf(right)) return;
      throw new ProxbitError(
        "shape",
        `the loss term "${name}" is between "${a}" of ${describe(left)} and "${b}" of ${describe(right)}`,
        "Name two nodes whose values have as many elements.",
      );
    },
    plan: (context) => planContrast({ name, between: [a, b], factor, temperature, bank }, context),
  };
}

/** An embedding of a batch: unit vectors of its rows, and 1 over the norms. */
interface Embedding {
  readonly node: string;
  readonly units: Place;
  readonly inverses: Place;
}

/** The options, checked. */
interface Contrast {
  readonly name: string;
  readonly between: readonly [string, string];
  readonly factor: number;
  readonly temperature: number;
  readonly bank: number;
}

function planContrast(
  { name, between, factor, temperature, bank }: Contrast,
  { layers, batch: all }: LossContext,
): TermPlan {
  const size = elementsOf(layers.shape(between[0]));
  const kept = layers.parameters.layout.states.get(`${name}/${BANK}`)?.place ?? null;
  const wide = all + (kept === null ? 0 : bank);
  const { allocate } = layers.memory;
  // Behind the candidates of the batch stand those of the bank.
  const [anchors, candidates] = [all, wide].map((rows, i) => ({
    ...{ node: between[i], units: allocate(4 * rows * size), inverses: allocate(8 * all) },
  })) as [Embedding, Embedding];
  const sums = allocate(8 * wide);
  const scratch = layers.memory.declare(() => 8 * (wide + size));
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
      if (kept !== null) {
        emit.job([k.copy({ from: kept, to: at(candidates.units, 4 * all * size), bytes: 4 * bank * size })]);
      }
      // Every lane reads the rows of all others, and then what all anchors' exponentials add up to.
      emit.barrier();
      for (const lane of layers.lanes) {
        const { units: u, rows } = rowsOf(anchors, lane);
        const own = { u, v: candidates.units, first: lane.first, rows, all: wide, size, temperature };
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
          const isCandidate = embedding === candidates;
          const place = { first: lane.first, all: isCandidate ? all : wide, size, temperature };
          const given = { own, ...rows, others: other.units, sums, ...place };
          const how = { candidates: isCandidate, factor: factor / all, accumulate };
          by(node).lane(lane.index, k.contrastSlopes({ ...given, ...how, scratch: scratch(lane), gradient }));
        });
      }
    },
    ...(kept === null ? {} : { update: () => pushed(kept, candidates.units, { bank, all, row: 4 * size }) }),
  };
}

/**
 * The queue one batch on, out of the batch's `all` candidates and the old queue behind them: its rows move up, and the last of the
 * batch come to its end.
 */
function pushed(
  kept: Place,
  units: Place,
  { bank, all, row }: { readonly bank: number; readonly all: number; readonly row: number },
): readonly KernelCall[] {
  const added = Math.min(all, bank);
  const left = bank - added;
  const moved = k.copy({ from: at(units, row * (all + added)), to: kept, bytes: row * left });
  const last = { from: at(units, row * (all - added)), to: at(kept, row * left), bytes: row * added };
  return left === 0 ? [k.copy(last)] : [moved, k.copy(last)];
}
