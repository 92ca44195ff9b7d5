/**
 * The exports of cores that train, beside those of `kernels.ts`, which all cores have.
 * `npm run generate` makes it from the Rust sources.
 */

/** Every kernel of training alone: its parameters in the order of the core, and what is known of a product. */
export const trainingKernels = {
  /**
   * `attention_nibbles` of three operands of nibbles, which also leaves what `attention_nibbles_backward` reads:
   * soft, `attention_soft_floats(tokens, keys)` for each head of an image, and matrix, `attention_row_bytes(keys)`
   * for each row.
   */
  attention_nibbles_kept: {
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
      valueBits: "read",
      parameters: "maybe read",
      querySize: "maybe read",
      keySize: "maybe read",
      valueSize: "maybe read",
      soft: "write",
      matrix: "write",
      out: "write",
      scratch: "write",
    },
  },
  /**
   * One lane's gradients at queries, keys, values and, where given, at the learned numbers `f32 [heads]`, out of
   * that at the results. soft and matrix are those of `attention_nibbles_kept`; scratch of
   * `attention_gradient_bytes(tokens, keys, width, value_width)`.
   */
  attention_nibbles_backward: {
    product: { operands: "fb", tile: "3x16", channels: 4 },
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
      valueBits: "read",
      parameters: "maybe read",
      querySize: "maybe read",
      keySize: "maybe read",
      valueSize: "maybe read",
      soft: "read",
      matrix: "read",
      dy: "read",
      dqueries: "write",
      dkeys: "write",
      dvalues: "write",
      dparameters: "maybe write",
      scratch: "write",
    },
  },
  /**
   * da `f32 [images][heads][rows][terms]` of the products of `bb_slices_nibbles`, out of dy and the nibbles of b;
   * scratch of `sign_gradient_bytes(rows, columns, terms)`.
   */
  fb_slices_first: {
    product: { operands: "fb", tile: "3x16", channels: 4 },
    parameters: {
      dy: "read",
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
  /** db in the layout of b, out of dy and the nibbles of a. */
  fb_slices_second: {
    product: { operands: "fb", tile: "3x16", channels: 4 },
    parameters: {
      dy: "read",
      a: "read",
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
  /** Signs of the real kernel as file bits. */
  pack_file_bits: {
    parameters: { kernel: "read", k: "number", n: "number", out: "write" },
  },
  /** Signs of the real kernel as nibble weights. */
  sign_nibble_weights: {
    parameters: { shape: "read", kernel: "read", out: "write" },
  },
  /** Signs of the real kernel as look-up weights. */
  sign_lookup_weights: {
    parameters: { shape: "read", kernel: "read", out: "write" },
  },
  /** Sums of the weight signs over taps `i32 [taps][n]`, a summed-area table, from the real kernel. */
  bb_correction_real: {
    parameters: { shape: "read", kernel: "read", out: "write" },
  },
  /**
   * The matrix A out of scores `f32 [images][heads][tokens][keys]` of heads of `width` features, by the kind: 0
   * softmax, 1 threshold, 2 elastic (parameters `f32 [heads]`: alpha; A is then 0 or 1, and alpha the products'
   * factor), 3 boolean, 4 sign (parameters: offsets). A goes to matrix, and the scores become what the way back
   * reads; without matrix A stands in the place of the scores.
   */
  attention_matrix: {
    parameters: {
      kind: "number",
      images: "number",
      heads: "number",
      tokens: "number",
      keys: "number",
      width: "number",
      parameters: "maybe read",
      scores: "write",
      matrix: "maybe write",
    },
  },
  /**
   * One lane's gradients. gradient is that at A (at alpha A for the elastic kind) and becomes that at the scores;
   * soft is what `attention_matrix` left in the place of the scores. dparameters `f32 [heads]`, where given: at
   * alpha or offset.
   */
  attention_matrix_backward: {
    parameters: {
      kind: "number",
      images: "number",
      heads: "number",
      tokens: "number",
      keys: "number",
      width: "number",
      parameters: "maybe read",
      soft: "read",
      gradient: "write",
      dparameters: "maybe write",
    },
  },
  /** Batch rows from signed bytes: out `f32 [count][row]` = data * scale + offset. */
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
  /** Batch rows from numbers of 16 bits: out `f32 [count][row]` = data * scale + offset. */
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
  /**
   * out `f32 [9][m]` = the nearest of `n` codewords `f32 [n][9]` to each kernel of w `f32 [9][m]`, chosen `u32
   * [m]` its number.
   */
  nearest_codewords: {
    parameters: { w: "read", m: "number", codewords: "read", n: "number", chosen: "write", out: "write" },
  },
  /**
   * out `f32 [n][9]` = the gradient at the codewords, from dw `f32 [9][m]`; chosen as `nearest_codewords` leaves
   * it, room `f64 [n][9]`.
   */
  codeword_gradients: {
    parameters: { dw: "read", m: "number", chosen: "read", n: "number", room: "write", out: "write" },
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
  /** units `f32 [rows][size]` = rows of x over their norms; inverses `f64 [rows]` = 1 over these. */
  unit_rows: {
    parameters: { x: "read", rows: "number", size: "number", units: "write", inverses: "write" },
  },
  /**
   * Losses of the anchors u `f32 [rows][size]`, the first of which is the example `first` of the candidates v `f32
   * [all][size]`, added up in result; sums `f64 [rows]`, logarithms of sums of exponentials.
   */
  contrast: {
    lengths: { result: 1 },
    parameters: {
      u: "read",
      v: "read",
      first: "number",
      rows: "number",
      all: "number",
      size: "number",
      temperature: "number",
      sums: "write",
      result: "write",
    },
  },
  /**
   * gradient `f32 [rows][size]` = factor times the slopes at the rows behind the unit vectors own; added to what
   * is there where `accumulate`. others `f32 [all][size]`, sums `f64 [all]`, scratch `f64 [all + size]`;
   * `candidates` says whose rows they are.
   */
  contrast_slopes: {
    parameters: {
      own: "read",
      inverses: "read",
      others: "read",
      sums: "read",
      first: "number",
      rows: "number",
      all: "number",
      size: "number",
      temperature: "number",
      candidates: "flag",
      factor: "number",
      accumulate: "flag",
      scratch: "write",
      gradient: "write",
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
  /** moments = mean, 1 / deviation, mean z^3 and kurtosis of `count` weights; result = (kurtosis - target)^2. */
  kurtosis: {
    lengths: { moments: 4, result: 1 },
    parameters: { weights: "read", count: "number", target: "number", moments: "write", result: "write" },
  },
  /**
   * y += factor times the slopes of (kurtosis - target)^2 at `count` weights of a tensor of `size` with these
   * moments.
   */
  add_kurtosis_slopes: {
    lengths: { moments: 4 },
    parameters: {
      weights: "read",
      moments: "read",
      size: "number",
      target: "number",
      factor: "number",
      y: "write",
      count: "number",
    },
  },
  /** normalizers = largest and sum of both; result = divergence of softmax(weights / T) from softmax(teacher / T). */
  weight_divergence: {
    lengths: { normalizers: 4, result: 1 },
    parameters: {
      weights: "read",
      teacher: "read",
      count: "number",
      temperature: "number",
      normalizers: "write",
      result: "write",
    },
  },
  /** y += factor times the slopes of the divergence at `count` weights of the tensor that has these normalizers. */
  add_divergence_slopes: {
    lengths: { normalizers: 4 },
    parameters: {
      weights: "read",
      teacher: "read",
      normalizers: "read",
      temperature: "number",
      factor: "number",
      y: "write",
      count: "number",
    },
  },
  /**
   * y `f32 [images][size]` = x / (1 - rate) where an image stays, else 0, added to y where `accumulate`; `first`
   * is the number of the first image in the batch, draws `f32 [3]` as dropout has them.
   */
  drop_path: {
    lengths: { draws: 3 },
    parameters: {
      x: "read",
      images: "number",
      size: "number",
      first: "number",
      rate: "number",
      draws: "read",
      accumulate: "flag",
      y: "write",
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
  /** dx = dy where x > 0, dy alpha e^x elsewhere; added to dx where `accumulate`. */
  elu_backward: {
    parameters: { x: "read", dy: "read", alpha: "number", accumulate: "flag", dx: "write", count: "number" },
  },
  /**
   * t `f32 [k][n]` = w + sum_j u_j tanh(v_j . w + c_j) by filter; mapping `f32 [units][2 k + 1]` is v, c and u of
   * each unit, hidden `f32 [units][n]` the tanh.
   */
  map_filters: {
    parameters: { w: "read", k: "number", n: "number", mapping: "read", units: "number", hidden: "write", t: "write" },
  },
  /** dw `f32 [k][n]` and d_mapping of dt `f32 [k][n]`; hidden as `map_filters` leaves it, room `f32 [n]`. */
  map_filters_backward: {
    parameters: {
      w: "read",
      k: "number",
      n: "number",
      mapping: "read",
      units: "number",
      hidden: "read",
      dt: "read",
      room: "write",
      dMapping: "write",
      dw: "write",
    },
  },
  /**
   * result = the sum of the unbiased losses of t with labels sign(w); dt = factor times their slopes. plus and
   * minus are the rates at which labels +1 and -1 are wrong.
   */
  supervise_signs: {
    lengths: { result: 1 },
    parameters: {
      w: "read",
      t: "read",
      count: "number",
      plus: "number",
      minus: "number",
      factor: "number",
      dt: "write",
      result: "write",
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
  /**
   * One lane's gradients: dx `f32 [rows][channels]` = gamma `f32 [channels]` times dy where given, added to where
   * `accumulate`, and dgamma `f32 [channels]`, the sums of x dy.
   */
  layer_scale_backward: {
    parameters: {
      x: "read",
      dy: "read",
      rows: "number",
      channels: "number",
      gamma: "read",
      accumulate: "flag",
      dx: "maybe write",
      dgamma: "write",
    },
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
  /** dx `f32 [images][h][w][c]`, written in full, or added to where `accumulate`. */
  max_pool_backward: {
    parameters: { shape: "read", dy: "read", argmax: "read", accumulate: "flag", dx: "write" },
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
  /**
   * The gradients at the two parameters `f32 [2]` of the elastic forward map of this number, out of those `dy` at
   * its values of x, to out `f32 [2]`.
   */
  elastic_gradients: {
    parameters: { map: "number", x: "read", dy: "read", count: "number", parameters: "read", out: "write" },
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
  /**
   * SiMaN: out `f32 [k][n]` = magnitudes of w about the middle of their filter, slopes `f32 [k][n]` those of the
   * way back; sorted `f64 [k]` is room. The percentile stands at `place` of parameters `f32 [size]`.
   */
  standardize_magnitudes: {
    parameters: {
      w: "read",
      k: "number",
      n: "number",
      parameters: "read",
      size: "number",
      place: "number",
      sorted: "write",
      out: "write",
      slopes: "write",
    },
  },
  /** BiPer: result = sum of sin^2(omega w). */
  sine_square_sum: {
    lengths: { result: 1 },
    parameters: { w: "read", count: "number", omega: "number", result: "write" },
  },
  /** y += factor omega sin(2 omega w). */
  add_sine_squares: {
    parameters: { w: "read", omega: "number", factor: "number", y: "write", count: "number" },
  },
  /** y = x / sqrt(var + eps) with the variance of each of `images` of n elements; saved `f32 [images][2]`. */
  unit_deviation_forward: {
    parameters: { x: "read", images: "number", n: "number", eps: "number", y: "write", saved: "write" },
  },
  /** The gradient dx of dy, added to what is there where `accumulate`. */
  unit_deviation_backward: {
    parameters: {
      x: "read",
      dy: "read",
      images: "number",
      n: "number",
      saved: "read",
      accumulate: "flag",
      dx: "write",
    },
  },
  /**
   * RBNN: out `f32 [a b][n]` = w + |sin angle| (R^T w - w) by filter, apart `f32 [a b][n]` = R^T w - w, slopes
   * `f32 [n]` times 1 - |sin angle|; left `f32 [a][a]`, right `f32 [b][b]`, angles `f32 [n]`; room is `f64 [a b]`.
   */
  rotate_filters: {
    parameters: {
      w: "read",
      left: "read",
      right: "read",
      a: "number",
      b: "number",
      angles: "read",
      n: "number",
      room: "write",
      slopes: "write",
      apart: "write",
      out: "write",
    },
  },
  /**
   * RBNN: the gradient out `f32 [n]` at the angles, from dw `f32 [k][n]` at the rotated weights and
   * `rotate_filters`' apart.
   */
  angle_gradients: {
    parameters: { dw: "read", apart: "read", k: "number", angles: "read", n: "number", out: "write" },
  },
  /** QP-SBGD: out `u32 [rows][ceil(n / 32)]` = the signs of x `f32 [rows][n]`. */
  pack_rows: {
    parameters: { x: "read", rows: "number", n: "number", out: "write" },
  },
  /**
   * QP-SBGD: -v of `count` neurons from `first` on, into their columns of out `f32 [inputs][outputs]`; x as
   * `pack_rows` leaves it, dy `f32 [rows][outputs]`, draws `f32 [3]` as in `dropout`, room `u32 [2 rows + 2
   * ceil(inputs / 32)]`.
   */
  search_signs: {
    lengths: { draws: 3 },
    parameters: {
      x: "read",
      dy: "read",
      rows: "number",
      inputs: "number",
      outputs: "number",
      first: "number",
      count: "number",
      sweeps: "number",
      draws: "read",
      room: "write",
      out: "write",
    },
  },
  /** w -= hyper[0] dw, within hyper[5] of 0 where that is not 0, and where hyper[1] is not 0 the sign of that. */
  direction_step: {
    lengths: { hyper: 6 },
    parameters: { weights: "write", gradient: "read", count: "number", hyper: "read" },
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
  /** Spreads dy `f32 [images][oh][ow][o]` over out `f32 [images][h+kh-1][w+kw-1][o]`. */
  dilate_real: {
    parameters: { shape: "read", dy: "read", out: "write" },
  },
  /**
   * Panels `f32 [ceil(c/8)][kh*kw*o][8]` of the kernel w `f32 [K][N]`, flipped and transposed for the input's
   * gradient.
   */
  pack_panels_transposed: {
    parameters: { shape: "read", w: "read", out: "write" },
  },
  /** Gradient of the filters of a real convolution: x padded, dy `[images][oh][ow][N]`; overwrites dw `f32 [K][N]`. */
  ff_conv_backward_filter: {
    product: { operands: "ff", tile: "4x8", channels: 1 },
    parameters: { shape: "read", x: "read", dy: "read", dw: "write" },
  },
  /**
   * Gradient of the inputs of a real convolution: dy spread as `dilate_real` does, panels as
   * `pack_panels_transposed` makes them; overwrites dx `f32 [images][h][w][c]`.
   */
  ff_conv_backward_input: {
    product: { operands: "ff", tile: "4x8", channels: 1 },
    parameters: { shape: "read", dy: "read", panels: "read", dx: "write" },
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
