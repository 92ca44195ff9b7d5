/**
 * Groups of channels. The filters of a group read the channels of that group alone: Krizhevsky, Sutskever and Hinton,
 * "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012, section 3.5.
 */
import type { Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { misfit, type Shape } from "../shapes.ts";

interface Groups {
  readonly groups: number | undefined;
}

/** The number of groups; 1 where it is absent. */
export const groupsOf = ({ groups = 1 }: Groups): number => groups;

/** Throws an error of the subject's code for filters that the groups do not divide. */
export function checkGroups(attributes: Groups & { readonly filters: number }, subject: Subject): void {
  const [groups, { filters }] = [groupsOf(attributes), attributes];
  if (filters % groups === 0) return;
  throw new ProxbitError(
    subject.code,
    `${subject.what}: ${filters} filters are not a multiple of its ${groups} groups`,
    `Give it ${groups * Math.ceil(filters / groups)} filters, or other groups.`,
  );
}

/** The channels that a filter reads. Throws "shape" for channels that the groups do not divide. */
export function channelsOfGroup(input: Shape, attributes: Groups, layer: string): number {
  const [groups, channels] = [groupsOf(attributes), input.at(-1) ?? 0];
  if (channels % groups === 0) return channels / groups;
  const remedy = "Give the layer before it more or fewer filters, or this one other groups.";
  throw misfit(layer, `channels that are a multiple of its ${groups} groups`, input, remedy);
}
