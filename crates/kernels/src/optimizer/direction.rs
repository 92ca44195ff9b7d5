//! The step of QP-SBGD along a direction of signs, which `sign_search` finds.

use super::clip::{clipped, limit};

/// `w -= rate dw`, within `clip` of 0 unless that is 0; where `projected`, what comes out is -1 or +1, its sign. True where a
/// result is not finite.
pub fn direction_step(w: &mut [f32], dw: &[f32], rate: f32, projected: bool, clip: f32) -> bool {
    assert_eq!(w.len(), dw.len());
    let limit = limit(clip);
    let mut bad = false;
    for (w, dw) in w.iter_mut().zip(dw) {
        let moved = *w - rate * dw;
        bad |= !moved.is_finite();
        *w = match (projected, moved >= 0.0) {
            (false, _) => clipped(moved, limit),
            (true, true) => 1.0,
            (true, false) => -1.0,
        };
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_goes_along_the_direction_and_may_be_projected_or_clipped() {
        let mut w = [0.5, -0.25, 0.25];
        assert!(!direction_step(&mut w, &[-1.0, -1.0, 1.0], 0.25, false, 0.0));
        assert_eq!(w, [0.75, 0.0, 0.0]);
        assert!(!direction_step(&mut w, &[1.0, 1.0, -1.0], 0.5, true, 0.5));
        assert_eq!(w, [1.0, -1.0, 1.0]);
        let mut long = [0.75, -0.75, 0.25];
        assert!(!direction_step(&mut long, &[-1.0, 1.0, 1.0], 0.5, false, 1.0));
        assert_eq!(long, [1.0, -1.0, -0.25]);
        assert!(direction_step(&mut [f32::NAN], &[1.0], 0.5, true, 0.0));
    }
}
