/**
 * Random images for any network. Integers alone make them here, so no change of the package's own streams moves them.
 */
import { type Dataset, type Graph, type ImageSplit, shapesOf } from "../../ts/index.ts";

/** Marsaglia's xorshift with 32 bits ("Xorshift RNGs", 2003): whole numbers below 2^32. */
function xorshift(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

type ImageShape = readonly [height: number, width: number, channels: number];

/** Bytes times this, plus the offset, are exact in f32 and never 0. */
const SCALE = 1 / 64;
const OFFSET = -2 + 1 / 128;

function shapeOf(graph: Graph): ImageShape {
  const [shape = []] = [...shapesOf(graph).values()];
  return shape as ImageShape;
}

const classesOf = (graph: Graph): number => shapesOf(graph).get(graph.output)?.[0] ?? 0;

/** `count` images for `graph`. A label moves the mean of its image, so that there is something to learn. */
export function imagesFor(graph: Graph, count: number, seed: number): ImageSplit {
  const [shape, classes, next] = [shapeOf(graph), classesOf(graph), xorshift(seed)];
  const size = shape.reduce((product, axis) => product * axis, 1);
  const labels = Uint8Array.from({ length: count }, () => next() % Math.min(classes, 256));
  const shift = (image: number): number => Math.floor((128 * (labels[image] ?? 0)) / classes);
  const images = Uint8Array.from({ length: count * size }, (_, at) => (next() & 127) + shift(Math.floor(at / size)));
  return { count, images, labels, shape, scale: SCALE, offset: OFFSET };
}

/** `train` images to learn from and 11 to test on. */
export function dataFor(graph: Graph, train: number): Dataset<ImageSplit> {
  const classes = Array.from({ length: classesOf(graph) }, (_, label) => `class ${label}`);
  return { name: "golden", classes, train: imagesFor(graph, train, 1), test: imagesFor(graph, 11, 2) };
}
