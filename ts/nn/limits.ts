/**
 * Sizes beyond these are mistakes or attacks. `dimension` also keeps sums exact: f32 holds a dot product of +-1 over at
 * most 2^24 terms. `elements` bounds one tensor at 1 GiB of f32, `rank` the axes of a value.
 */
export const limits = Object.freeze({
  dimension: 2 ** 24,
  elements: 2 ** 28,
  filters: 2 ** 16,
  window: 256,
  nodes: 4096,
  rank: 4,
});
