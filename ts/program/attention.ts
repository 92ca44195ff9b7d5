/** The kinds of an attention matrix by the numbers that the core calls them by; see `crates/kernels/src/attention/matrix.rs`. */
export const attentionKinds = { softmax: 0, threshold: 1, elastic: 2, boolean: 3, sign: 4 } as const;

/** The most features of a head, and the most keys, that the kernels over bits take. */
export const WIDEST_HEAD = 252;
export const MOST_KEYS = 65535;
