//! How many weights a step has flipped: what the metric FlipRatio is made of (Helwegen et al., NeurIPS 2019, section 5).

/// The number of places at which sign(w) is another in `after` than in `before`; sign(0) = sign(-0) = +1.
pub fn count_flips(before: &[f32], after: &[f32]) -> u32 {
    assert_eq!(before.len(), after.len());
    before
        .iter()
        .zip(after)
        .map(|(&b, &a)| u32::from((b >= 0.0) != (a >= 0.0)))
        .sum()
}
