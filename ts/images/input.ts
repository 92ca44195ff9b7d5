/** The description of a network's image input, which training writes into the model file and inference reads. */
import { oneOf, reject, type Subject } from "../base/checks.ts";

/**
 * The way of a picture into another shape. `cover` scales it until it covers the input, and crops the middle. `contain`
 * scales it until all of it is seen, and fills the rest with the background. `fill` stretches it.
 */
export type Fit = "cover" | "contain" | "fill";

export const fits: readonly Fit[] = ["cover", "contain", "fill"];

export interface ImageInput {
  readonly height: number;
  readonly width: number;
  /** 1 is gray, 3 is red, green and blue. */
  readonly channels: 1 | 3;
  readonly fit: Fit;
  /** The colour behind transparent pixels and around a picture that is contained: `#rrggbb`. */
  readonly background: string;
}

export const DEFAULT_FIT: Fit = "cover";
export const DEFAULT_BACKGROUND = "#ffffff";

export const fitOf = (value: unknown, subject: Subject): Fit =>
  value === undefined ? DEFAULT_FIT : oneOf(value, fits, "fit", subject);

/** A colour as `#rrggbb`, in small letters. */
export function backgroundOf(value: unknown, subject: Subject): string {
  if (value === undefined) return DEFAULT_BACKGROUND;
  if (typeof value === "string" && /^#[\da-f]{6}$/i.test(value)) return value.toLowerCase();
  return reject(subject, "background", "a colour such as #ffffff", value);
}

/** Red, green and blue of `#rrggbb`, each 0 … 255. */
export function colorOf(background: string): readonly [number, number, number] {
  const number = Number.parseInt(background.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}
