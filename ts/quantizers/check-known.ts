/**
 * The check of a quantizer that comes from outside, whether written by hand or read from a file: known maps, a pair that
 * agrees on what its parameters mean, schedules that never leave their parameters' domains, a table where one is read. The
 * check of its schedules has to be known (`known-schedules.ts`).
 */
import { integerIn, listOf, numberIn, oneOf, plainObject, reject, type Subject, safeName } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { scheduleRange, toSchedule } from "./known-schedules.ts";
import { backwardMapParameters, backwardMaps, forwardMapParameters, forwardMaps, proximalMaps } from "./map-names.ts";
import { type ParameterName, parameterRanges } from "./maps/parameters.ts";
import type {
  BackwardMap,
  ForwardMap,
  HardForm,
  MapTable,
  Quantizer,
  Scale,
  Schedule,
  Standardize,
} from "./quantizer.ts";

/**
 * The parameters that the maps read, and those for weights: ReCU's quantile, from which a width follows, BiPer's angular frequency, the
 * percentile that SiMaN's magnitudes are clipped to, the angle that RBNN's filters begin with, the units of the network that maps a
 * filter, and the codewords of PSTE.
 */
export type QuantizerParameter = ParameterName | "tau" | "omega" | "percentile" | "angle" | "units" | "codewords";

const domains: Readonly<Record<QuantizerParameter, readonly [number, number]>> = {
  ...parameterRanges,
  tau: [0.5, 0.999_999],
  omega: [1e-3, 1e4],
  percentile: [0, 25],
  angle: [0, Math.PI],
  units: [1, 256],
  codewords: [2, 512],
};

/**
 * The names of a quantizer's parameters, in the core's order: the proximal map's, then those that the others share. These
 * read the same numbers, so maps that mean different things by them (L with SignSwish's derivative) are refused. A box
 * around weights that are standardised by filter is as wide as their tau-quantile; the sine's frequency, the magnitudes'
 * percentile and the rotation's angle come last.
 */
export function parameterNames(
  forward: ForwardMap,
  backward: BackwardMap,
  subject: Subject,
  proximal: ForwardMap = "identity",
  standardize: Standardize = "none",
  restart: ForwardMap = "identity",
): readonly QuantizerParameter[] {
  const readers = [
    { what: `forward map ${forward}`, names: forwardMapParameters[forward] },
    { what: `backward map ${backward}`, names: backwardMapParameters[backward] },
    { what: `restart ${restart}`, names: forwardMapParameters[restart] },
  ].filter(({ names }) => names.length > 0);
  const [first] = readers;
  const other = readers.find(({ names }) => names[0] !== first?.names[0]);
  if (other === undefined) {
    const width = standardize === "filter" ? "tau" : "width";
    const shared = (first?.names ?? []).map((name) => (name === "width" ? width : name));
    const names = [...forwardMapParameters[proximal], ...shared];
    return [...names, ...lastNames(standardize)];
  }
  throw new ProxbitError(
    subject.code,
    `${subject.what}: ${first?.what} reads [${first?.names.join(", ")}] where ${other.what} reads [${other.names.join(", ")}]`,
    "Pair maps that share their parameters, or take a map without any, such as sign or one.",
  );
}

/** The parameters of a standardisation, behind those of the maps. */
function lastNames(standardize: Standardize): readonly QuantizerParameter[] {
  if (standardize === "sine") return ["omega"];
  if (standardize === "magnitude") return ["percentile"];
  if (standardize === "mapping") return ["units"];
  if (standardize === "codebook") return ["codewords"];
  return standardize === "rotation" ? ["angle"] : [];
}

/** Parameters that stay what they are over a run. */
const constants: readonly QuantizerParameter[] = ["levels", "omega", "angle", "units", "codewords", "alpha", "offset"];
/** Those that are no whole numbers; layers learn the last two, from these numbers on. */
const realConstants: readonly QuantizerParameter[] = ["omega", "angle", "alpha", "offset"];

/** One parameter as a schedule (a number stands for a constant one) that stays in its domain over the whole run. */
export function checkKnownParameter(value: unknown, name: QuantizerParameter, subject: Subject): Schedule {
  const schedule = toSchedule(value, name, subject);
  const [minimum, maximum] = domains[name];
  for (const end of scheduleRange(schedule)) numberIn(end, minimum, maximum, name, subject);
  if (!constants.includes(name)) return schedule;
  if (schedule.kind !== "constant") reject(subject, name, "the same number throughout", value);
  if (realConstants.includes(name)) return schedule;
  const count = integerIn(schedule.value, minimum, maximum, name, subject);
  if (name === "codewords" && !Number.isInteger(Math.log2(count))) {
    reject(subject, name, "a power of two, because a file could number codewords by whole bits", value);
  }
  return schedule;
}

const mostSamples = 16_385;
const largestSample = 1e6;
/** Samples lie no closer, relative to the ends: 64 numbers of f32 apart, so that they and their places are told apart. */
const closest = 2 ** -18;

/** A table where one of the maps is made of samples, null where none is. */
function checkTable(value: unknown, wanted: boolean, subject: Subject): MapTable | null {
  if (!wanted) {
    if (value !== null) reject(subject, "table", "null where no map is named table", value);
    return null;
  }
  const inner: Subject = { code: subject.code, what: `${subject.what}: table` };
  const given = plainObject(value, ["from", "to", "forward", "backward"], inner);
  const from = numberIn(given.from, -largestSample, largestSample, "from", inner);
  const to = numberIn(given.to, -largestSample, largestSample, "to", inner);
  if (!(to - from >= 1e-6)) reject(inner, "to", `more than from, which is ${from}`, to);
  const samplesOf = (option: "forward" | "backward", least: number, most: number): readonly number[] =>
    Object.freeze(
      listOf(given[option], least, most, option, inner).map((sample) =>
        numberIn(sample, -largestSample, largestSample, option, inner),
      ),
    );
  const forward = samplesOf("forward", 2, mostSamples);
  const backward = samplesOf("backward", forward.length, forward.length);
  const least = closest * Math.max(Math.abs(from), Math.abs(to));
  if ((to - from) / (forward.length - 1) < least) {
    reject(inner, "forward", `few enough samples that they are ${least.toExponential(1)} apart or more`, given.forward);
  }
  return Object.freeze({ from, to, forward, backward });
}

const keys = [
  "name",
  "forward",
  "backward",
  "proximal",
  "restart",
  "parameters",
  "table",
  "hardenAt",
  "clipLatent",
  "scale",
  "standardize",
  "hard",
];

const scales: readonly Scale[] = ["none", "filter", "tensor"];
const standards: readonly Standardize[] = [
  "none",
  "filter",
  "adabin",
  "tanhMax",
  "sine",
  "magnitude",
  "rotation",
  "mapping",
  "codebook",
];
const hardForms: readonly HardForm[] = ["sign", "levels"];

/** A map that stays what it is to the end: one that could turn into the sign, or is the sign, is of the other kind. */
function checkLevels(forward: ForwardMap, hardenAt: number, subject: Subject): void {
  if (forward === "sign") {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: hard is "levels" with forward map sign, whose two levels are bits`,
      'Give hard "sign", or another forward map.',
    );
  }
  if (hardenAt < 1) {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: hard is "levels", so that its map never turns into the sign, and hardenAt is ${hardenAt}`,
      "Give hardenAt 1.",
    );
  }
}

/** The slope that belongs to a map whose parameters are learned. */
const learnedSlopes: Readonly<Partial<Record<ForwardMap, BackwardMap>>> = {
  elasticSign: "elasticBox",
  elasticUnit: "elasticUnitBox",
};

/** A map that learns has its own slope, reads x itself, and stays what it is to the end. */
function checkLearned(
  given: Pick<Quantizer, "forward" | "backward" | "proximal" | "standardize" | "hard">,
  subject: Subject,
): void {
  const { forward, backward, proximal, standardize, hard } = given;
  const slope = learnedSlopes[forward];
  const isItself = proximal === "identity" && standardize === "none" && hard === "levels";
  if (slope === undefined || (backward === slope && isItself)) return;
  throw new ProxbitError(
    subject.code,
    `${subject.what}: layers learn what ${forward} reads, so it goes with ${slope}, without proximal and standardize, and with hard "levels"`,
    "Take quantizers.elastic() or quantizers.elasticUnit().",
  );
}

/** A quantizer out of a value of unknown origin: a fresh, frozen copy, or an error of `subject`'s code. */
export function checkKnownQuantizer(value: unknown, subject: Subject): Quantizer {
  const given = plainObject(value, keys, subject);
  const name = safeName(given.name, "name", subject);
  const forward = oneOf(given.forward, forwardMaps, "forward", subject);
  const backward = oneOf(given.backward, backwardMaps, "backward", subject);
  const proximal = oneOf(given.proximal ?? "identity", proximalMaps, "proximal", subject);
  const standardize = oneOf(given.standardize ?? "none", standards, "standardize", subject);
  const restart = oneOf(given.restart ?? "identity", proximalMaps, "restart", subject);
  const names = parameterNames(forward, backward, subject, proximal, standardize, restart);
  const list = listOf(given.parameters, names.length, names.length, "parameters", subject);
  const parameters = names.map((parameter, index) => checkKnownParameter(list[index], parameter, subject));
  const hardenAt = numberIn(given.hardenAt, 0, 1, "hardenAt", subject);
  const clipLatent = numberIn(given.clipLatent, 0, 1e6, "clipLatent", subject);
  const scale = oneOf(given.scale ?? "none", scales, "scale", subject);
  if (standardize === "adabin" && scale !== "none") {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: AdaBin's weights have a scale of their own, and scale is "${scale}"`,
      'Give scale "none" with standardize "adabin".',
    );
  }
  if (standardize !== "none" && restart !== "identity") {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: restart "${restart}" is of latent weights, and standardize "${standardize}" maps others`,
      'Give restart "identity" with weights that are standardised.',
    );
  }
  const hard = oneOf(given.hard ?? "sign", hardForms, "hard", subject);
  if (hard === "levels") checkLevels(forward, hardenAt, subject);
  checkLearned({ forward, backward, proximal, standardize, hard }, subject);
  const table = checkTable(given.table ?? null, forward === "table" || backward === "table", subject);
  return Object.freeze({
    name,
    forward,
    backward,
    proximal,
    restart,
    parameters: Object.freeze(parameters),
    table,
    hardenAt,
    clipLatent,
    scale,
    standardize,
    hard,
  });
}
