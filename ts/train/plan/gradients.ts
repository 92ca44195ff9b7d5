/**
 * Gradients at values, on the way back. A value's gradient is complete when all its consumers have run; the first one
 * writes it, later ones add to it, in the fixed order of the backward pass. `add` hands its own gradient on as it is: its
 * inputs share the buffer until one of them has to add something while another still needs it, which then gets a copy.
 */
import { k } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import type { ProgramBuilder } from "../../program/program.ts";
import type { Lane, Sinks } from "./context.ts";

/** A buffer with a gradient in it, and the values whose gradient it is. */
interface Holding {
  readonly place: (lane: Lane) => Place;
  readonly values: Set<string>;
  /** A job of the next phase still reads it: it is not to be changed any more. */
  frozen: boolean;
}

export interface Gradients extends Sinks {
  /** Whether a gradient has arrived at `name`. */
  readonly has: (name: string) => boolean;
  /** Called when a node's way back is written down: nobody needs its gradient any more, but perhaps a later job. */
  readonly release: (name: string, readLater: boolean) => void;
}

export interface GradientOptions {
  readonly lanes: readonly Lane[];
  /** The node that owns a value's memory. */
  readonly owner: (name: string) => string;
  /** The buffer of an owner's gradient, and its floats an image. */
  readonly buffer: (owner: string) => (lane: Lane) => Place;
  readonly size: (owner: string) => number;
  readonly wanted: (name: string) => boolean;
}

export function createGradients(options: GradientOptions, builder: ProgramBuilder): Gradients {
  const { lanes, owner, buffer, size } = options;
  const holdings = new Map<string, Holding>();
  const held = (name: string): Holding => {
    const found = holdings.get(owner(name));
    if (found === undefined) throw new Error(`no gradient has arrived at ${name}`);
    return found;
  };
  const begin = (name: string): ((lane: Lane) => Place) => {
    const value = owner(name);
    const place = buffer(value);
    holdings.set(value, { place, values: new Set([value]), frozen: false });
    return place;
  };
  /** Makes the gradient at `target` one that may be added to. */
  const unshare = (node: string, target: string): void => {
    const value = owner(target);
    const shared = held(target);
    if (shared.values.size === 1 && !shared.frozen) return;
    shared.values.delete(value);
    const own = begin(target);
    const emit = builder.as(node, "input");
    for (const lane of lanes) {
      const bytes = 4 * size(value) * lane.images;
      emit.lane(lane.index, k.copy({ from: shared.place(lane), to: own(lane), bytes }));
    }
  };
  const into: Sinks["into"] = (node, target, write) => {
    const accumulate = holdings.has(owner(target));
    if (accumulate) unshare(node, target);
    else begin(target);
    const { place } = held(target);
    for (const lane of lanes) write(lane, place(lane), accumulate);
  };
  return {
    wanted: options.wanted,
    gradient: (name, lane) => held(name).place(lane),
    into,
    pass: (node, target) => {
      if (!options.wanted(target)) return;
      const value = owner(target);
      const own = held(node);
      if (!holdings.has(value)) {
        own.values.add(value);
        holdings.set(value, own);
        return;
      }
      const emit = builder.as(node, "input");
      into(node, target, (lane, y) => {
        emit.lane(lane.index, k.addInto({ y, x: own.place(lane), count: size(value) * lane.images }));
      });
    },
    has: (name) => holdings.has(owner(name)),
    release: (name, readLater) => {
      const holding = held(name);
      holding.values.delete(owner(name));
      if (readLater) holding.frozen = true;
    },
  };
}
