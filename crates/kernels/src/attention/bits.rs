//! Bits of heads in the order that the products over bits read them.
//!
//! A head's features may begin within a byte or a word. They are taken out four at a time: rows as nibbles times 16, which are
//! offsets into a table, and columns as plain nibbles `[panels of 32][groups][32]`, a byte for four terms of a column.

use crate::simd::bytes::Bytes;

/// Columns of a panel.
pub const PANEL: usize = 32;
/// Nibbles of rows that become columns together: those of the widest head, and a multiple of 4.
const BLOCK: usize = 64;

/// Signs of a tensor of tokens, in one of the layouts of `crate::bits`.
#[derive(Clone, Copy, Debug)]
pub enum Signs<'a> {
    /// A byte for four features.
    Nibbles(&'a [u8]),
    /// A `u64` for 64 features.
    Words(&'a [u64]),
}

/// The signs of a head: `count` features from `first` on, of tokens that have `features`.
#[derive(Clone, Copy)]
pub struct HeadSigns<'a> {
    /// Those of all tokens of all images.
    pub signs: Signs<'a>,
    /// The first token of the image.
    pub skip: usize,
    /// Features of a token, all heads together.
    pub features: usize,
    /// The first feature of the head.
    pub first: usize,
    /// Features of the head.
    pub count: usize,
}

impl HeadSigns<'_> {
    /// Four features of a token from number `4 * group` of the head on, the first in the lowest bit; those past the head are 0.
    #[inline(always)]
    fn nibble(&self, token: usize, group: usize) -> u8 {
        let at = self.first + 4 * group;
        let bits = match self.signs {
            Signs::Nibbles(bytes) => {
                let row = &bytes[(self.skip + token) * self.features.div_ceil(4)..][..self.features.div_ceil(4)];
                let low = row[at / 4] >> (4 + at % 4);
                match at % 4 {
                    0 => low,
                    shift => low | row.get(at / 4 + 1).copied().unwrap_or(0) >> 4 << (4 - shift),
                }
            }
            Signs::Words(words) => {
                let row = &words[(self.skip + token) * self.features.div_ceil(64)..][..self.features.div_ceil(64)];
                let low = row[at / 64] >> (at % 64);
                let bits = match at % 64 {
                    0..61 => low,
                    shift => low | row.get(at / 64 + 1).copied().unwrap_or(0) << (64 - shift),
                };
                bits as u8
            }
        };
        bits & (0xf >> (4 - (self.count - 4 * group).min(4)))
    }

    /// Nibbles of a token from number `from` on, each times 16.
    #[inline(never)]
    pub fn row(&self, token: usize, from: usize, out: &mut [u8]) {
        if let (Signs::Nibbles(bytes), 0) = (self.signs, self.first % 4) {
            // A head that begins with a byte: only the last of its nibbles may hold features of the next head.
            let start = (self.skip + token) * self.features.div_ceil(4) + self.first / 4 + from;
            let source = &bytes[start..][..out.len()];
            copy_high(source, out);
            if let (Some(last), rest @ 1..4) =
                (out.last_mut(), self.count.saturating_sub(4 * (from + source.len() - 1)))
            {
                *last &= 0xf0 >> (4 - rest) & 0xf0;
            }
            return;
        }
        for (group, byte) in out.iter_mut().enumerate() {
            *byte = self.nibble(token, from + group) << 4;
        }
    }

    /// Tokens as columns, features as terms: `[ceil(tokens / 32)][ceil(count / 4)][32]`, 0 past the last token.
    #[inline(never)]
    pub fn tokens_as_columns(&self, tokens: usize, out: &mut [u8]) {
        let groups = self.count.div_ceil(4);
        for (panel, columns) in out.chunks_exact_mut(groups * PANEL).enumerate() {
            for half in [0, 16] {
                let first = panel * PANEL + half;
                for (block, columns) in columns.chunks_mut(BLOCK * PANEL).enumerate() {
                    let mut rows = [[0; BLOCK]; 16];
                    let own = columns.len() / PANEL;
                    for (lane, row) in rows.iter_mut().enumerate().take(tokens.saturating_sub(first)) {
                        self.row(first + lane, BLOCK * block, &mut row[..own]);
                    }
                    for (number, four) in columns.chunks_mut(4 * PANEL).enumerate() {
                        let mut quads = [0; 64];
                        for (row, quad) in rows.iter().zip(quads.as_chunks_mut::<4>().0) {
                            *quad = row.as_chunks().0[number];
                        }
                        for (target, bytes) in four.chunks_exact_mut(PANEL).zip(Bytes::separate_quads(&quads)) {
                            // SAFETY: sixteen bytes from `half` on are a half of the 32.
                            unsafe { bytes.shift_down_4().store(target[half..half + 16].as_mut_ptr()) };
                        }
                    }
                }
            }
        }
    }

    /// Features as columns, tokens as terms: `[ceil(count / 32)][ceil(tokens / 4)][32]`, 0 past the last of either.
    #[inline(never)]
    pub fn features_as_columns(&self, tokens: usize, out: &mut [u8]) {
        let groups = tokens.div_ceil(4);
        for (panel, rows) in out.chunks_exact_mut(groups * PANEL).enumerate() {
            let nibbles = (self.count - panel * PANEL).min(PANEL).div_ceil(4);
            for (group, target) in rows.chunks_exact_mut(PANEL).enumerate() {
                target.fill(0);
                let four = self.four(tokens, group, panel, nibbles);
                for (at, lanes) in target[..4 * nibbles].chunks_exact_mut(4).enumerate() {
                    lanes.copy_from_slice(&spread(&four, at).to_le_bytes());
                }
            }
        }
    }

    /// Features as rows, tokens as terms: `[count][ceil(tokens / 4)]` nibbles times 16; bits past the last token are 0.
    #[inline(never)]
    pub fn features_as_rows(&self, tokens: usize, out: &mut [u8]) {
        let groups = tokens.div_ceil(4);
        for (panel, rows) in out[..self.count * groups].chunks_mut(groups * PANEL).enumerate() {
            let nibbles = (rows.len() / groups).div_ceil(4);
            for group in 0..groups {
                let four = self.four(tokens, group, panel, nibbles);
                for (at, rows) in rows.chunks_mut(4 * groups).enumerate() {
                    let bytes = (spread(&four, at) << 4).to_le_bytes();
                    for (row, byte) in rows.chunks_exact_mut(groups).zip(bytes) {
                        row[group] = byte;
                    }
                }
            }
        }
    }

    /// Nibbles times 16 of the features of a panel, of the four tokens of a group.
    #[inline(always)]
    fn four(&self, tokens: usize, group: usize, panel: usize, nibbles: usize) -> [[u8; PANEL / 4]; 4] {
        let mut four = [[0; PANEL / 4]; 4];
        for (row, token) in four.iter_mut().zip(4 * group..tokens) {
            self.row(token, panel * PANEL / 4, &mut row[..nibbles]);
        }
        four
    }

    /// Features as panels `f32 [ceil(count / 8)][tokens][8]` of +-1 for the real product; anything past the last feature.
    #[inline(never)]
    pub fn features_as_reals(&self, tokens: usize, out: &mut [f32]) {
        for (panel, rows) in out.chunks_exact_mut(tokens * 8).enumerate() {
            let nibbles = (self.count - 8 * panel).min(8).div_ceil(4);
            for (token, target) in rows.chunks_exact_mut(8).enumerate() {
                let mut bits = [0; 2];
                self.row(token, 2 * panel, &mut bits[..nibbles]);
                for (bits, four) in bits.iter().zip(target.as_chunks_mut().0) {
                    *four = REALS[usize::from(bits >> 4)];
                }
            }
        }
    }
}

/// Copies the high halves of bytes, with 0 for the low ones: as one number where they are as many as usual.
#[inline(always)]
fn copy_high(from: &[u8], to: &mut [u8]) {
    fn exactly<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
        match (<&[u8; N]>::try_from(from), <&mut [u8; N]>::try_from(to)) {
            (Ok(source), Ok(target)) => {
                *target = source.map(|byte| byte & 0xf0);
                true
            }
            _ => false,
        }
    }
    if !(exactly::<4>(from, to) || exactly::<8>(from, to) || exactly::<16>(from, to)) {
        for (target, byte) in to.iter_mut().zip(from) {
            *target = byte & 0xf0;
        }
    }
}

/// Nibble `at` of four tokens, as a nibble of tokens in the byte of each of its features.
#[inline(always)]
fn spread(four: &[[u8; PANEL / 4]; 4], at: usize) -> u32 {
    four.iter()
        .rev()
        .fold(0, |bits, row| bits << 1 | SPREAD[usize::from(row[at] >> 4)])
}

/// The signs of a nibble.
pub const REALS: [[f32; 4]; 16] = {
    let mut table = [[-1.0; 4]; 16];
    let mut at = 0;
    while at < 64 {
        if (at / 4) >> (at % 4) & 1 != 0 {
            table[at / 4][at % 4] = 1.0;
        }
        at += 1;
    }
    table
};

/// Bit `i` of a nibble as the lowest bit of byte `i`.
const SPREAD: [u32; 16] = {
    let mut table = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        table[nibble as usize] = nibble & 1 | (nibble >> 1 & 1) << 8 | (nibble >> 2 & 1) << 16 | (nibble >> 3) << 24;
        nibble += 1;
    }
    table
};
