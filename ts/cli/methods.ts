/** `--method NAME[:option=value,...]`: methods as words of the command line. */
import { type Command, Option } from "commander";
import { plainObject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { methodNames, methodOf } from "../methods/index.ts";
import { checkMethods, type Method } from "../train/method.ts";

export interface MethodOptions {
  /** The methods of each time that the option was given. */
  readonly method?: readonly (readonly Method[])[];
}

const subject: Subject = { code: "argument", what: "command line" };

/** Adds the option, which may be given several times. */
export const addMethodOption = (command: Command): Command =>
  command.addOption(
    new Option(
      "--method <name>",
      "train with this method too, as NAME:option=value,...; may be given several times; `proxbit methods` lists them",
    ).argParser((text: string, before: MethodOptions["method"] = []) => [...before, methodsFrom(text)]),
  );

/** The methods of a training, given in one option or in several. @throws ProxbitError "argument" where they do not go together */
export const methodsOf = ({ method }: MethodOptions): { readonly methods?: readonly Method[] } =>
  method === undefined ? {} : { methods: checkMethods(method.flat(), subject) };

/** Methods of a text: one, or several with a plus between. @throws ProxbitError "unknown-name", "argument" */
export const methodsFrom = (text: string): readonly Method[] =>
  checkMethods(text.split(/\+(?=[a-z])/).map(methodFrom), subject);

/** "two-step:share=0.4" as the method. */
function methodFrom(text: string): Method {
  const [, name = "", list] = /^([^:]*)(?::(.*))?$/s.exec(text.trim()) ?? [];
  const pairs = (list === undefined ? [] : list.split(",")).map((part) => {
    const [, option, value] = /^\s*([\w-]+)\s*=\s*(.+?)\s*$/s.exec(part) ?? [];
    if (option !== undefined && value !== undefined) return [camel(option), wordOf(value)] as const;
    throw new ProxbitError(
      "argument",
      `command line: --method ${name} has "${part}", which is no option=value`,
      `Give options as in --method ${methodNames[0]}:share=0.4, and see proxbit methods ${name}.`,
    );
  });
  const keys = pairs.map(([key]) => key);
  const twice = keys.find((key, i) => keys.indexOf(key) < i);
  if (twice !== undefined) {
    throw new ProxbitError("argument", `command line: --method ${name} has ${twice} twice`, "Give it once.");
  }
  return methodOf(name, plainObject(Object.fromEntries(pairs), keys, subject));
}

const camel = (option: string): string => option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A number, true or false where the text is one, else the text. */
function wordOf(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return Number.isNaN(Number(text)) ? text : Number(text);
}

/** The text that gives `methods`, each with all its options in order. */
export const methodsText = (methods: readonly Pick<Method, "name" | "options">[]): string =>
  methods
    .map(({ name, options = {} }) => {
      const pairs = Object.entries(options).map(([key, value]) => `${key}=${String(value)}`);
      return pairs.length === 0 ? name : `${name}:${pairs.join(",")}`;
    })
    .join("+");
