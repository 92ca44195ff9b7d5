/**
 * The way to make calls with names out of a table of kernels, and to read them. Training and inference have a table each
 * (`call.ts`, `inference-call.ts`), so that a page that runs models does not download the names of all training.
 */
import type { kernels } from "./kernels.ts";
import type { Place } from "./place.ts";
import type { answers, trainingKernels } from "./training-kernels.ts";

type Table = typeof kernels & typeof trainingKernels;

/** A kernel, as the core exports it. */
export type KernelName = keyof Table;
export type AnswerName = (typeof answers)[number];

/** A table's knowledge of a kernel: its parameters in the order of the core, and what they are. */
interface Entry {
  readonly parameters: Readonly<Record<string, string>>;
  readonly product?: KernelProduct;
  readonly lengths?: Readonly<Record<string, number>>;
}

/** The kernels of all tables that were defined, with the parameters of each that are places. */
const known = new Map<string, Entry & { readonly places: readonly string[] }>();

const entryOf = (kernel: KernelName): Entry & { readonly places: readonly string[] } => {
  const entry = known.get(kernel);
  if (entry === undefined) throw new Error(`${kernel} stands in no table that is loaded`);
  return entry;
};

/** The part of a training step, or of a run of inference, that a call belongs to. */
export type Part =
  /** Work on weights, before a batch or once. */
  | "prepare"
  /** The batch goes in, or results go out. */
  | "gather"
  | "forward"
  | "loss"
  /** A lane's share of the gradients at kernels, biases and slopes. */
  | "weights"
  /** The gradient at a layer's input; all of the way back of a layer without a product. */
  | "input"
  /** Gradients of the lanes added up, and the way back through the weights' quantizer. */
  | "lanes"
  | "update"
  /** Counts of an update's effects. */
  | "count"
  /** Copies for the observer of a step. */
  | "tap";

/** The type of an argument, with `A` for an address. */
interface Kinds<A> {
  readonly read: A;
  readonly write: A;
  readonly "maybe read": A | null;
  readonly "maybe write": A | null;
  readonly flag: boolean;
  readonly number: number;
}

type Argument<A> = Kinds<A>[keyof Kinds<A>];

export type ArgumentsOf<N extends KernelName, A> = {
  readonly [P in keyof Table[N]["parameters"]]: Table[N]["parameters"][P] extends keyof Kinds<A>
    ? Kinds<A>[Table[N]["parameters"][P]]
    : never;
};

/** The parts of a layer that a call calculates, by their names. */
export type Roles = Readonly<Record<string, KernelProduct["operands"] | null>>;

/** A kernel and its arguments by name. */
export interface KernelCall<A = Place> {
  readonly kernel: KernelName;
  readonly arguments: Readonly<Record<string, Argument<A>>>;
  /** The parts of its layer that it calculates, where a layer has several, with the product of each that multiplies. */
  readonly roles?: Roles;
}

/** A call in a program, with its node and its part. */
export interface Call<A = Place> extends KernelCall<A> {
  readonly node: string;
  readonly part: Part;
}

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;

/** A function for every kernel of some names that takes its arguments by name. */
export type Kernels<A, Names extends KernelName = KernelName> = {
  readonly [N in Names as Camel<N>]: (given: ArgumentsOf<N, A>) => KernelCall<A>;
};

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** The functions that make calls of the kernels of `table`, over addresses of a kind of one's own. */
export function define<Names extends KernelName>(table: Readonly<Record<Names, Entry>>): <A>() => Kernels<A, Names> {
  const makers: Record<string, unknown> = {};
  for (const [kernel, entry] of Object.entries<Entry>(table)) {
    const kinds = Object.entries(entry.parameters).filter(([, kind]) => kind !== "flag" && kind !== "number");
    known.set(kernel, { ...entry, places: kinds.map(([name]) => name) });
    makers[camelCase(kernel)] = (given: KernelCall["arguments"]) => ({ kernel, arguments: given });
  }
  return <A>() => makers as unknown as Kernels<A, Names>;
}

/** The call as what calculates these parts of its layer. */
export const as = <A>(roles: Roles, call: KernelCall<A>): KernelCall<A> => ({ ...call, roles });

/** The call with its `node` and the part of the step. */
export const callOf = <A>(node: string, part: Part, call: KernelCall<A>): Call<A> => ({ node, part, ...call });

/** The call with something else in place of every `A`: an address, or another place. */
export function addressed<A, B, C extends KernelCall<A>>(
  call: C,
  addressOf: (place: A) => B,
): Omit<C, "arguments"> & KernelCall<B> {
  const kinds = entryOf(call.kernel).parameters;
  const found = Object.entries(call.arguments).map(([name, value]) => {
    const isPlace = value !== null && kinds[name] !== "flag" && kinds[name] !== "number";
    return [name, isPlace ? addressOf(value as A) : (value as number | boolean | null)];
  });
  return { ...call, arguments: Object.fromEntries(found) };
}

/** The places that a call reads and writes. */
export function placesOf<A>(call: KernelCall<A>): readonly A[] {
  return entryOf(call.kernel)
    .places.map((name) => call.arguments[name] as A | null)
    .filter((value) => value !== null);
}

/**
 * The arguments in the order of the core. An argument that is left out is 0, a flag that is set is 1.
 *
 * @throws Error for a call that lacks an argument, which the functions above do not make.
 */
export function positions({ kernel, arguments: given }: KernelCall<number>): readonly number[] {
  return Object.keys(entryOf(kernel).parameters).map((name) => {
    const value = given[name];
    if (value === undefined) throw new Error(`${kernel} was given no ${name}`);
    return Number(value);
  });
}

/** The product of a kernel, if it has one. */
export interface KernelProduct {
  /** The operands, `f` real and `b` +-1. */
  readonly operands: "ff" | "fb" | "bb";
  /** Elements of the result that the kernel works on at a time, "rows x columns". */
  readonly tile: string;
  /** Input channels that its smallest unit holds. */
  readonly channels: number;
}

/** The product that a kernel does; null for a kernel that does none. */
export const productOf = (kernel: KernelName): KernelProduct | null => entryOf(kernel).product ?? null;

/** The elements of a parameter that is a block of a fixed size. */
export type LengthsOf<N extends KernelName> = Table[N] extends { readonly lengths: infer L } ? L : never;

export const lengthsOf = <N extends KernelName>(kernel: N): LengthsOf<N> =>
  entryOf(kernel).lengths as unknown as LengthsOf<N>;
