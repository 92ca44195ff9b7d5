import { describe, expect, it } from "vitest";
import { canonicalJson, MAXIMUM_JSON_DEPTH, parseStrictJson } from "../ts/io/json.ts";
import fc from "./fast-check.ts";
import { thrown } from "./io-helpers.ts";

const refuse = (text: string) => thrown("model-file", () => parseStrictJson(text, "the header")).message;

describe("strict JSON", () => {
  it("reads whatever JSON.stringify writes, as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(4), (text, indent) => {
        fc.pre(!/__proto__|constructor|prototype/.test(text));
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        expect(parseStrictJson(spaced, "it")).toEqual(JSON.parse(text));
      }),
    );
  });

  it("allows one key in two objects, and a text with colons and quotes", () => {
    const text = '{"a":{"k":1},"b":{"k":"k\\":\\"k"},"c":["k","k"]}';
    expect(parseStrictJson(text, "it")).toEqual({ a: { k: 1 }, b: { k: 'k":"k' }, c: ["k", "k"] });
  });

  it("refuses a key that stands twice", () => {
    expect(refuse('{"a":1,"b":2,"a":3}')).toBe('the header has the key "a" twice');
  });

  it("refuses a key that stands twice behind an escape", () => {
    expect(refuse('{"a":1,"\\u0061" :3}')).toBe('the header has the key "a" twice');
  });

  it("refuses a key that stands twice around a nested object", () => {
    expect(refuse('{"a":{"b":[{"b":1}]},"a":3}')).toBe('the header has the key "a" twice');
  });

  it.each(["__proto__", "constructor", "prototype"])("refuses the key %s at any depth", (key) => {
    expect(refuse(`{"a":[{"${key}":1}]}`)).toContain(`"${key}"`);
  });

  it("refuses __proto__ behind an escape", () => {
    expect(refuse('{"\\u005f_proto__":1}')).toContain("__proto__");
  });

  it("refuses a nesting deeper than the cap, and takes one at the cap", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(JSON.stringify(parseStrictJson(nested(MAXIMUM_JSON_DEPTH), "it"))).toBe(nested(MAXIMUM_JSON_DEPTH));
    expect(refuse(nested(MAXIMUM_JSON_DEPTH + 1))).toContain("deeper than 64");
    expect(refuse("[".repeat(1_000_000))).toContain("deeper than 64");
  });

  it.each(['{"a":', "", '{"a" 1}', '"a', '{"a\\', "]]]", "{]", '{"\\x":1}', "\uFEFF{}", "nul", "{}{}"])(
    "refuses %j",
    (text) => {
      expect(refuse(text)).toContain("is not JSON");
    },
  );
});

describe("canonical JSON", () => {
  it("gives equal texts for equal objects, whatever the order of their keys", () => {
    const one = { b: [1, { d: null, c: "x" }], a: true, gone: undefined };
    const other = { a: true, b: [1, { c: "x", d: null }] };
    expect(canonicalJson(one)).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
    expect(canonicalJson(other)).toBe(canonicalJson(one));
  });

  it("is read back as the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, 1n, () => 1])("refuses %s inside an object", (value) => {
    expect(thrown("argument", () => canonicalJson([value])).message).toContain("cannot be written as JSON");
  });
});
