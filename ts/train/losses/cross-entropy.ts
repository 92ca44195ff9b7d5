/**
 * Mean cross-entropy of softmax(logits) with the labels, in nats. With label smoothing (Szegedy et al., CVPR 2016, section 7)
 * all classes have a share of the truth alike.
 */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import type { Lane } from "../plan/context.ts";
import type { LossContext, LossStep, LossTerm, TermPlan } from "./term.ts";

/** The term of classification, from which evaluations take loss, right answers and predictions. */
export const crossEntropy = (): LossTerm => ({ name: "crossEntropy", truth: ["labels"], isScore: true, plan });

function plan({ layers, output, labels, predictions }: LossContext): TermPlan {
  const classes = elementsOf(layers.shape(output));
  /** The term's own gradient, where another term has written some before. */
  const own = layers.memory.declare((lane) => 4 * classes * lane.images);

  const write = ({ emit: by, valid, share, live, sinks }: LossStep): void => {
    const emit = by(output);
    const call = (lane: Lane, dlogits: Place | null): void => {
      const rows = { rows: lane.images, validRows: Math.max(0, Math.min(lane.images, valid - lane.first)) };
      const given = { logits: layers.value(output, lane), labels: at(labels, 4 * lane.first), ...rows, classes };
      const results = { dlogits, result: share(lane.index), predictions: at(predictions, 4 * lane.first) };
      const smoothing = dlogits === null ? null : live;
      emit.lane(lane.index, k.softmaxCrossEntropy({ ...given, inverseBatch: 1 / valid, smoothing, ...results }));
    };
    if (sinks === null) {
      for (const lane of layers.lanes) call(lane, null);
      return;
    }
    sinks.into(output, output, (lane, dlogits, accumulate) => {
      call(lane, accumulate ? own(lane) : dlogits);
      if (!accumulate) return;
      emit.lane(lane.index, k.addInto({ y: dlogits, x: own(lane), count: classes * lane.images }));
    });
  };

  return {
    results: { names: ["loss", "correct"], shares: layers.lanes.length },
    value: ([loss = 0], images) => loss / images,
    live: { count: 1, numbers: (moment) => [moment.kind === "train" ? (moment.smoothing ?? 0) : 0] },
    write,
  };
}
