//! The exponential linear unit.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::elu;

exports! {
    /// y = x where x > 0, alpha (e^x - 1) elsewhere.
    only("layers")
    fn elu_forward(x: *const f32, alpha: f32, y: *mut f32, count: usize) {
        elu::elu_forward(read(x, count), alpha, write(y, count))
    }

    /// dx = dy where x > 0, dy alpha e^x elsewhere; added to dx where `accumulate`.
    only("training")
    fn elu_backward(
        x: *const f32, dy: *const f32, alpha: f32, accumulate: Flag, dx: *mut f32, count: usize,
    ) {
        let (x, dy) = (read(x, count), read(dy, count));
        elu::elu_backward(x, dy, alpha, accumulate != 0, write(dx, count))
    }
}
