/** Values that nobody should give, and what must come of them: a ProxbitError. */
import { isProxbitError } from "../ts/base/errors.ts";

const throwing = (what: string) => () => {
  throw new TypeError(what);
};
const hostileProxy = (): object =>
  new Proxy({}, { get: throwing("get"), ownKeys: throwing("keys"), has: throwing("has") });
const revokedProxy = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const cyclic = (): unknown => {
  const list: unknown[] = [];
  list.push(list);
  return list;
};

/** Values that nobody should give, each made anew. */
export const JUNK: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  zero: () => 0,
  negative: () => -1,
  half: () => 0.5,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  huge: () => 1e21,
  bigint: () => 10n,
  true: () => true,
  "empty text": () => "",
  text: () => "toString",
  prototype: () => "__proto__",
  symbol: () => Symbol("junk"),
  function: () => () => {},
  "function that throws": () => throwing("called"),
  "empty list": () => [],
  "list of null": () => [null],
  "list of lists": () => [[]],
  "list with a bigint": () => [1n, 2],
  cycle: cyclic,
  "empty object": () => ({}),
  "object without prototype": () => Object.create(null),
  "unknown key": () => ({ junk: 1 }),
  "getter that throws": () => Object.defineProperty({}, "kind", { enumerable: true, get: throwing("got") }),
  map: () => new Map(),
  date: () => new Date(Number.NaN),
  bytes: () => new Uint8Array(3),
  floats: () => Float32Array.of(Number.NaN),
  bigints: () => new BigInt64Array(2),
  view: () => new DataView(new ArrayBuffer(2)),
  buffer: () => new ArrayBuffer(4),
  proxy: hostileProxy,
  "revoked proxy": revokedProxy,
  "class instance": () =>
    new (class Junk {
      readonly shape = 3n;
    })(),
};

export type Action = () => unknown;

/** The error of `action` that is no ProxbitError, in words; undefined where all is well. */
async function untyped(name: string, action: Action): Promise<string | undefined> {
  try {
    const value = await action();
    if (typeof value === "object" && value !== null && Symbol.asyncIterator in value) {
      let events = 0;
      for await (const _ of value as AsyncIterable<unknown>) if (++events === 2) break;
    }
    return undefined;
  } catch (error) {
    // What a callback throws is its caller's.
    const isOwn = error instanceof Error && error.message === "called";
    return isOwn || isProxbitError(error)
      ? undefined
      : `${name}: ${error instanceof Error ? error.stack?.split("\n").slice(0, 3).join(" | ") : String(error)}`;
  }
}

export async function allUntyped(actions: readonly (readonly [string, Action])[]): Promise<readonly string[]> {
  const found: (string | undefined)[] = [];
  for (const [name, action] of actions) found.push(await untyped(name, action));
  return found.filter((text) => text !== undefined);
}

/** All functions that a module gives out, those in its tables too. */
export function functionsOf(
  module: object,
  leftOut: ReadonlySet<string>,
): readonly (readonly [string, (...given: unknown[]) => unknown])[] {
  return Object.entries(module).flatMap(([name, value]) => {
    if (leftOut.has(name)) return [];
    if (typeof value === "function") return [[name, value] as const];
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    return Object.entries(value as object).flatMap(([key, inner]) =>
      typeof inner === "function" ? [[`${name}.${key}`, inner as (...given: unknown[]) => unknown] as const] : [],
    );
  });
}

/** An option at a time is junk, and all at once. */
export const spoilt = (good: object): readonly (readonly [string, () => unknown])[] =>
  Object.entries(JUNK).flatMap(([junk, make]) => [
    [junk, make] as const,
    ...Object.keys(good).map((key) => [`${key}: ${junk}`, () => ({ ...good, [key]: make() })] as const),
  ]);
