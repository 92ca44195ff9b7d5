//! Batches out of a data set that stays in memory as bytes: row `indices[i]` becomes row i of the batch.

/// `out[i][j] = data[indices[i]][j] * scale + offset` (product rounded, then added); rows of `row` values.
pub fn gather_bytes(data: &[u8], indices: &[u32], row: usize, scale: f32, offset: f32, out: &mut [f32]) {
    assert_eq!(out.len(), indices.len() * row);
    for (&index, target) in indices.iter().zip(out.chunks_exact_mut(row)) {
        for (value, &byte) in target.iter_mut().zip(&data[index as usize * row..][..row]) {
            *value = f32::from(byte) * scale + offset;
        }
    }
}

/// `out[i][j] = data[indices[i]][j]`; rows of `row` values.
pub fn gather_reals(data: &[f32], indices: &[u32], row: usize, out: &mut [f32]) {
    assert_eq!(out.len(), indices.len() * row);
    for (&index, target) in indices.iter().zip(out.chunks_exact_mut(row)) {
        target.copy_from_slice(&data[index as usize * row..][..row]);
    }
}

/// `out[i] = labels[indices[i]]`.
pub fn gather_labels(labels: &[u8], indices: &[u32], out: &mut [u8]) {
    assert_eq!(out.len(), indices.len());
    for (&index, label) in indices.iter().zip(out) {
        *label = labels[index as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_the_indices() {
        let data: Vec<u8> = (0..20).map(|i| i * 12).collect();
        let mut out = [0.0; 10];
        gather_bytes(&data, &[3, 0], 5, 1.0 / 255.0, -0.5, &mut out);
        for (i, value) in out.iter().enumerate() {
            let byte = data[if i < 5 { 15 + i } else { i - 5 }];
            assert_eq!(*value, f32::from(byte) * (1.0 / 255.0) - 0.5);
        }
        let reals: Vec<f32> = (0..9).map(|i| i as f32).collect();
        let mut out = [0.0; 9];
        gather_reals(&reals, &[2, 2, 1], 3, &mut out);
        assert_eq!(out, [6.0, 7.0, 8.0, 6.0, 7.0, 8.0, 3.0, 4.0, 5.0]);
        let mut labels = [0; 3];
        gather_labels(&[7, 8, 9], &[2, 0, 2], &mut labels);
        assert_eq!(labels, [9, 7, 9]);
    }
}
