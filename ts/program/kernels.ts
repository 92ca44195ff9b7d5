/**
 * The knowledge that both languages share: the exports of all cores, the descriptor of a convolution, and sizes.
 * `npm run generate` makes it from the Rust sources.
 */

/**
 * Geometry of one convolution or pooling; see the module for the padded buffer. The core reads it as one `u32` a
 * field, in this order.
 */
export interface ConvShape {
  /** Number of images. */
  readonly images: number;
  /** Height of the unpadded input. */
  readonly height: number;
  /** Width of the unpadded input. */
  readonly width: number;
  /** Input channels. */
  readonly channels: number;
  /** Rows of taps of the kernel or pooling window. */
  readonly kernelHeight: number;
  /** Columns of taps of the kernel or pooling window. */
  readonly kernelWidth: number;
  /** Vertical stride. */
  readonly strideHeight: number;
  /** Horizontal stride. */
  readonly strideWidth: number;
  /** Rows of the input from a row of taps to the next; 1 for pooling. */
  readonly dilationHeight: number;
  /** Columns of the input from a column of taps to the next; 1 for pooling. */
  readonly dilationWidth: number;
  /** Rows of padding above the image. */
  readonly padTop: number;
  /** Columns of padding left of the image. */
  readonly padLeft: number;
  /**
   * Rows of the padded buffer: at least `pad_top + height` and `(out_height - 1) * stride_height` plus
   * [`ConvShape::extent_height`].
   */
  readonly paddedHeight: number;
  /** Columns of the padded buffer. */
  readonly paddedWidth: number;
  /** Rows of the output. */
  readonly outHeight: number;
  /** Columns of the output. */
  readonly outWidth: number;
  /** Output channels; equal to `channels` for pooling. */
  readonly filters: number;
  /** Taps outside the image count as +1 where this is 1, as 0 where it is 0. */
  readonly padOne: boolean;
}

export const CONV_SHAPE_FIELDS = [
  "images",
  "height",
  "width",
  "channels",
  "kernelHeight",
  "kernelWidth",
  "strideHeight",
  "strideWidth",
  "dilationHeight",
  "dilationWidth",
  "padTop",
  "padLeft",
  "paddedHeight",
  "paddedWidth",
  "outHeight",
  "outWidth",
  "filters",
  "padOne",
] as const satisfies readonly (keyof ConvShape)[];

/** Bytes of a descriptor. */
export const CONV_SHAPE_BYTES = 4 * CONV_SHAPE_FIELDS.length;

/** Every kernel of all cores: its parameters in the order of the core, and what is known of a product. */
export const kernels = {
  /**
   * out `f32 [images][tokens][heads * valueWidth]` = A V of queries `[images][tokens][heads * width]` and keys
   * `[images][keys][heads * width]`, unpadded nibbles. The values are nibbles `[images][keys][heads * valueWidth]`
   * or, where given, reals. A width is at most 252. Sizes `f32 [1]`, where given, are factors of the signs, no
   * less than 1e-5. Kinds and parameters as in `attention_matrix`; scratch of `attention_scratch_bytes(keys,
   * width, value_width)`.
   */
  attention_nibbles: {
    product: { operands: "bb", tile: "4x32", channels: 4 },
    parameters: {
      kind: "number",
      images: "number",
      heads: "number",
      tokens: "number",
      keys: "number",
      width: "number",
      valueWidth: "number",
      queries: "read",
      keyBits: "read",
      valueBits: "maybe read",
      values: "maybe read",
      parameters: "maybe read",
      querySize: "maybe read",
      keySize: "maybe read",
      valueSize: "maybe read",
      out: "write",
      scratch: "write",
    },
  },
  /** The same of words, which the popcount kernels read. */
  attention_words: {
    product: { operands: "bb", tile: "4x32", channels: 4 },
    parameters: {
      kind: "number",
      images: "number",
      heads: "number",
      tokens: "number",
      keys: "number",
      width: "number",
      valueWidth: "number",
      queries: "read",
      keyBits: "read",
      valueBits: "maybe read",
      values: "maybe read",
      parameters: "maybe read",
      querySize: "maybe read",
      keySize: "maybe read",
      valueSize: "maybe read",
      out: "write",
      scratch: "write",
    },
  },
  /** Signs of unpadded reals into the interior of padded nibbles. */
  sign_nibbles: {
    parameters: { shape: "read", x: "read", out: "write" },
  },
  /** Signs of unpadded reals into the interior of padded words. */
  sign_words: {
    parameters: { shape: "read", x: "read", out: "write" },
  },
  /** Fills the whole padded nibbles with the padding. */
  fill_border_nibbles: {
    parameters: { shape: "read", out: "write" },
  },
  /** Fills the whole padded words with the padding. */
  fill_border_words: {
    parameters: { shape: "read", out: "write" },
  },
  /**
   * Max-pool over unpadded nibbles into the consumer's padded nibbles; `mask` has the bits of flipped channels
   * set.
   */
  max_pool_nibbles: {
    parameters: { pool: "read", bits: "read", mask: "read", consumer: "read", out: "write" },
  },
  /** Max-pool over unpadded words into the consumer's padded words; `mask` has the bits of flipped channels set. */
  max_pool_words: {
    parameters: { pool: "read", bits: "read", mask: "read", consumer: "read", out: "write" },
  },
  /**
   * Thresholds `i32 [channels]` and flips `u8 [channels]` of sums in `-bound..=bound`, which leave times factors
   * `f32 [channels]` where those are given. The number that the bits begin at, `f32*`, is 0 where absent. An
   * infinity is a bad number here too.
   */
  fold_thresholds: {
    parameters: {
      scale: "read",
      shift: "read",
      channels: "number",
      bound: "number",
      thresholds: "write",
      flips: "write",
      factors: "maybe read",
      middle: "maybe read",
    },
  },
  /** Flips `u8 [channels]` as the bits of one pixel of nibbles: set where the byte is not 0. */
  pack_flips_nibbles: {
    parameters: { flips: "read", channels: "number", out: "write" },
  },
  /** Flips `u8 [channels]` as the bits of one pixel of words: set where the byte is not 0. */
  pack_flips_words: {
    parameters: { flips: "read", channels: "number", out: "write" },
  },
  /** Writes the starts of sums, by pattern of missing taps. */
  bb_starts: {
    parameters: { shape: "read", correction: "read", starts: "write" },
  },
  /** The same for twice the sums over bits that stand for 0 and 1. */
  bb_unit_starts: {
    parameters: { shape: "read", correction: "read", starts: "write" },
  },
  /** Thresholds of sums as limits of counts. */
  bb_limits: {
    parameters: { shape: "read", starts: "read", thresholds: "read", limits: "write" },
  },
  /** Sums in 8 bits that saturate, or wrap round where `wraps`, as reals. */
  bb_accumulate8_conv: {
    product: { operands: "bb", tile: "4x32", channels: 4 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      wraps: "flag",
      out: "write",
      first: "number",
      count: "number",
    },
  },
  /** Real sums `[pixels][filters]`, by nibble look-up. */
  bb_lookup_conv_real: {
    product: { operands: "bb", tile: "2x64", channels: 4 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      out: "write",
      first: "number",
      count: "number",
    },
  },
  /** Bits by thresholds into the padded input of the next layer, by nibble look-up. */
  bb_lookup_conv_bits: {
    product: { operands: "bb", tile: "2x64", channels: 4 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      limits: "read",
      mask: "read",
      next: "read",
      nextBits: "write",
      first: "number",
      count: "number",
    },
  },
  /**
   * `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input
   * of the next layer where given, by nibble look-up.
   */
  bb_lookup_conv_norm: {
    product: { operands: "bb", tile: "2x64", channels: 4 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      scale: "read",
      shift: "read",
      residual: "maybe read",
      out: "maybe write",
      next: "maybe read",
      nextBits: "maybe write",
      first: "number",
      count: "number",
    },
  },
  /** Real sums `[pixels][filters]`, by look-up of codewords. */
  bb_codeword_conv_real: {
    product: { operands: "bb", tile: "2x64", channels: 4 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      out: "write",
      first: "number",
      count: "number",
    },
  },
  /** Bits by thresholds into the padded input of the next layer, by look-up of codewords. */
  bb_codeword_conv_bits: {
    product: { operands: "bb", tile: "2x64", channels: 4 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      limits: "read",
      mask: "read",
      next: "read",
      nextBits: "write",
      first: "number",
      count: "number",
    },
  },
  /**
   * `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input
   * of the next layer where given, by look-up of codewords.
   */
  bb_codeword_conv_norm: {
    product: { operands: "bb", tile: "2x64", channels: 4 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      scale: "read",
      shift: "read",
      residual: "maybe read",
      out: "maybe write",
      next: "maybe read",
      nextBits: "maybe write",
      first: "number",
      count: "number",
    },
  },
  /** Real sums `[pixels][filters]`, by `i8x16.popcnt`. */
  bb_popcnt8_conv_real: {
    product: { operands: "bb", tile: "4x32", channels: 8 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      out: "write",
      first: "number",
      count: "number",
    },
  },
  /** Bits by thresholds into the padded input of the next layer, by `i8x16.popcnt`. */
  bb_popcnt8_conv_bits: {
    product: { operands: "bb", tile: "4x32", channels: 8 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      limits: "read",
      mask: "read",
      next: "read",
      nextBits: "write",
      first: "number",
      count: "number",
    },
  },
  /**
   * `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input
   * of the next layer where given, by `i8x16.popcnt`.
   */
  bb_popcnt8_conv_norm: {
    product: { operands: "bb", tile: "4x32", channels: 8 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      scale: "read",
      shift: "read",
      residual: "maybe read",
      out: "maybe write",
      next: "maybe read",
      nextBits: "maybe write",
      first: "number",
      count: "number",
    },
  },
  /** Real sums `[pixels][filters]`, by `i64.popcnt`. */
  bb_popcnt64_conv_real: {
    product: { operands: "bb", tile: "4x2", channels: 64 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      out: "write",
      first: "number",
      count: "number",
    },
  },
  /** Bits by thresholds into the padded input of the next layer, by `i64.popcnt`. */
  bb_popcnt64_conv_bits: {
    product: { operands: "bb", tile: "4x2", channels: 64 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      limits: "read",
      mask: "read",
      next: "read",
      nextBits: "write",
      first: "number",
      count: "number",
    },
  },
  /**
   * `sum * scale + shift`, plus `residual` where given, to `out` where given, and its signs into the padded input
   * of the next layer where given, by `i64.popcnt`.
   */
  bb_popcnt64_conv_norm: {
    product: { operands: "bb", tile: "4x2", channels: 64 },
    parameters: {
      shape: "read",
      bits: "read",
      weights: "read",
      starts: "read",
      scale: "read",
      shift: "read",
      residual: "maybe read",
      out: "maybe write",
      next: "maybe read",
      nextBits: "maybe write",
      first: "number",
      count: "number",
    },
  },
  /**
   * out `f32 [images][heads][rows][columns]` = a b of every slice, of unpadded nibbles `[rows][terms]` and
   * `[terms][columns]`, or `[columns][terms]` where transposed. Terms are at most 65535; scratch of
   * `sign_slice_bytes(columns, terms)`.
   */
  bb_slices_nibbles: {
    product: { operands: "bb", tile: "4x32", channels: 4 },
    parameters: {
      a: "read",
      b: "read",
      images: "number",
      heads: "number",
      rows: "number",
      columns: "number",
      terms: "number",
      bTransposed: "flag",
      out: "write",
      scratch: "write",
    },
  },
  /** The same of words, which the popcount kernels read. */
  bb_slices_words: {
    product: { operands: "bb", tile: "4x32", channels: 4 },
    parameters: {
      a: "read",
      b: "read",
      images: "number",
      heads: "number",
      rows: "number",
      columns: "number",
      terms: "number",
      bTransposed: "flag",
      out: "write",
      scratch: "write",
    },
  },
  /** File bits as the real kernel. */
  unpack_file_bits_real: {
    parameters: { bits: "read", k: "number", n: "number", out: "write" },
  },
  /** File bits as look-up weights. */
  pack_lookup_weights: {
    parameters: { shape: "read", bits: "read", out: "write" },
  },
  /** File bits of 3x3 kernels as codeword weights. */
  pack_codeword_weights: {
    parameters: { shape: "read", bits: "read", out: "write" },
  },
  /** File bits as byte weights. */
  pack_byte_weights: {
    parameters: { shape: "read", bits: "read", out: "write" },
  },
  /** File bits as word weights. */
  pack_word_weights: {
    parameters: { shape: "read", bits: "read", out: "write" },
  },
  /** File bits as nibble weights. */
  pack_nibble_weights: {
    parameters: { shape: "read", bits: "read", out: "write" },
  },
  /** Sums of the weights over taps `i32 [taps][n]`, a summed-area table, from file bits. */
  bb_correction: {
    parameters: { shape: "read", bits: "read", out: "write" },
  },
  /**
   * out = a b for every head of every image, times alphas `f32 [heads]` where given, no less than 1e-5, added to
   * out where `accumulate`. a is `[rows][terms]`, or `[terms][rows]` where transposed; b is `[terms][columns]`, or
   * `[columns][terms]`. Slices are `[images][heads][height][width]`, or `[images][height][heads * width]` where
   * split. scratch: the floats of `panel_floats(terms, columns)`.
   */
  ff_slices: {
    product: { operands: "ff", tile: "4x8", channels: 1 },
    parameters: {
      a: "read",
      b: "read",
      alphas: "maybe read",
      images: "number",
      heads: "number",
      rows: "number",
      columns: "number",
      terms: "number",
      aSplit: "flag",
      aTransposed: "flag",
      bSplit: "flag",
      bTransposed: "flag",
      outSplit: "flag",
      accumulate: "flag",
      out: "write",
      scratch: "write",
    },
  },
  /**
   * out `f32 [images][tokens][heads * valueWidth]` = A V of queries `[images][tokens][heads * width]`, keys
   * `[images][keys][heads * width]` and values `[images][keys][heads * valueWidth]`, four rows of the matrix at a
   * time: the bits of the three kernels one after the other. Kinds and parameters as in `attention_matrix`.
   * scratch: the floats of `attention_real_scratch_floats(keys, width, value_width)`.
   */
  attention_reals: {
    product: { operands: "ff", tile: "4x8", channels: 1 },
    parameters: {
      kind: "number",
      images: "number",
      heads: "number",
      tokens: "number",
      keys: "number",
      width: "number",
      valueWidth: "number",
      queries: "read",
      keyValues: "read",
      values: "read",
      parameters: "maybe read",
      out: "write",
      scratch: "write",
    },
  },
  /** Batch rows from bytes: out `f32 [count][row]` = data * scale + offset. */
  gather_bytes: {
    parameters: {
      data: "read",
      indices: "read",
      count: "number",
      row: "number",
      scale: "number",
      offset: "number",
      out: "write",
    },
  },
  /** y `f32 [blocks][first + second]` = a `f32 [blocks][first]` and b `f32 [blocks][second]`, block by block. */
  concatenate_forward: {
    parameters: { a: "read", b: "read", blocks: "number", first: "number", second: "number", y: "write" },
  },
  /**
   * Depthwise convolution: x padded, w `f32 [taps][N]`, bias `f32 [N]` where given, out `f32 [images][oh][ow][N]`.
   * The shape's kernel is the extent of a window.
   */
  depthwise_conv: {
    product: { operands: "ff", tile: "1x16", channels: 1 },
    parameters: {
      shape: "read",
      dilationHeight: "number",
      dilationWidth: "number",
      x: "read",
      w: "read",
      bias: "maybe read",
      out: "write",
    },
  },
  /** y = x where x > 0, alpha (e^x - 1) elsewhere. */
  elu_forward: {
    parameters: { x: "read", alpha: "number", y: "write", count: "number" },
  },
  /**
   * y = (x - mean) / sqrt(var + eps) gamma + beta with the statistics of each row; saved `f32 [rows][2]`, the mean
   * and 1/sqrt(var + eps), where given.
   */
  layer_norm_forward: {
    parameters: {
      x: "read",
      rows: "number",
      channels: "number",
      gamma: "read",
      beta: "read",
      eps: "number",
      y: "write",
      saved: "maybe write",
    },
  },
  /** y = x where x >= 0, slopes `f32 [channels]` times x elsewhere. */
  prelu_forward: {
    parameters: { x: "read", rows: "number", channels: "number", slopes: "read", y: "write" },
  },
  /** y = beta + |alpha| where x >= beta, beta - |alpha| elsewhere; alpha and beta `f32*`. */
  adaptive_sign_forward: {
    parameters: { x: "read", count: "number", alpha: "read", beta: "read", y: "write" },
  },
  /**
   * Maxima y `f32 [images][oh][ow][c]` and positions argmax `u8`, where asked for, of x `f32 [images][h][w][c]`.
   * Cores that do not train write no positions.
   */
  max_pool: {
    parameters: { shape: "read", x: "read", y: "write", argmax: "maybe write" },
  },
  /** Means y `f32 [images][oh][ow][c]` of the windows of x `f32 [images][h][w][c]`. */
  avg_pool: {
    parameters: { shape: "read", x: "read", y: "write" },
  },
  /** y = x where x > 0, slope x elsewhere. */
  leaky_relu_forward: {
    parameters: { x: "read", slope: "number", y: "write", count: "number" },
  },
  /**
   * y = map(P(x)) with the forward maps of these numbers; parameters `f32`: those of P, then those of the map.
   * table where given: `f32 [count, from, density, 0]`, the forward and the backward map's samples `[count]` (see
   * `Tables`).
   */
  quantize_forward: {
    parameters: {
      proximal: "number",
      map: "number",
      x: "read",
      y: "write",
      count: "number",
      parameters: "maybe read",
      table: "maybe read",
    },
  },
  /** y = a * b. */
  multiply_forward: {
    parameters: { a: "read", b: "read", y: "write", count: "number" },
  },
  /**
   * out = (x * scale + shift) + residual per channel, residual `f32 [rows][channels]` where given; and its signs
   * as the padded nibbles of the input of the next layer, where that is given.
   */
  normalize: {
    parameters: {
      x: "read",
      rows: "number",
      channels: "number",
      scale: "read",
      shift: "read",
      residual: "maybe read",
      out: "write",
      next: "maybe read",
      nextBits: "maybe write",
    },
  },
  /** scale and shift `f32 [channels]` of the running statistics `f32 [2][channels]`. */
  norm_fold: {
    parameters: {
      gamma: "read",
      beta: "read",
      running: "read",
      eps: "number",
      channels: "number",
      scale: "write",
      shift: "write",
    },
  },
  /** y = x * scale + shift per channel. */
  affine: {
    parameters: { x: "read", rows: "number", channels: "number", scale: "read", shift: "read", y: "write" },
  },
  /**
   * y `f32 [images][size0][size1][size2][size3]`, whose neighbours along an axis lie its stride apart in x, added
   * to y where `accumulate`.
   */
  permute: {
    parameters: {
      x: "read",
      images: "number",
      size0: "number",
      size1: "number",
      size2: "number",
      size3: "number",
      stride0: "number",
      stride1: "number",
      stride2: "number",
      stride3: "number",
      accumulate: "flag",
      y: "write",
    },
  },
  /** Writes the whole padded buffer out `f32 [images][PH][PW][c]` from x `f32 [images][h][w][c]`. */
  pad_real: {
    parameters: { shape: "read", x: "read", out: "write" },
  },
  /** Panels `f32 [ceil(n/8)][k][8]` of w `f32 [k][n]`. */
  pack_panels: {
    parameters: { w: "read", k: "number", n: "number", out: "write" },
  },
  /** Real convolution: x padded, panels, bias `f32 [N]` where given, out `f32 [images][oh][ow][N]`. */
  ff_conv: {
    product: { operands: "ff", tile: "4x8", channels: 1 },
    parameters: { shape: "read", x: "read", panels: "read", bias: "maybe read", out: "write" },
  },
  /**
   * Convolution of +-1 inputs (nibbles, padded) with a real kernel w `f32 [K][N]`; scratch of
   * `fb_forward_scratch_bytes`.
   */
  fb_conv: {
    product: { operands: "fb", tile: "2x16", channels: 4 },
    parameters: { shape: "read", bits: "read", w: "read", out: "write", scratch: "write" },
  },
  /** Signs of the kernel `f32 [K][N]` for `fb_sign_conv`: weights `u8 [taps][N][ceil(c/4)]`, the last tap first. */
  pack_fb_sign_weights: {
    parameters: { shape: "read", kernel: "read", weights: "write" },
  },
  /**
   * Convolution of real inputs x, not padded, with a +-1 kernel, where that has no strides and its padding is 0
   * (`has_adjoint`): bias `f32 [N]` where given, out `f32 [images][oh][ow][N]`. weights as `pack_fb_sign_weights`
   * makes them; scratch of `fb_sign_scratch_bytes`.
   */
  fb_sign_conv: {
    product: { operands: "fb", tile: "2x16", channels: 4 },
    parameters: { shape: "read", x: "read", weights: "read", bias: "maybe read", out: "write", scratch: "write" },
  },
  /** y = e^x / sum e^x over each row of `channels` values. */
  softmax_forward: {
    parameters: { x: "read", rows: "number", channels: "number", y: "write" },
  },
  /** y = a + b. */
  add: {
    parameters: { a: "read", b: "read", y: "write", count: "number" },
  },
  /** Copies bytes. */
  copy: {
    parameters: { from: "read", to: "write", bytes: "number" },
  },
  /**
   * y `f32 [rows down][width right][channels]` = every pixel of x `f32 [rows][width][channels]` down x right
   * times.
   */
  up_sampling_forward: {
    parameters: {
      x: "read",
      rows: "number",
      width: "number",
      channels: "number",
      down: "number",
      right: "number",
      y: "write",
    },
  },
  /**
   * Rows of y `f32 [images][height down][width right][channels]`, `count` from row `first` of all images on,
   * between the pixels of x `f32 [images][height][width][channels]`; `y` is their place.
   */
  bilinear_forward: {
    parameters: {
      x: "read",
      images: "number",
      height: "number",
      width: "number",
      channels: "number",
      down: "number",
      right: "number",
      first: "number",
      count: "number",
      y: "write",
    },
  },
  /**
   * y `f32 [images][above + height + below][before + row + behind]` = x `f32 [images][height][row]` and zeros
   * around it.
   */
  zero_padding_forward: {
    parameters: {
      x: "read",
      images: "number",
      height: "number",
      row: "number",
      above: "number",
      below: "number",
      before: "number",
      behind: "number",
      y: "write",
    },
  },
} as const;

/** Bytes of one pixel in the nibble layout: one for every 4 channels. */
export function groups(channels: number): number {
  return Math.ceil(channels / 4);
}

/** `u64` of one pixel in the word layout: one for every 64 channels. */
export function words(channels: number): number {
  return Math.ceil(channels / 64);
}

/** Bytes of `n` filters of `k` weights as bits in the model file. */
export function fileBytes(k: number, n: number): number {
  return n * Math.ceil(k / 8);
}

/** Floats of a matrix `[K][N]` in panels of eight columns. */
export function panelFloats(k: number, n: number): number {
  return Math.ceil(n / 8) * 8 * k;
}

/** Floats at the beginning of the scratch of attention over bits: values as panels, and four rows of the matrix. */
export function attentionScratchFloats(keys: number, valueWidth: number): number {
  return panelFloats(keys, valueWidth) + 4 * keys;
}

/** Bytes behind them: keys and values as columns of nibbles, and four rows of distances and of bits of the matrix. */
export function attentionColumnBytes(keys: number, width: number, valueWidth: number): number {
  return Math.ceil(keys / 32) * 32 * (groups(width) + 5) + Math.ceil(valueWidth / 32) * 32 * groups(keys);
}

/**
 * Bytes of the scratch of attention over bits, of `keys` tokens and heads of `width` features, and `value_width`
 * of values.
 */
export function attentionScratchBytes(keys: number, width: number, valueWidth: number): number {
  return 4 * attentionScratchFloats(keys, valueWidth) + attentionColumnBytes(keys, width, valueWidth);
}

/** Bytes of a row of the matrix's bits. */
export function attentionRowBytes(keys: number): number {
  return Math.floor((Math.ceil(keys / 32) * 32) / 4);
}

/** Floats that the way back keeps of a head's matrix: a row for each key, whose length is a multiple of 4. */
export function attentionSoftFloats(tokens: number, keys: number): number {
  return keys * (Math.ceil(tokens / 4) * 4);
}

/**
 * Floats at the beginning of the scratch of the way back through attention over bits: tables or panels, a head's
 * gradient at the matrix, and products whose rows are columns.
 */
export function attentionGradientFloats(tokens: number, keys: number, width: number, valueWidth: number): number {
  const turned = width * (Math.ceil(Math.max(tokens, keys) / 4) * 4);
  return Math.max(36 * (16 * 16), panelFloats(tokens, valueWidth)) + attentionSoftFloats(tokens, keys) + turned;
}

/** Bytes behind them: the rows of the operand of signs. */
export function attentionSelectorBytes(tokens: number, keys: number, width: number, valueWidth: number): number {
  return Math.max(keys, width) * groups(Math.max(Math.max(tokens, keys), valueWidth));
}

/** Bytes of that scratch. */
export function attentionGradientBytes(tokens: number, keys: number, width: number, valueWidth: number): number {
  return (
    4 * attentionGradientFloats(tokens, keys, width, valueWidth) +
    attentionSelectorBytes(tokens, keys, width, valueWidth)
  );
}

/** Floats of the scratch of attention over reals: keys and values as panels, and four rows of the matrix. */
export function attentionRealScratchFloats(keys: number, width: number, valueWidth: number): number {
  return panelFloats(width, keys) + panelFloats(keys, valueWidth) + 4 * keys;
}

/**
 * Bytes of the scratch of a product of signs over slices: the second operand as columns of nibbles, and four rows
 * of the first.
 */
export function signSliceBytes(columns: number, terms: number): number {
  return (Math.ceil(columns / 32) * 32 + 4) * groups(terms);
}

/** Floats at the beginning of the scratch of its way back: tables, and a product whose rows are columns. */
export function signGradientFloats(rows: number, columns: number, terms: number): number {
  return 36 * (16 * 16) + terms * (Math.ceil(Math.max(rows, columns) / 4) * 4);
}

/** Bytes behind them: the rows of the operand of signs. */
export function signGradientSelectors(rows: number, columns: number, terms: number): number {
  return terms * groups(Math.max(rows, columns));
}

/** Bytes of that scratch. */
export function signGradientBytes(rows: number, columns: number, terms: number): number {
  return 4 * signGradientFloats(rows, columns, terms) + signGradientSelectors(rows, columns, terms);
}

/** Windows along an axis that reach past the image, out of `out`. */
function cutWindows(out: number, stride: number, pad: number, size: number, extent: number): number {
  const first = Math.min(Math.ceil(pad / stride), out);
  const end = Math.min(Math.max(Math.floor(Math.max(0, pad + size + stride - extent) / stride), first), out);
  return out - (end - first);
}

/** Positions of the kernel. */
export function taps(shape: ConvShape): number {
  return shape.kernelHeight * shape.kernelWidth;
}

/** Rows of the input from the first row of taps to the last, both counted. */
export function extentHeight(shape: ConvShape): number {
  return (shape.kernelHeight - 1) * shape.dilationHeight + 1;
}

/** Columns of the input from the first column of taps to the last, both counted. */
export function extentWidth(shape: ConvShape): number {
  return (shape.kernelWidth - 1) * shape.dilationWidth + 1;
}

/** Products summed into one output, which are the rows K of the kernel matrix. */
export function terms(shape: ConvShape): number {
  return taps(shape) * shape.channels;
}

/** Blocks of 16 filters, the last maybe not full. */
export function filterBlocks(shape: ConvShape): number {
  return Math.ceil(shape.filters / 16);
}

/** Threes of groups of a window in the look-up weights. */
export function lookupSplits(shape: ConvShape): number {
  return Math.ceil((taps(shape) * groups(shape.channels)) / 3);
}

/** Bytes of the look-up weights. */
export function lookupWeightBytes(shape: ConvShape): number {
  return Math.ceil(filterBlocks(shape) / 4) * lookupSplits(shape) * 192;
}

/** Bytes of the codeword weights: two tables of 512 rows, and a byte for each channel of each filter. */
export function codewordWeightBytes(shape: ConvShape): number {
  return 2 * 512 * 16 + Math.ceil(filterBlocks(shape) / 4) * shape.channels * 64;
}

/** Bytes of the weights of the `i8x16.popcnt` kernel. */
export function byteWeightBytes(shape: ConvShape): number {
  return filterBlocks(shape) * taps(shape) * Math.ceil(shape.channels / 8) * 16;
}

/** Bytes of the weights of the `i64.popcnt` kernel. */
export function wordWeightBytes(shape: ConvShape): number {
  return Math.ceil(shape.filters / 2) * 2 * taps(shape) * words(shape.channels) * 8;
}

/** Bytes of the weights of the kernel whose sums live in 8 bits. */
export function nibbleWeightBytes(shape: ConvShape): number {
  return filterBlocks(shape) * 16 * taps(shape) * groups(shape.channels);
}

/** Pixels of the unpadded input, all images together. */
export function inputPixels(shape: ConvShape): number {
  return shape.images * shape.height * shape.width;
}

/** Pixels of the padded buffer, all images together. */
export function paddedPixels(shape: ConvShape): number {
  return shape.images * shape.paddedHeight * shape.paddedWidth;
}

/** Pixels of the output, all images together. */
export function outputPixels(shape: ConvShape): number {
  return shape.images * shape.outHeight * shape.outWidth;
}

/** Patterns of taps that fall on zero padding: none missing, and one for each row and column whose windows are cut. */
export function borderPatterns(shape: ConvShape): number {
  const rows = cutWindows(shape.outHeight, shape.strideHeight, shape.padTop, shape.height, extentHeight(shape));
  const columns = cutWindows(shape.outWidth, shape.strideWidth, shape.padLeft, shape.width, extentWidth(shape));
  const zero = 1 - Number(shape.padOne);
  return (1 + zero * rows) * (1 + zero * columns);
}

/** Starts of the sums of a +-1 by +-1 convolution, and limits of its counts: `i32`, of a row a pattern. */
export function startCount(shape: ConvShape): number {
  return borderPatterns(shape) * 16 * filterBlocks(shape);
}

/** Bytes of the same. */
export function startBytes(shape: ConvShape): number {
  return 4 * startCount(shape);
}

/**
 * Floats of scratch that the product and the filters' gradient of `fb` need: a gap up to 64 bytes, the tables,
 * then one sum per tap and filter.
 */
export function fbTableFloats(shape: ConvShape): number {
  return 16 + 36 * (16 * 16) + taps(shape) * shape.filters;
}

/** Bytes of scratch for the bits of an image as one plane a channel, and for a line of each of four groups. */
export function fbPlaneBytes(shape: ConvShape): number {
  const columns = Math.ceil(shape.paddedWidth / shape.strideWidth);
  const pitch = shape.paddedHeight * shape.strideWidth * columns + 16;
  return 4 * groups(shape.channels) * pitch + 4 * (Math.ceil(columns / 16) * 16 + 16);
}

/** Bytes of scratch of `fb_conv`. */
export function fbForwardScratchBytes(shape: ConvShape): number {
  return 4 * fbTableFloats(shape);
}

/** Bytes of scratch of `fb_conv_backward_filter`. */
export function fbFilterScratchBytes(shape: ConvShape): number {
  return 4 * fbTableFloats(shape) + fbPlaneBytes(shape);
}

/** Bytes of the +-1 weights of `fb_conv_backward_input`: `[taps][channels][groups of 4 filters]`. */
export function fbInputWeightBytes(shape: ConvShape): number {
  return terms(shape) * groups(shape.filters);
}

/**
 * Bytes of scratch of `fb_conv_backward_input`: a gap up to 64 bytes, the tables, the sums of as many padded rows
 * as a window reaches over (an odd number of cache lines a channel and column phase), a row of gradients an image
 * and one more.
 */
export function fbInputScratchBytes(shape: ConvShape): number {
  const images = Math.min(shape.images, 16);
  const columns = Math.ceil(shape.paddedWidth / shape.strideWidth);
  const lines = Math.ceil((columns * images + 3) / 16);
  const row = shape.strideWidth * shape.channels * 16 * (lines + 1 - (lines % 2));
  const gradients = (images + 1) * shape.width * shape.channels;
  return 4 * (16 + 36 * (16 * 16) + extentHeight(shape) * row + gradients);
}

/** Bytes of the +-1 weights of `fb_sign_conv`: `[taps][filters][groups of 4 channels]`. */
export function fbSignWeightBytes(shape: ConvShape): number {
  return taps(shape) * shape.filters * groups(shape.channels);
}

/** Bytes of scratch of `fb_sign_conv`: those of `fb_conv_backward_input` for the adjoint. */
export function fbSignScratchBytes(shape: ConvShape): number {
  const images = Math.min(shape.images, 16);
  const columns = shape.width + extentWidth(shape) - 1;
  const lines = Math.ceil((columns * images + 3) / 16);
  const row = shape.filters * 16 * (lines + 1 - (lines % 2));
  const values = (images + 1) * shape.outWidth * shape.filters;
  return 4 * (16 + 36 * (16 * 16) + extentHeight(shape) * row + values);
}
