/** `--method NAME[:option=value,...]`: methods as words of the command line. */
import { type Command, Option } from "commander";
import type { Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { methodOf } from "../methods/index.ts";
import { checkMethods, type Method } from "../train/method.ts";
import { readNamed } from "./named.ts";

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

/** "two-step:share=0.4" as the method. A value may be a schedule, written as those of quantizers are. */
function methodFrom(text: string): Method {
  const { name, options } = readNamed("--method", text);
  if (name === "bd-bnn" && "teacher" in options) throw teacherApart();
  return methodOf(name, options);
}

const teacherApart = (): ProxbitError =>
  new ProxbitError(
    "argument",
    "--method bd-bnn takes no teacher, because one teaches answers too, with options of its own",
    "Give --teacher FILE --teacher-weights 200 beside --method bd-bnn.",
  );

/** The text that gives `methods`, each with all its options in order. */
export const methodsText = (methods: readonly Pick<Method, "name" | "options">[]): string =>
  methods
    .map(({ name, options = {} }) => {
      const pairs = Object.entries(options).flatMap(([key, value]) => {
        const word = typeof value === "object" ? JSON.stringify(value) : String(value);
        // What stands for nothing chosen cannot be typed.
        return word === "" || word === "{}" ? [] : [`${key}=${word}`];
      });
      return pairs.length === 0 ? name : `${name}:${pairs.join(",")}`;
    })
    .join("+");
