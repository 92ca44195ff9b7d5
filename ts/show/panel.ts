/** A picture of curves in one pair of axes, for any of its painters. */

export type Point = readonly [x: number, y: number];

export interface Line {
  readonly points: readonly Point[];
  /** True along a stretch on which T is free. */
  readonly dashed: boolean;
}

export interface Panel {
  readonly title: string;
  readonly axis: string;
  readonly lines: readonly Line[];
  /** The two points that say why not. */
  readonly marks: readonly Point[];
  readonly range: PanelRange;
}

export interface PanelRange {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}
