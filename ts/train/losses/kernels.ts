/** The parameters that a term over weights is about: checks, and their pieces. */
import { listOf, reject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { isReal } from "../optimizers/optimizers.ts";
import type { ParameterLayout, TrainedTensor } from "../plan/layout.ts";

/** Names of parameters of an option; undefined where it is absent. */
export const namesOf = (value: unknown, subject: Subject): readonly string[] | undefined =>
  value === undefined
    ? undefined
    : listOf(value, 1, 65536, "parameters", subject).map((parameter) => {
        if (typeof parameter !== "string") reject(subject, "parameters", "a list of names", parameter);
        return parameter;
      });

/** Statistics are not trained, and weights that are flipped or searched do not follow their gradient. */
export const hasMagnitude = ({ optimizer }: TrainedTensor): boolean => optimizer !== null && isReal(optimizer);

/**
 * The parameters called `names`; without names all latent kernels whose magnitude is trained.
 *
 * @throws ProxbitError "argument" where there is none, and for one whose magnitude is not trained.
 */
export function latentTensors(
  { tensors }: ParameterLayout,
  names: readonly string[] | undefined,
  term: string,
): readonly TrainedTensor[] {
  const found = [...tensors.values()].filter((tensor) => {
    const { name, role } = tensor.parameter;
    return names === undefined ? role === "latent" && hasMagnitude(tensor) : names.includes(name);
  });
  const fixed = found.find((tensor) => !hasMagnitude(tensor));
  if (fixed !== undefined) throw noMagnitude(fixed.parameter.name, term);
  if (found.length > 0) return found;
  throw new ProxbitError(
    "argument",
    `the loss term "${term}" is over latent weights, and finds none that an optimizer moves`,
    "Name parameters, or give layers a weightQuantizer and an optimizer of latent weights, such as optimizers.adam().",
  );
}

/** The remedy where a term, or the method that brings it, is over weights that are flipped, searched or frozen. */
export const TRAIN_MAGNITUDES =
  "Train it with an optimizer of latent weights, such as optimizers.adam(), or leave out the term or the method that brings it.";

const noMagnitude = (parameter: string, term: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the loss term "${term}" moves the magnitudes of weights, and the magnitude of "${parameter}" is not trained`,
    TRAIN_MAGNITUDES,
  );
