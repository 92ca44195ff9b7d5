//! Sparse kernel selection: kernels of 3x3 and their codewords.

use crate::memory::{read, write};
use proxbit_kernels::codebook::{self, TAPS};

exports! {
    /// out `f32 [9][m]` = the nearest of `n` codewords `f32 [n][9]` to each kernel of w `f32 [9][m]`, chosen `u32 [m]` its number.
    only("training")
    fn nearest_codewords(
        w: *const f32, m: usize, codewords: *const f32, n: usize, chosen: *mut u32, out: *mut f32,
    ) {
        let (chosen, out) = (write(chosen, m), write(out, TAPS * m));
        codebook::nearest_codewords(read(w, TAPS * m), read(codewords, TAPS * n), chosen, out)
    }

    /// out `f32 [n][9]` = the gradient at the codewords, from dw `f32 [9][m]`; chosen as `nearest_codewords` leaves it, room
    /// `f64 [n][9]`.
    only("training")
    fn codeword_gradients(
        dw: *const f32, m: usize, chosen: *const u32, n: usize, room: *mut f64, out: *mut f32,
    ) {
        let (room, out) = (write(room, TAPS * n), write(out, TAPS * n));
        codebook::codeword_gradients(read(dw, TAPS * m), read(chosen, m), room, out)
    }
}
