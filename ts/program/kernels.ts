/**
 * The knowledge that both languages share: the exports of the core, the descriptor of a convolution, and sizes.
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

/** Every kernel: its parameters in the order of the core, and what is known of a product. */
export const kernels = {
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
   * `f32 [channels]` where those are given. An infinity is a bad number here too.
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
  /** Signs of the real kernel as file bits. */
  pack_file_bits: {
    parameters: { kernel: "read", k: "number", n: "number", out: "write" },
  },
  /** File bits as the real kernel. */
  unpack_file_bits_real: {
    parameters: { bits: "read", k: "number", n: "number", out: "write" },
  },
  /** File bits as look-up weights. */
  pack_lookup_weights: {
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
  /** Signs of the real kernel as nibble weights. */
  sign_nibble_weights: {
    parameters: { shape: "read", kernel: "read", out: "write" },
  },
  /** Signs of the real kernel as look-up weights. */
  sign_lookup_weights: {
    parameters: { shape: "read", kernel: "read", out: "write" },
  },
  /** Sums of the weights over taps `i32 [taps][n]`, a summed-area table, from file bits. */
  bb_correction: {
    parameters: { shape: "read", bits: "read", out: "write" },
  },
  /** Sums of the weight signs over taps `i32 [taps][n]`, a summed-area table, from the real kernel. */
  bb_correction_real: {
    parameters: { shape: "read", kernel: "read", out: "write" },
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
  /** The same from signed bytes. */
  gather_signed_bytes: {
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
  /** The same from numbers of 16 bits. */
  gather_words: {
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
  /**
   * Batch images `[height][width][channels]` from bytes, each mirrored and moved as its view's bits say
   * (`View::from_bits`): out `f32 [count][height][width][channels]` = data * scale + offset.
   */
  gather_views: {
    parameters: {
      data: "read",
      indices: "read",
      views: "read",
      count: "number",
      height: "number",
      width: "number",
      channels: "number",
      scale: "number",
      offset: "number",
      out: "write",
    },
  },
  /** The same from signed bytes. */
  gather_signed_byte_views: {
    parameters: {
      data: "read",
      indices: "read",
      views: "read",
      count: "number",
      height: "number",
      width: "number",
      channels: "number",
      scale: "number",
      offset: "number",
      out: "write",
    },
  },
  /** The same from numbers of 16 bits. */
  gather_word_views: {
    parameters: {
      data: "read",
      indices: "read",
      views: "read",
      count: "number",
      height: "number",
      width: "number",
      channels: "number",
      scale: "number",
      offset: "number",
      out: "write",
    },
  },
  /** The same from reals. */
  gather_real_views: {
    parameters: {
      data: "read",
      indices: "read",
      views: "read",
      count: "number",
      height: "number",
      width: "number",
      channels: "number",
      scale: "number",
      offset: "number",
      out: "write",
    },
  },
  /** Batch rows from reals: out `f32 [count][row]`. */
  gather_reals: {
    parameters: { data: "read", indices: "read", count: "number", row: "number", out: "write" },
  },
  /** Labels of a batch: out `u32 [count]`. */
  gather_labels: {
    parameters: { labels: "read", indices: "read", count: "number", out: "write" },
  },
  /** y `f32 [blocks][first + second]` = a `f32 [blocks][first]` and b `f32 [blocks][second]`, block by block. */
  concatenate_forward: {
    parameters: { a: "read", b: "read", blocks: "number", first: "number", second: "number", y: "write" },
  },
  /**
   * dx `f32 [blocks][size]` = the part of dy `f32 [blocks][block]` from `first` on, added to dx where
   * `accumulate`.
   */
  concatenate_backward: {
    parameters: {
      dy: "read",
      blocks: "number",
      block: "number",
      first: "number",
      size: "number",
      accumulate: "flag",
      dx: "write",
    },
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
  /**
   * Gradient of the filters of a depthwise convolution: x padded, dy `[images][oh][ow][N]`; overwrites dw `f32
   * [taps][N]`.
   */
  depthwise_conv_backward_filter: {
    product: { operands: "ff", tile: "1x16", channels: 1 },
    parameters: {
      shape: "read",
      dilationHeight: "number",
      dilationWidth: "number",
      x: "read",
      dy: "read",
      dw: "write",
    },
  },
  /** Gradient of the input of a depthwise convolution: dx `f32 [images][h][w][c]`, added to where `accumulate`. */
  depthwise_conv_backward_input: {
    product: { operands: "ff", tile: "1x4", channels: 1 },
    parameters: {
      shape: "read",
      dilationHeight: "number",
      dilationWidth: "number",
      w: "read",
      dy: "read",
      accumulate: "flag",
      dx: "write",
    },
  },
  /**
   * y = x / (1 - rate) where an element stays, else 0, added to y where `accumulate`; `first` is the number of the
   * first element in the batch, draws `f32 [3]` two numbers of the layer in this run and that of the update, below
   * 2^24 each.
   */
  dropout: {
    lengths: { draws: 3 },
    parameters: {
      x: "read",
      count: "number",
      first: "number",
      rate: "number",
      draws: "read",
      accumulate: "flag",
      y: "write",
    },
  },
  /** y = x where x > 0, alpha (e^x - 1) elsewhere. */
  elu_forward: {
    parameters: { x: "read", alpha: "number", y: "write", count: "number" },
  },
  /** dx = dy where x > 0, dy alpha e^x elsewhere; added to dx where `accumulate`. */
  elu_backward: {
    parameters: { x: "read", dy: "read", alpha: "number", accumulate: "flag", dx: "write", count: "number" },
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
  /**
   * One lane's gradients: dx `f32 [rows][channels]` where given, added to where `accumulate`, and those at gamma
   * and beta, `f32 [channels]`.
   */
  layer_norm_backward: {
    parameters: {
      x: "read",
      dy: "read",
      rows: "number",
      channels: "number",
      gamma: "read",
      saved: "read",
      accumulate: "flag",
      dx: "maybe write",
      dgamma: "write",
      dbeta: "write",
    },
  },
  /** y = x where x >= 0, slopes `f32 [channels]` times x elsewhere. */
  prelu_forward: {
    parameters: { x: "read", rows: "number", channels: "number", slopes: "read", y: "write" },
  },
  /**
   * One lane's gradients: dx `f32 [rows][channels]` where given, added to where `accumulate`, and dslopes `f32
   * [channels]`.
   */
  prelu_backward: {
    parameters: {
      x: "read",
      dy: "read",
      rows: "number",
      channels: "number",
      slopes: "read",
      accumulate: "flag",
      dx: "maybe write",
      dslopes: "write",
    },
  },
  /** y = beta + |alpha| where x >= beta, beta - |alpha| elsewhere; alpha and beta `f32*`. */
  adaptive_sign_forward: {
    parameters: { x: "read", count: "number", alpha: "read", beta: "read", y: "write" },
  },
  /** One lane's gradients: dx `f32 [count]` where given, added to where `accumulate`, and those at alpha and beta. */
  adaptive_sign_backward: {
    lengths: { gradients: 2 },
    parameters: {
      x: "read",
      dy: "read",
      count: "number",
      alpha: "read",
      beta: "read",
      accumulate: "flag",
      dx: "maybe write",
      gradients: "write",
    },
  },
  /** Maxima y `f32 [images][oh][ow][c]` and positions argmax `u8`, where asked for, of x `f32 [images][h][w][c]`. */
  max_pool: {
    parameters: { shape: "read", x: "read", y: "write", argmax: "maybe write" },
  },
  /** dx `f32 [images][h][w][c]`, written in full, or added to where `accumulate`. */
  max_pool_backward: {
    parameters: { shape: "read", dy: "read", argmax: "read", accumulate: "flag", dx: "write" },
  },
  /** Means y `f32 [images][oh][ow][c]` of the windows of x `f32 [images][h][w][c]`. */
  avg_pool: {
    parameters: { shape: "read", x: "read", y: "write" },
  },
  /** dx `f32 [images][h][w][c]`, added to what is there where `accumulate`. */
  avg_pool_backward: {
    parameters: { shape: "read", dy: "read", accumulate: "flag", dx: "write" },
  },
  /**
   * Loss and gradient of logits `f32 [rows][classes]`, labels smoothed by a share in `[0, 1)`, where given;
   * dlogits and predictions `u32 [rows]` where given; result = (sum of losses, correct predictions) of the valid
   * rows.
   */
  softmax_cross_entropy: {
    lengths: { result: 2 },
    parameters: {
      logits: "read",
      labels: "read",
      rows: "number",
      validRows: "number",
      classes: "number",
      inverseBatch: "number",
      weights: "maybe read",
      smoothing: "maybe read",
      dlogits: "maybe write",
      result: "write",
      predictions: "maybe write",
    },
  },
  /** y = x where x > 0, slope x elsewhere. */
  leaky_relu_forward: {
    parameters: { x: "read", slope: "number", y: "write", count: "number" },
  },
  /** dx = dy where x > 0, slope dy elsewhere; added to dx where `accumulate`. */
  leaky_relu_backward: {
    parameters: { x: "read", dy: "read", slope: "number", accumulate: "flag", dx: "write", count: "number" },
  },
  /**
   * loss = a number of `TargetLoss`; outputs `f32 [rows][size]`, targets likewise or labels `u32 [rows]`, weights
   * `f32 [rows]` or all 1; delta is Huber's, smoothing binary cross-entropy's, 0 where absent. Results: gradient
   * `f32 [rows][size]`, result = sum of losses, right answers; predictions `u32 [rows]`.
   */
  target_loss: {
    lengths: { result: 2 },
    parameters: {
      loss: "number",
      outputs: "read",
      targets: "maybe read",
      labels: "maybe read",
      weights: "maybe read",
      rows: "number",
      validRows: "number",
      size: "number",
      inverseBatch: "number",
      delta: "number",
      smoothing: "maybe read",
      gradient: "maybe write",
      result: "write",
      predictions: "maybe write",
    },
  },
  /**
   * targets `f32 [rows][size]` are logits at the temperature, or distributions where it is 0; all else as in
   * `target_loss`.
   */
  soft_cross_entropy: {
    lengths: { result: 2 },
    parameters: {
      logits: "read",
      targets: "read",
      weights: "maybe read",
      rows: "number",
      validRows: "number",
      size: "number",
      inverseBatch: "number",
      temperature: "number",
      smoothing: "maybe read",
      gradient: "maybe write",
      result: "write",
      predictions: "maybe write",
    },
  },
  /**
   * out `f32 [rows]` = own `f32 [rows]`, or 1, times the weight of the row's class out of class_weights `f32
   * [classes]`.
   */
  row_weights: {
    parameters: {
      own: "maybe read",
      classWeights: "maybe read",
      classes: "number",
      labels: "maybe read",
      rows: "number",
      out: "write",
    },
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
  /**
   * dx = dy * map(P(x)) with P the forward map of the first number and the backward map of the second, added to dx
   * where `accumulate`; parameters and table as in `quantize_forward`.
   */
  quantize_backward: {
    parameters: {
      proximal: "number",
      map: "number",
      x: "read",
      dy: "read",
      accumulate: "flag",
      dx: "write",
      count: "number",
      parameters: "maybe read",
      table: "maybe read",
    },
  },
  /** out `f32 [n]` = mean |w| of every filter of w `f32 [k][n]`, or of the kernel where `whole`. */
  weight_scale: {
    parameters: { w: "read", k: "number", n: "number", whole: "flag", out: "write" },
  },
  /**
   * out `f32 [k][n]` = (w - mean) gain / deviation by filter; statistics `f32 [3][n]` = gain / deviation,
   * deviation, mean.
   */
  standardize_filters: {
    parameters: { w: "read", k: "number", n: "number", gain: "number", out: "write", statistics: "write" },
  },
  /** out `f32 [count]` = tanh w / max |tanh w|, slopes `f32 [count]` = (1 - tanh^2 w) / max |tanh w|. */
  standardize_tanh: {
    parameters: { w: "read", count: "number", out: "write", slopes: "write" },
  },
  /** out `f32 [count]` = sin(omega w), slopes `f32 [count]` = omega cos(omega w). */
  standardize_sine: {
    parameters: { w: "read", count: "number", omega: "number", out: "write", slopes: "write" },
  },
  /** out `f32 [size]` = parameters, and in the place of tau the width -mean |w| ln(2 - 2 tau) of w `f32 [count]`. */
  quantile_width: {
    parameters: { w: "read", count: "number", parameters: "read", size: "number", place: "number", out: "write" },
  },
  /** y `f32 [count]`, a part from element `first` on, times factors `f32 [n]` by column. */
  multiply_columns: {
    parameters: { y: "write", count: "number", factors: "read", n: "number", first: "number" },
  },
  /** y = a * b. */
  multiply_forward: {
    parameters: { a: "read", b: "read", y: "write", count: "number" },
  },
  /** dx = dy * other, added to dx where `accumulate`. */
  multiply_backward: {
    parameters: { dy: "read", other: "read", accumulate: "flag", dx: "write", count: "number" },
  },
  /** One lane's sums of x and x^2: partial `f64 [2][channels]`. */
  norm_partial: {
    parameters: { x: "read", rows: "number", channels: "number", partial: "write" },
  },
  /**
   * A batch's statistics from partials `f64 [lanes][2][channels]`: saved `f32 [2][channels]`, scale and shift `f32
   * [channels]`; running `f32 [2][channels]` and momentum `f32` where given (read only with running).
   */
  norm_statistics: {
    parameters: {
      partials: "read",
      lanes: "number",
      totalRows: "number",
      channels: "number",
      gamma: "read",
      beta: "read",
      eps: "number",
      saved: "write",
      scale: "write",
      shift: "write",
      running: "maybe write",
      momentum: "maybe read",
    },
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
  /** One lane's sums of dy and dy * xhat: partial `f64 [2][channels]`. */
  norm_backward_partial: {
    parameters: { x: "read", dy: "read", rows: "number", channels: "number", saved: "read", partial: "write" },
  },
  /**
   * One lane's dx `f32 [rows][channels]`, added to where `accumulate`; dgamma and dbeta `f32 [channels]` of the
   * whole batch, where asked for.
   */
  norm_backward: {
    parameters: {
      x: "read",
      dy: "read",
      rows: "number",
      channels: "number",
      saved: "read",
      gamma: "read",
      partials: "read",
      lanes: "number",
      totalRows: "number",
      accumulate: "flag",
      dx: "write",
      dgamma: "maybe write",
      dbeta: "maybe write",
    },
  },
  /**
   * hyper = learning rate, momentum, weight decay, nesterov (0 or 1), clip; velocity `f32 [count]`, not needed
   * where the momentum is 0.
   */
  sgd_step: {
    lengths: { hyper: 5 },
    parameters: { weights: "write", gradient: "read", velocity: "maybe write", count: "number", hyper: "read" },
  },
  /**
   * hyper = learning rate, beta1, beta2, epsilon, weight decay, decoupled (0 or 1), 1 - beta1^t, 1 - beta2^t,
   * clip; mean and square `f32 [count]`.
   */
  adam_step: {
    lengths: { hyper: 9 },
    parameters: { weights: "write", gradient: "read", mean: "write", square: "write", count: "number", hyper: "read" },
  },
  /** hyper = gamma, threshold; weights `f32 [count]` of -1 and +1, mean `f32 [count]`. */
  bop_step: {
    lengths: { hyper: 2 },
    parameters: { weights: "write", gradient: "read", mean: "write", count: "number", hyper: "read" },
  },
  /**
   * hyper = gamma, sigma, threshold, epsilon, 1 - (1 - gamma)^t, 1 - (1 - sigma)^t (both 1 in the biased form);
   * weights `f32 [count]` of -1 and +1, mean and square `f32 [count]`.
   */
  bop_second_step: {
    lengths: { hyper: 6 },
    parameters: { weights: "write", gradient: "read", mean: "write", square: "write", count: "number", hyper: "read" },
  },
  /** hyper = learning rate, rho, momentum, epsilon, weight decay, clip; square and velocity `f32 [count]`. */
  rmsprop_step: {
    lengths: { hyper: 6 },
    parameters: {
      weights: "write",
      gradient: "read",
      square: "write",
      velocity: "write",
      count: "number",
      hyper: "read",
    },
  },
  /** hyper = learning rate, beta1, beta2, weight decay, clip; mean `f32 [count]`. */
  lion_step: {
    lengths: { hyper: 5 },
    parameters: { weights: "write", gradient: "read", mean: "write", count: "number", hyper: "read" },
  },
  /** gradient `f32 [count]` is kept within -limit and limit. */
  clip_gradient_value: {
    parameters: { gradient: "write", count: "number", limit: "number" },
  },
  /**
   * gradient `f32 [count]` is scaled by limit / norm where the norm is larger; squares `f64 [shares]` sum up to
   * its square.
   */
  clip_gradient_norm: {
    parameters: { gradient: "write", count: "number", squares: "read", shares: "number", limit: "number" },
  },
  /** out = how many signs of after `f32 [count]` are not those of before. */
  count_flips: {
    lengths: { out: 1 },
    parameters: { before: "read", after: "read", count: "number", out: "write" },
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
  /** Spreads dy `f32 [images][oh][ow][o]` over out `f32 [images][h+kh-1][w+kw-1][o]`. */
  dilate_real: {
    parameters: { shape: "read", dy: "read", out: "write" },
  },
  /** Panels `f32 [ceil(n/8)][k][8]` of w `f32 [k][n]`. */
  pack_panels: {
    parameters: { w: "read", k: "number", n: "number", out: "write" },
  },
  /**
   * Panels `f32 [ceil(c/8)][kh*kw*o][8]` of the kernel w `f32 [K][N]`, flipped and transposed for the input's
   * gradient.
   */
  pack_panels_transposed: {
    parameters: { shape: "read", w: "read", out: "write" },
  },
  /** Real convolution: x padded, panels, bias `f32 [N]` where given, out `f32 [images][oh][ow][N]`. */
  ff_conv: {
    product: { operands: "ff", tile: "4x8", channels: 1 },
    parameters: { shape: "read", x: "read", panels: "read", bias: "maybe read", out: "write" },
  },
  /** Gradient of the filters of a real convolution: x padded, dy `[images][oh][ow][N]`; overwrites dw `f32 [K][N]`. */
  ff_conv_backward_filter: {
    product: { operands: "ff", tile: "4x8", channels: 1 },
    parameters: { shape: "read", x: "read", dy: "read", dw: "write" },
  },
  /**
   * Convolution of +-1 inputs (nibbles, padded) with a real kernel w `f32 [K][N]`; scratch of
   * `fb_forward_scratch_bytes`.
   */
  fb_conv: {
    product: { operands: "fb", tile: "2x16", channels: 4 },
    parameters: { shape: "read", bits: "read", w: "read", out: "write", scratch: "write" },
  },
  /**
   * Gradient of the filters for +-1 inputs (nibbles, padded); overwrites dw `f32 [K][N]`; scratch of
   * `fb_filter_scratch_bytes`.
   */
  fb_conv_backward_filter: {
    product: { operands: "fb", tile: "4x16", channels: 4 },
    parameters: { shape: "read", bits: "read", dy: "read", dw: "write", scratch: "write" },
  },
  /** Signs of the kernel `f32 [K][N]` for `fb_conv_backward_input`: weights `u8 [taps][c][ceil(N/4)]`. */
  pack_fb_input_weights: {
    parameters: { shape: "read", kernel: "read", weights: "write" },
  },
  /**
   * Gradient at the real input x of a layer with a +-1 kernel: dx `f32 [images][h][w][c]` = B(x) times the
   * gradient at the quantized input, added to dx where `accumulate`. Maps, parameters and table as in
   * `quantize_backward`. weights as `pack_fb_input_weights` makes them; scratch of `fb_input_scratch_bytes`.
   */
  fb_conv_backward_input: {
    product: { operands: "fb", tile: "2x16", channels: 4 },
    parameters: {
      shape: "read",
      weights: "read",
      dy: "read",
      scratch: "write",
      proximal: "number",
      map: "number",
      x: "read",
      parameters: "maybe read",
      table: "maybe read",
      accumulate: "flag",
      dx: "write",
    },
  },
  /** y = e^x / sum e^x over each row of `channels` values. */
  softmax_forward: {
    parameters: { x: "read", rows: "number", channels: "number", y: "write" },
  },
  /** dx = y (dy - sum dy y) over each row, added to dx where `accumulate`. */
  softmax_backward: {
    parameters: { y: "read", dy: "read", rows: "number", channels: "number", accumulate: "flag", dx: "write" },
  },
  /** out `f32 [columns]` = sums of the columns of x `f32 [rows][columns]`. */
  column_sums: {
    parameters: { x: "read", rows: "number", columns: "number", out: "write" },
  },
  /** out `f32 [count]` = sum over lanes, in order, of partials; lane l starts at float l * stride. */
  sum_lanes: {
    parameters: { partials: "read", lanes: "number", stride: "number", count: "number", out: "write" },
  },
  /** y = a + b. */
  add: {
    parameters: { a: "read", b: "read", y: "write", count: "number" },
  },
  /** y += x. */
  add_into: {
    parameters: { y: "write", x: "read", count: "number" },
  },
  /** result = sum of the squares of a - b, or of a where b is left out. */
  squared_distance: {
    lengths: { result: 1 },
    parameters: { a: "read", b: "maybe read", count: "number", result: "write" },
  },
  /** y = factor (a - b), or factor a where b is left out; added to what is there where `accumulate`. */
  add_difference: {
    parameters: { a: "read", b: "maybe read", factor: "number", accumulate: "flag", y: "write", count: "number" },
  },
  /** result = sum of the magnitudes of a. */
  absolute_sum: {
    lengths: { result: 1 },
    parameters: { a: "read", count: "number", result: "write" },
  },
  /** y += factor sign(a), with sign(0) = 0. */
  add_signs: {
    parameters: { a: "read", factor: "number", y: "write", count: "number" },
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
   * dx = the sums of dy over the copies of each pixel, added to dx where `accumulate`; sizes as in the forward
   * pass.
   */
  up_sampling_backward: {
    parameters: {
      dy: "read",
      rows: "number",
      width: "number",
      channels: "number",
      down: "number",
      right: "number",
      accumulate: "flag",
      dx: "write",
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
  /** dx = the gradient at x of dy at all rows of y, added to dx where `accumulate`; sizes as in the forward pass. */
  bilinear_backward: {
    parameters: {
      dy: "read",
      images: "number",
      height: "number",
      width: "number",
      channels: "number",
      down: "number",
      right: "number",
      accumulate: "flag",
      dx: "write",
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
  /** dx = dy without the border, added to dx where `accumulate`; sizes as in the forward pass. */
  zero_padding_backward: {
    parameters: {
      dy: "read",
      images: "number",
      height: "number",
      row: "number",
      above: "number",
      below: "number",
      before: "number",
      behind: "number",
      accumulate: "flag",
      dx: "write",
    },
  },
} as const;

/** Exports that answer a question about a descriptor, and return no status. */
export const answers = ["fb_input_scratch_bytes", "fb_filter_scratch_bytes"] as const;

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
