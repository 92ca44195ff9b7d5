/**
 * A small reader of Rust for `generate-kernels.ts`. It knows the blocks of the macro `exports!`, the fields of a
 * struct, and functions over whole numbers. It throws at everything else.
 */

export const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** A kernel reads or writes an argument, or takes it as a number; see `ts/program/call.ts`. */
export type Kind = "read" | "write" | "maybe read" | "maybe write" | "flag" | "number";

export interface Export {
  readonly name: string;
  readonly doc: string;
  /** The feature without which a core lacks it, or null where every core has it. */
  readonly feature: string | null;
  readonly product: { readonly operands: string; readonly tile: string; readonly channels: number } | null;
  /** It returns the answer, and no status. */
  readonly answers: boolean;
  readonly parameters: readonly { readonly name: string; readonly kind: Kind }[];
  /** Elements of the parameters that are blocks of a fixed size. */
  readonly lengths: readonly (readonly [name: string, elements: number])[];
}

export const docOf = (text: string): string =>
  [...text.matchAll(/^\s*\/\/\/ ?(.*)$/gm)]
    .map(([, line]) => line?.trim())
    .join(" ")
    .trim();

/** The functions in the `exports!` blocks of a file. */
export function exportsOf(source: string): readonly Export[] {
  const found: Export[] = [];
  for (const [, block] of source.matchAll(/^exports! \{\n([\s\S]*?)^\}/gm)) {
    const heads =
      /((?: {4}\/\/\/.*\n)+)(?: {4}only\("(\w+)"\)\n)?(?: {4}product\((\w+), "(\w+)", (\d+)\)\n)?(?: {4}once\(size\)\n)?\s*(answer )?fn (\w+)\(([^)]*)\) \{/g;
    const functions = [...(block as string).matchAll(heads)];
    const names = [...(block as string).matchAll(/^ {4}(?:answer )?fn /gm)];
    if (functions.length !== names.length) throw new Error(`a function of ${block} is not understood`);
    for (const [, doc, feature, operands, tile, channels, answer, name, list] of functions) {
      const parameters = (list as string)
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== "")
        .map((one) => one.split(": ") as [name: string, type: string]);
      found.push({
        name: name as string,
        doc: docOf(doc as string),
        feature: feature ?? null,
        product: operands === undefined ? null : { operands, tile: tile as string, channels: Number(channels) },
        answers: answer !== undefined,
        parameters: parameters.map(([own, type]) => ({ name: camelCase(own), kind: kindOf(type) })),
        lengths: parameters.flatMap(([own, type]) => {
          const [, count] = /\[\w+; (\d+)\]/.exec(type) ?? [];
          return count === undefined ? [] : [[camelCase(own), Number(count)] as const];
        }),
      });
    }
  }
  return found;
}

function kindOf(type: string): Kind {
  if (/^Maybe<\*const .+>$/.test(type)) return "maybe read";
  if (/^Maybe<\*mut .+>$/.test(type)) return "maybe write";
  if (type.startsWith("*const ")) return "read";
  if (type.startsWith("*mut ")) return "write";
  if (type === "Flag") return "flag";
  if (["usize", "u32", "f32", "f64"].includes(type)) return "number";
  throw new Error(`a parameter of type ${type} is not understood`);
}

export interface Struct {
  readonly doc: string;
  readonly fields: readonly { readonly name: string; readonly type: "number" | "boolean"; readonly doc: string }[];
}

/** A struct of `u32` and flags, one after the other. */
export function fieldsOf(source: string, name: string): Struct {
  const [, doc, body] =
    new RegExp(`((?:^///.*\\n)+)(?:#.*\\n)*pub struct ${name} \\{\\n([^}]*)\\}`, "m").exec(source) ?? [];
  if (doc === undefined || body === undefined) throw new Error(`there is no struct ${name}`);
  const fields = [...body.matchAll(/((?:^ {4}\/\/\/.*\n)+) {4}pub (\w+): (u32|Flag),/gm)].map(
    ([, own, field, type]) => ({
      name: camelCase(field as string),
      type: type === "Flag" ? ("boolean" as const) : ("number" as const),
      doc: docOf(own as string),
    }),
  );
  if (fields.length !== body.match(/\bpub /g)?.length) throw new Error(`a field of ${name} is not understood`);
  return { doc: docOf(doc), fields };
}

/** A function over whole numbers, as TypeScript. */
export interface Size {
  readonly name: string;
  readonly doc: string;
  readonly isPublic: boolean;
  readonly parameters: string;
  readonly body: string;
}

/**
 * The functions of `source`: public ones and those they call. A method over the descriptor takes it as its argument `shape`.
 * Constants may come from `constants`, another file.
 */
export function sizesOf(source: string, constants: string): readonly Size[] {
  const [code = ""] = source.split("#[cfg(test)]");
  const numbers = new Map<string, string>();
  for (const [, name, value] of constants.matchAll(/const (\w+): usize = ([^;]+);/g)) {
    numbers.set(name as string, value as string);
  }
  const constant = (name: string): string => {
    const value = numbers.get(name);
    if (value === undefined) throw new Error(`there is no constant ${name}`);
    return `(${value.replace(/[A-Z]\w*/g, constant)})`;
  };
  const functions = /((?:^ *\/\/\/.*\n)+) *(pub )?fn (\w+)\(([^)]*)\) -> usize \{\n([\s\S]*?)\n( {4})?\}\n/gm;
  const found = [...code.matchAll(functions)].map(([, doc, isPublic, name, given, body]) => ({
    ...{ doc: docOf(doc as string), isPublic: isPublic !== undefined, name: camelCase(name as string) },
    ...{ isMethod: given === "&self", given: given as string, body: body as string },
  }));
  const free = new Set(found.filter(({ isMethod }) => !isMethod).map(({ name }) => name));
  /** A method that is a free function over a field has no twin in TypeScript. */
  const short = new Map<string, string>();
  const names: Names = { constant, method: (name) => short.get(name) ?? `${name}(shape)` };
  for (const { name, isMethod, body } of found) {
    if (isMethod && free.has(name)) short.set(name, translated(body.trim(), names));
  }
  return found.flatMap(({ doc, isPublic, name, isMethod, given, body }) => {
    if (isMethod && short.has(name)) return [];
    const parameters = given.split(", ").map((one) => camelCase(one.replace(": usize", ": number")));
    const lines = body.split(";").map((line) => line.trim());
    const last = lines.pop() as string;
    const statements = lines.map((line) => {
      const [, variable, value] = /^let (\w+) = ([\s\S]+)$/.exec(line) ?? [];
      if (variable === undefined) throw new Error(`${line} is not understood`);
      return `  const ${camelCase(variable)} = ${translated(value as string, names)};`;
    });
    return {
      ...{ name, doc, isPublic, parameters: isMethod ? "shape: ConvShape" : parameters.join(", ") },
      body: [...statements, `  return ${translated(last, names)};`].join("\n"),
    };
  });
}

/** The names of constants, and of methods of the descriptor, in TypeScript. */
interface Names {
  readonly constant: (name: string) => string;
  readonly method: (name: string) => string;
}

const TOKEN = /\s*(\d+|[A-Za-z_]\w*|[-+*/%().,&])/y;
const PRECEDENCE: Readonly<Record<string, number>> = { "+": 1, "-": 1, "*": 2, "/": 2, "%": 2 };

/** An expression over whole numbers: Rust's in, TypeScript's out. */
function translated(text: string, { constant, method: methodOf }: Names): string {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const [, token] = TOKEN.exec(text) ?? [];
    if (token === undefined) throw new Error(`${text} is not understood`);
    tokens.push(token);
  }
  let at = 0;
  const take = (wanted?: string): string => {
    const token = tokens[at++];
    if (token === undefined || (wanted !== undefined && token !== wanted)) throw new Error(`${text} breaks off`);
    return token;
  };
  const list = (): string[] => {
    const found: string[] = [];
    take("(");
    while (tokens[at] !== ")") {
      found.push(sum(0));
      if (tokens[at] === ",") take(",");
    }
    take(")");
    return found;
  };
  const primary = (): string => {
    const token = take();
    if (token === "(") {
      const inner = sum(0);
      take(")");
      return `(${inner})`;
    }
    if (/^\d/.test(token)) return token;
    if (token === "self") {
      take(".");
      const name = camelCase(take());
      if (tokens[at] !== "(") return name === "padOne" ? "Number(shape.padOne)" : `shape.${name}`;
      list();
      return methodOf(name);
    }
    if (/^[A-Z]/.test(token)) return constant(token);
    return tokens[at] === "(" ? `${camelCase(token)}(${list().join(", ")})` : camelCase(token);
  };
  const postfix = (): string => {
    let value = primary();
    for (;;) {
      if (tokens[at] === "as") {
        take("as");
        take("usize");
      } else if (tokens[at] === ".") {
        take(".");
        const name = take();
        value = method(value, name, `(${list().join(", ")})`);
      } else return value;
    }
  };
  const sum = (least: number): string => {
    let left = postfix();
    for (;;) {
      const operator = tokens[at] ?? "";
      const precedence = PRECEDENCE[operator];
      if (precedence === undefined || precedence <= least) return left;
      take();
      const right = sum(precedence);
      left = operator === "/" ? `Math.floor((${left}) / (${right}))` : `${left} ${operator} ${right}`;
    }
  };
  const result = sum(0);
  if (at !== tokens.length) throw new Error(`${text} goes on after ${result}`);
  return result;
}

function method(value: string, name: string, argument: string): string {
  switch (name) {
    case "div_ceil":
      return `Math.ceil(${value} / ${argument})`;
    case "next_multiple_of":
      return `(Math.ceil(${value} / ${argument}) * ${argument})`;
    case "min":
    case "max":
      return `Math.${name}(${value}, ${argument})`;
    case "saturating_sub":
      return `Math.max(0, ${value} - ${argument})`;
    default:
      throw new Error(`the method ${name} is not understood`);
  }
}
