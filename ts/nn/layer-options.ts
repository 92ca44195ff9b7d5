/** The options of a layer on their way to the attributes of an operation. */
import { booleanOf, plainObject, reading } from "../base/checks.ts";
import { quantizer } from "../quantizers/registry.ts";
import { takeEvery } from "./every.ts";
import type { Fields, LayerOptions, OptionsOf } from "./fields.ts";
import type { AttributesOf, OpName } from "./graph.ts";
import { type Layer, layerSubject, makeLayer } from "./layer.ts";
import { type Ops, opOf } from "./ops/index.ts";

/** A layer differs from its operation in its kind, in defaults, and in fields that it fixes. */
interface Variant<Name extends OpName> {
  readonly kind: string;
  readonly defaults?: Options<Name>;
  readonly fixed?: Partial<AttributesOf<Name>>;
}

type Options<Name extends OpName> = LayerOptions & Partial<OptionsOf<Ops[Name]["fields"]>>;
type Given = Readonly<Record<string, unknown>>;

/** The value of the option `key`, or its default. */
function choiceOf(key: string, given: Given, fields: Fields): unknown {
  const value = given[key];
  const field = fields[key];
  if (value !== undefined && (value !== null || field?.takesNull === true)) return value;
  return field?.like === undefined ? field?.default : choiceOf(field.like, given, fields);
}

/** Fills in the defaults, refuses unknown keys and turns the shorthand forms into the graph's attributes. */
export function buildLayer<Name extends OpName>(op: Name, options: Options<Name>, variant?: Variant<Name>): Layer {
  takeEvery();
  const kind = variant?.kind ?? opOf(op).kind;
  const defaults: Given = { ...variant?.defaults };
  const fixed: Given = { ...variant?.fixed };
  const own = Object.entries(opOf(op).fields).filter(([key]) => !(key in fixed));
  const fields = Object.fromEntries(
    own.map(([key, field]) => [key, key in defaults ? { ...field, default: defaults[key] } : field]),
  );
  const isObject = typeof options === "object" && options !== null;
  const name = reading(kind, "an object whose values can be read", () =>
    isObject && "name" in options ? options.name : undefined,
  );
  const subject = layerSubject(kind, name);
  const given = plainObject(options, ["name", "trainable", ...Object.keys(fields)], subject);
  const trainable = booleanOf(given.trainable ?? true, "trainable", subject);
  const attributes = Object.entries(fields).map(([key, { expand }]) => {
    const value = choiceOf(key, given, fields);
    return [key, expand === undefined ? value : expand(value, quantizer)] as const;
  });
  return makeLayer(kind, given.name, op, { ...Object.fromEntries(attributes), ...fixed }, trainable);
}
