/** The messages between page and worker. */

export interface Question {
  readonly number: number;
  readonly picture: ImageBitmap;
  /** The address of the model file, which the worker loads with the first question. */
  readonly model: string;
}

export interface Answer {
  readonly number: number;
  readonly label: string;
  /** In [0, 1]. */
  readonly probability: number;
}
