//! Axes in another order. The target lies as its axes say, and each of them has a stride in the source, so that one loop
//! serves any order, its inverse on the way back, and a part of a tensor.

use crate::reduce::add_into;

/// Axes of a tensor without the batch axis; shorter shapes have axes of size 1 before them.
pub const AXES: usize = 4;

/// The target's axes: their sizes, and their strides in the source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    /// Elements along each axis.
    pub sizes: [usize; AXES],
    /// The distance of two neighbours along each axis in the source.
    pub strides: [usize; AXES],
}

impl Order {
    /// Elements of the target.
    pub fn elements(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Elements of the source from its first to the last that is read.
    pub fn reach(&self) -> usize {
        let last: usize = self
            .sizes
            .iter()
            .zip(self.strides)
            .map(|(size, stride)| (size - 1) * stride)
            .sum();
        last + 1
    }
}

/// `y[i][j][k][l] = x[i strides[0] + j strides[1] + k strides[2] + l strides[3]]` for every image, added to y where
/// `accumulate`. Images of both tensors lie one after the other, but for a single one.
pub fn permute(x: &[f32], images: usize, order: Order, accumulate: bool, y: &mut [f32]) {
    let size = order.elements();
    assert!(images > 0 && size > 0 && y.len() == images * size);
    assert!(x.len() >= (images - 1) * size + order.reach());
    let [_, second, third, last] = order.sizes;
    let [by_first, by_second, by_third, step] = order.strides;
    for (row, y) in y.chunks_exact_mut(last).enumerate() {
        let (k, j) = (row % third, row / third % second);
        let (i, image) = (
            row / third / second % order.sizes[0],
            row / third / second / order.sizes[0],
        );
        let x = &x[image * size + i * by_first + j * by_second + k * by_third..];
        match (step, accumulate) {
            (1, false) => y.copy_from_slice(&x[..last]),
            (1, true) => add_into(y, &x[..last]),
            (_, false) => y.iter_mut().zip(x.iter().step_by(step)).for_each(|(y, x)| *y = *x),
            (_, true) => y.iter_mut().zip(x.iter().step_by(step)).for_each(|(y, x)| *y += *x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::reals;
    use proptest::prelude::*;

    /// The place of the element at `index` of a tensor of these sizes.
    fn place(index: [usize; AXES], sizes: [usize; AXES]) -> usize {
        index.iter().zip(sizes).fold(0, |place, (i, size)| place * size + i)
    }

    /// The order whose axis d of the target is axis `dims[d]` of a source of these sizes.
    fn order_of(sizes: [usize; AXES], dims: [usize; AXES]) -> Order {
        let stride = |axis: usize| sizes[axis + 1..].iter().product();
        Order {
            sizes: dims.map(|axis| sizes[axis]),
            strides: dims.map(stride),
        }
    }

    fn orders() -> impl Strategy<Value = [usize; AXES]> {
        Just([0, 1, 2, 3]).prop_shuffle()
    }

    proptest! {
        #[test]
        fn elements_go_where_their_axes_go(
            images in 1usize..4,
            (first, second, third, last) in (1usize..6, 1usize..6, 1usize..6, 1usize..20),
            dims in orders(),
            seed in 0u64..1000,
        ) {
            let sizes = [first, second, third, last];
            let order = order_of(sizes, dims);
            let size = order.elements();
            let x = reals(images * size, seed);
            let before = reals(images * size, seed + 1);
            let (mut y, mut onto) = (vec![f32::NAN; images * size], before.clone());
            permute(&x, images, order, false, &mut y);
            permute(&x, images, order, true, &mut onto);
            for image in 0..images {
                for from in 0..size {
                    let mut index = [0; AXES];
                    let mut rest = from;
                    for axis in (0..AXES).rev() {
                        index[axis] = rest % sizes[axis];
                        rest /= sizes[axis];
                    }
                    let to = image * size + place(dims.map(|axis| index[axis]), order.sizes);
                    let value = x[image * size + from];
                    prop_assert_eq!((y[to], onto[to]), (value, before[to] + value));
                }
            }
            // A part along the target's first axis.
            let [count, from] = [order.sizes[0].div_ceil(2), order.sizes[0] / 2];
            let part = Order { sizes: [count.min(order.sizes[0] - from), order.sizes[1], order.sizes[2], order.sizes[3]], ..order };
            let mut some = vec![f32::NAN; part.elements()];
            let source = &x[from * order.strides[0]..][..part.reach()];
            permute(source, 1, part, false, &mut some);
            prop_assert_eq!(&some[..], &y[size / order.sizes[0] * from..][..some.len()]);
        }
    }
}
