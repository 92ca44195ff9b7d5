/**
 * The names that crates/wasm exports. Every one takes numbers (byte addresses into the linear memory, sizes, reals) and
 * returns a status: 0, or not 0 where a bad number (NaN or infinity) was met. The Rust sources say what each takes.
 */
const binaryKernels = [
  "sign_nibbles",
  "sign_words",
  "fill_border_nibbles",
  "fill_border_words",
  "pack_file_bits",
  "unpack_file_bits_real",
  "pack_lookup_weights",
  "pack_byte_weights",
  "pack_word_weights",
  "pack_nibble_weights",
  "sign_lookup_weights",
  "sign_nibble_weights",
  "bb_correction",
  "bb_correction_real",
  "bb_starts",
  "bb_limits",
  "bb_accumulate8_conv",
  "bb_lookup_conv_real",
  "bb_lookup_conv_bits",
  "bb_lookup_conv_norm",
  "bb_popcnt8_conv_real",
  "bb_popcnt8_conv_bits",
  "bb_popcnt8_conv_norm",
  "bb_popcnt64_conv_real",
  "bb_popcnt64_conv_bits",
  "bb_popcnt64_conv_norm",
  "max_pool_nibbles",
  "max_pool_words",
  "fold_thresholds",
] as const;

const realKernels = [
  "gather_bytes",
  "gather_views",
  "gather_reals",
  "gather_labels",
  "pad_real",
  "dilate_real",
  "pack_panels",
  "pack_panels_transposed",
  "ff_conv",
  "ff_conv_backward_filter",
  "fb_conv",
  "fb_conv_backward_filter",
  "pack_fb_input_weights",
  "fb_conv_backward_input",
  "column_sums",
  "quantize_forward",
  "quantize_backward",
  "weight_scale",
  "standardize_filters",
  "standardize_tanh",
  "standardize_sine",
  "quantile_width",
  "multiply_columns",
  "activation_forward",
  "activation_backward",
  "prelu_forward",
  "prelu_backward",
  "adaptive_sign_forward",
  "adaptive_sign_backward",
  "norm_partial",
  "norm_statistics",
  "norm_fold",
  "normalize",
  "affine",
  "norm_backward_partial",
  "norm_backward",
  "max_pool",
  "max_pool_backward",
  "avg_pool",
  "avg_pool_backward",
  "softmax_cross_entropy",
  "sum_lanes",
  "sgd_step",
  "adam_step",
  "bop_step",
  "bop_second_step",
  "count_flips",
  "add",
  "add_into",
  "copy",
] as const;

export const kernelNames = [...binaryKernels, ...realKernels] as const;

export type KernelName = (typeof kernelNames)[number];

/** Exports that answer a question and return its answer, not a status: `fb_scratch_bytes(shape)`. */
export const queryNames = ["fb_scratch_bytes", "fb_input_scratch_bytes"] as const;

export type QueryName = (typeof queryNames)[number];

/** The exported functions of one instance. */
export type KernelExports = Readonly<Record<KernelName | QueryName, (...args: number[]) => number>>;
