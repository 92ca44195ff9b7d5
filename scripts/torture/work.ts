/**
 * The run that is tortured, the same in Node and in a page: it takes what it needs of proxbit as an argument, so a page can give
 * the modules that it was served. Dropout, views, flips and an optimizer with state are in it, and about 120 steps.
 */
import type * as proxbit from "../../ts/index.ts";

export type Library = Pick<typeof proxbit, "Trainer" | "sequential" | "layers" | "optimizers" | "schedules">;

export interface Setting {
  readonly workers: number;
  readonly variant: proxbit.Variant | undefined;
}

/**
 * Trains, or goes on where the checkpoint stands, and returns the model file. `told` hears of each step. `pause` milliseconds behind each
 * make the run long enough to be killed on its way.
 *
 * This function stands alone, because a page gets its text.
 */
export async function trainTortured(
  { Trainer, sequential, layers, optimizers, schedules }: Library,
  checkpoint: proxbit.CheckpointOption | undefined,
  setting: Setting,
  pause: number,
  told: (step: number) => void,
): Promise<Uint8Array> {
  const [side, classes] = [8, 3];
  let state = 11;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % bound;
  };
  const images = (count: number): proxbit.Split => {
    const labels = Uint8Array.from({ length: count }, () => below(classes));
    const bytes = Uint8Array.from({ length: count * side * side }, () => below(256));
    const shape = [side, side, 1] as const;
    return { count, images: bytes, labels, shape, scale: 1 / 127.5, offset: -1 };
  };
  const data = { name: "noise", classes: ["a", "b", "c"], train: images(330), test: images(60) };
  const graph = sequential({ inputShape: [side, side, 1] }, [
    layers.conv2d({ filters: 12, kernelSize: 3, useBias: false }),
    layers.batchNorm(),
    layers.dropout({ rate: 0.2 }),
    layers.binaryConv2d({ filters: 16, kernelSize: 3, weightQuantizer: "pq", activationQuantizer: "poly" }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 24, weightQuantizer: "bnn++", activationQuantizer: "poly" }),
    layers.batchNorm(),
    layers.dense({ units: classes }),
  ]);
  const options = {
    ...{ epochs: 6, batchSize: 16, augment: { mirror: true, shift: 1 }, labelSmoothing: 0.1, flipRatio: true },
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
  const optimizer = optimizers.adam({ learningRate: schedules.cosine(4e-3, 0, 0.1) });
  const own = { workers: setting.workers, ...(setting.variant === undefined ? {} : { variant: setting.variant }) };
  const place = typeof checkpoint === "object" && "to" in checkpoint ? checkpoint.to : checkpoint;
  const isNone = (error: unknown): boolean =>
    error instanceof Error && error.message.startsWith("there is no checkpoint");
  const left =
    place === undefined
      ? null
      : await Trainer.resume(place, { ...own, graph, optimizer, seed: 5 }).catch((error: unknown) => {
          if (isNone(error)) return null;
          throw error;
        });
  const trainer = left ?? (await Trainer.create(graph, { ...own, optimizer, seed: 5 }));
  try {
    let seen = 0;
    for await (const event of left === null ? trainer.fit(data, options) : trainer.continueFit(data, options)) {
      if (event.type === "step") told(seen++);
      if (event.type === "step") await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return await trainer.pack();
  } finally {
    trainer.close();
  }
}
