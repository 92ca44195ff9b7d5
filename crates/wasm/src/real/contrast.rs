//! The contrastive loss between two embeddings of a batch.

use crate::exports::Flag;
use crate::memory::{read, write};
use proxbit_kernels::contrast::{self, ContrastRows, Side};

exports! {
    /// units `f32 [rows][size]` = rows of x over their norms; inverses `f64 [rows]` = 1 over these.
    only("training")
    fn unit_rows(x: *const f32, rows: usize, size: usize, units: *mut f32, inverses: *mut f64) {
        let (units, inverses) = (write(units, rows * size), write(inverses, rows));
        contrast::unit_rows(read(x, rows * size), size, units, inverses);
        inverses.iter().any(|inverse| !inverse.is_finite())
    }

    /// Losses of the anchors u `f32 [rows][size]`, the first of which is the example `first` of the candidates
    /// v `f32 [all][size]`, added up in result; sums `f64 [rows]`, logarithms of sums of exponentials.
    only("training")
    fn contrast(
        u: *const f32, v: *const f32, first: usize, rows: usize, all: usize, size: usize, temperature: f32, sums: *mut f64,
        result: *mut [f64; 1],
    ) {
        let (u, v) = (read(u, rows * size), read(v, all * size));
        let loss = contrast::contrast(u, v, first, size, f64::from(temperature), write(sums, rows));
        write(result.cast::<f64>(), 1)[0] = loss;
        !loss.is_finite()
    }

    /// gradient `f32 [rows][size]` = factor times the slopes at the rows behind the unit vectors own; added to what is there
    /// where `accumulate`. others `f32 [all][size]`, sums `f64 [all]`, scratch `f64 [all + size]`; `candidates` says whose
    /// rows they are.
    only("training")
    fn contrast_slopes(
        own: *const f32, inverses: *const f64, others: *const f32, sums: *const f64, first: usize, rows: usize, all: usize,
        size: usize, temperature: f32, candidates: Flag, factor: f32, accumulate: Flag, scratch: *mut f64,
        gradient: *mut f32,
    ) {
        let rows_given = ContrastRows {
            own: read(own, rows * size),
            inverses: read(inverses, rows),
            others: read(others, all * size),
            sums: read(sums, all),
            first,
            size,
            temperature: f64::from(temperature),
            side: if candidates != 0 { Side::Candidates } else { Side::Anchors },
        };
        let (scratch, gradient) = (write(scratch, all + size), write(gradient, rows * size));
        contrast::contrast_slopes(rows_given, f64::from(factor), accumulate != 0, scratch, gradient);
        false
    }
}
