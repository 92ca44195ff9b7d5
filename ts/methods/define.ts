/** A method of the literature as a record: its words for people, its options as fields, and the value that they make. */
import { plainObject, type Subject } from "../base/checks.ts";
import type { Field, Optional } from "../nn/fields.ts";
import type { Method } from "../train/method.ts";

/** Fields that agree with the interface `Options`, which stands beside them because editors show its doc comments. */
export type FieldsFor<Options> = {
  readonly [Key in keyof Options]-?: undefined extends Options[Key]
    ? Optional<Field<Exclude<Options[Key], undefined>>>
    : Field<Options[Key]> & { readonly optional?: never };
};

/** The options with their defaults. */
export type Checked<Options> = { readonly [Key in keyof Options]-?: Exclude<Options[Key], undefined> };

/** A record whose options nobody knows; `methodFrom` holds them against the fields. */
export interface AnyMethodRecord {
  readonly name: string;
  /** A line of a table: what changes. */
  readonly about: string;
  readonly source: string;
  readonly fields: Readonly<Record<string, AnyField>>;
  make(options: never): Omit<Method, "name" | "options">;
}

type AnyField = Field<unknown> & { readonly optional?: true };

export interface MethodRecord<Options> extends Omit<AnyMethodRecord, "fields" | "make"> {
  readonly fields: FieldsFor<Options>;
  make(options: Checked<Options>): Omit<Method, "name" | "options">;
}

/** The value of a method with `options`. @throws ProxbitError `argument` for one that is unknown or out of range */
export function methodFrom(record: AnyMethodRecord, options: unknown): Method {
  const subject: Subject = { code: "argument", what: `method "${record.name}"` };
  const fields = Object.entries(record.fields);
  const given = plainObject(
    options,
    fields.map(([key]) => key),
    subject,
  );
  const checked = Object.fromEntries(
    fields.map(([key, field]) => {
      const isAbsent = given[key] === undefined && field.optional === true;
      return [key, field.check(isAbsent ? field.default : given[key], key, subject)];
    }),
  );
  // A neutral option stands in no checkpoint at its default, so runs from before it are what they were.
  const told = fields.filter(([key, field]) => field.isNeutral !== true || checked[key] !== field.default);
  const kept = Object.fromEntries(told.map(([key]) => [key, checked[key]]));
  return { name: record.name, options: kept, ...record.make(checked as never) };
}

/** The maker that users call. */
export const makerOf =
  <Options extends object>(record: MethodRecord<Options>) =>
  (options: Options = {} as Options): Method =>
    methodFrom(record as AnyMethodRecord, options);
