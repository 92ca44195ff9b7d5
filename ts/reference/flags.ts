/** Flags of tfjs's backends that make them calculate what a check asks for, by themselves and rightly. */
import type { BackendName } from "./report.ts";
import type { TensorFlow } from "./tensorflow.ts";

/**
 * Webgl on textures with a number a texel: in packed ones tfjs 4.22 leaves what elementwise operations make of the unused
 * corners, and its matrix product adds that up, so that a sum over an odd number of signs is off by one. All flags that derive
 * from WEBGL_PACK are named, for tfjs asks each of them once.
 */
const UNPACKED = [
  "WEBGL_PACK",
  "WEBGL_PACK_NORMALIZATION",
  "WEBGL_PACK_CLIP",
  "WEBGL_PACK_DEPTHWISECONV",
  "WEBGL_PACK_BINARY_OPERATIONS",
  "WEBGL_PACK_UNARY_OPERATIONS",
  "WEBGL_PACK_ARRAY_OPERATIONS",
  "WEBGL_PACK_IMAGE_OPERATIONS",
  "WEBGL_PACK_REDUCE",
  "WEBGL_PACK_CONV2DTRANSPOSE",
  "WEBGL_LAZILY_UNPACK",
  "WEBGL_CONV_IM2COL",
];

/**
 * tfjs's shader for products of small matrices. The one that it takes by itself adds up by a tree over a workgroup, which
 * software adapters take a hundred times as long for.
 */
const SMALL_PRODUCTS = 2;

/** Backends are to calculate small tensors too, which they would leave to the processor, each by a shader of its shape. */
const FLAGS: Readonly<Record<BackendName, Readonly<Record<string, boolean | number>>>> = {
  webgl: {
    ...Object.fromEntries(UNPACKED.map((flag) => [flag, false])),
    WEBGL_CPU_FORWARD: false,
    // Some of these shaders give other numbers for a second shape, in tfjs 4.22.
    WEBGL_USE_SHAPES_UNIFORMS: false,
  },
  webgpu: { WEBGPU_CPU_FORWARD: false, WEBGPU_MATMUL_PROGRAM_TYPE: SMALL_PRODUCTS },
  wasm: {},
  cpu: {},
};

/** Sets the flags of a backend; what comes back undoes it. */
export function setFlags(tf: TensorFlow, backend: BackendName): () => void {
  const flags = Object.entries(FLAGS[backend]);
  const before = flags.map(([flag]) => [flag, tf.env().get(flag)] as const);
  const set = ([flag, value]: readonly [string, boolean | number | string]): void => tf.env().set(flag, value);
  flags.forEach(set);
  return () => before.forEach(set);
}
