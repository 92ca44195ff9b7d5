/**
 * Gradients at values, on the way back. A value's gradient is complete when all its consumers have run; the first one
 * writes it, later ones add to it, in the fixed order of the backward pass. `add` hands its own gradient on as it is: its
 * inputs share the buffer until one of them has to add something while another still needs it, which then gets a copy.
 */
import type { ProgramBuilder } from "../runtime/program.ts";
import type { Lane, Sinks } from "./context.ts";

/** A buffer with a gradient in it, and the values whose gradient it is. */
interface Holding {
  readonly address: (lane: Lane) => number;
  readonly values: Set<string>;
  /** A task of the next phase still reads it: it is not to be changed any more. */
  frozen: boolean;
}

export interface Gradients extends Sinks {
  /** Whether a gradient has arrived at `name`. */
  readonly has: (name: string) => boolean;
  /** The buffer for the gradient that the loss writes. */
  readonly begin: (name: string) => (lane: Lane) => number;
  /** Called when a node's way back is written down: nobody needs its gradient any more, but perhaps a later task. */
  readonly release: (name: string, readLater: boolean) => void;
}

export interface GradientOptions {
  readonly lanes: readonly Lane[];
  /** The node that owns a value's memory. */
  readonly owner: (name: string) => string;
  /** The buffer of an owner's gradient, and its floats an image. */
  readonly buffer: (owner: string) => (lane: Lane) => number;
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
  const begin = (name: string): ((lane: Lane) => number) => {
    const value = owner(name);
    const address = buffer(value);
    holdings.set(value, { address, values: new Set([value]), frozen: false });
    return address;
  };
  /** Makes the gradient at `target` one that may be added to. */
  const unshare = (node: string, target: string): void => {
    const value = owner(target);
    const shared = held(target);
    if (shared.values.size === 1 && !shared.frozen) return;
    shared.values.delete(value);
    const own = begin(target);
    for (const lane of lanes) {
      builder.lane(lane.index, node, "copy", shared.address(lane), own(lane), 4 * size(value) * lane.images);
    }
  };
  const into: Sinks["into"] = (node, target, emit) => {
    const accumulate = holdings.has(owner(target));
    if (accumulate) unshare(node, target);
    else begin(target);
    const { address } = held(target);
    for (const lane of lanes) emit(lane, address(lane), accumulate);
  };
  return {
    wanted: options.wanted,
    gradient: (name, lane) => held(name).address(lane),
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
      into(node, target, (lane, address) => {
        builder.lane(lane.index, node, "add_into", address, own.address(lane), size(value) * lane.images);
      });
    },
    has: (name) => holdings.has(owner(name)),
    begin,
    release: (name, readLater) => {
      const holding = held(name);
      holding.values.delete(owner(name));
      if (readLater) holding.frozen = true;
    },
  };
}
