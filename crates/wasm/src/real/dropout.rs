//! Dropout.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::dropout::{self, Draws};

exports! {
    /// y = x / (1 - rate) where an element stays, else 0, added to y where `accumulate`; `first` is the number of the first
    /// element in the batch, draws `f32 [3]` two numbers of the layer in this run and that of the update, below 2^24 each.
    only("training")
    fn dropout(
        x: *const f32, count: usize, first: usize, rate: f64, draws: *const [f32; 3], accumulate: Flag, y: *mut f32,
    ) {
        let draws = Draws::from_floats(*draws);
        dropout::dropout(read(x, count), first, rate, draws, accumulate != 0, write(y, count))
    }
}
