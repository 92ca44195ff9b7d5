//! Windows of pools by their definition.

use crate::shape::ConvShape;

/// Elements of x.
pub fn inputs(shape: &ConvShape) -> usize {
    (shape.images * shape.height * shape.width * shape.channels) as usize
}

/// For every output in order: the (tap number, place in x) of its taps inside the image, in row-major order.
pub fn covered(shape: &ConvShape) -> Vec<Vec<(u32, usize)>> {
    let s = *shape;
    let mut all = Vec::new();
    for (n, oy) in (0..s.images).flat_map(|n| (0..s.out_height).map(move |oy| (n, oy))) {
        for (ox, c) in (0..s.out_width).flat_map(|ox| (0..s.channels).map(move |c| (ox, c))) {
            let taps = (0..s.kernel_height * s.kernel_width).filter_map(|tap| {
                let (ky, kx) = (tap / s.kernel_width, tap % s.kernel_width);
                let y = (oy * s.stride_height + ky)
                    .checked_sub(s.pad_top)
                    .filter(|&y| y < s.height)?;
                let x = (ox * s.stride_width + kx)
                    .checked_sub(s.pad_left)
                    .filter(|&x| x < s.width)?;
                Some((tap, (((n * s.height + y) * s.width + x) * s.channels + c) as usize))
            });
            all.push(taps.collect());
        }
    }
    all
}
