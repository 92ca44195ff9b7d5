/** The kinds of an attention matrix by the numbers that the core calls them by; see `crates/kernels/src/attention/matrix.rs`. */
export const attentionKinds = { softmax: 0, threshold: 1, elastic: 2, boolean: 3, sign: 4 } as const;
