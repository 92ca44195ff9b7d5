//! The maps by their numbers, which the boundary and `ts/quantizers/maps.ts` share, and their parameters.

/// Samples of a map: equally spaced, linear in between, constant outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Table<'a> {
    /// Where the first sample stands.
    pub from: f32,
    /// Samples per unit: (count - 1) / (to - from).
    pub density: f32,
    /// At least two.
    pub samples: &'a [f32],
}

/// A forward and a backward map in memory: `[count, from, density, 0]`, then `count` samples of each.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// Of F.
    pub forward: Table<'a>,
    /// Of B.
    pub backward: Table<'a>,
}

/// Floats before the samples of [`Tables`].
pub const TABLE_HEADER: usize = 4;

impl<'a> Tables<'a> {
    /// Floats of a block that begins with this header.
    pub fn floats(header: &[f32; TABLE_HEADER]) -> usize {
        TABLE_HEADER + 2 * header[0] as usize
    }

    /// The two maps of a block, as [`Tables`] says. None where its length is not what its header says, or where there
    /// are fewer than two samples.
    pub fn of_block(block: &'a [f32]) -> Option<Self> {
        let (header, samples) = block.split_first_chunk::<TABLE_HEADER>()?;
        let count = header[0] as usize;
        let [_, from, density, _] = *header;
        (count >= 2 && samples.len() == 2 * count).then(|| {
            let (forward, backward) = samples.split_at(count);
            let table = |samples| Table { from, density, samples };
            Self {
                forward: table(forward),
                backward: table(backward),
            }
        })
    }
}

/// A forward map F (or P), numbered as in the boundary. 9 is not given away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forward<'a> {
    /// 0: F(x) = x.
    Identity,
    /// 1: +1 where x >= 0, -1 elsewhere.
    Sign,
    /// 2: L, the proximal map of ProxConnect: sign(x) where |x| >= 1 - rho, elsewhere
    /// sign(x) (varrho + (1 - varrho) |x| / (1 - rho)).
    PiecewiseLinear {
        /// Half width of the flat step around +-1; from 1 on, L is the sign.
        rho: f32,
        /// Half height of the jump at 0, in `[0, 1]`.
        varrho: f32,
    },
    /// 3: x clipped to `[-1, 1]`.
    HardTanh,
    /// 4: SS(x) = tanh u + u sech^2 u, u = beta x / 2 (BNN+ and BNN++).
    SignSwish {
        /// Sharpness.
        beta: f32,
    },
    /// 5: c (2 - |c|) with c = x clipped to `[-1, 1]` (Bi-Real's polynomial).
    Polynomial,
    /// 6: k tanh(t x), k = max(1/t, 1) (IR-Net's error decay estimator).
    ErrorDecay {
        /// Sharpness.
        t: f32,
    },
    /// 7: tanh(t x).
    Tanh {
        /// Sharpness.
        t: f32,
    },
    /// 8: sign(x) (1 + soft(|x| - 1, lambda)), the proximal map of lambda ||x| - 1| (ProxQuant).
    ProxQuant {
        /// Strength, from 0.
        lambda: f32,
    },
    /// 10: round(c L) / L with c = x clipped to `[0, 1]`; a half goes to the even level (DoReFa's activations).
    UnitLevels {
        /// L, a whole number from 1 to 65535: one less than the levels.
        levels: f32,
    },
    /// 11: 2 round((c/2 + 1/2) L) / L - 1 with c = x clipped to `[-1, 1]` (DoReFa's weights).
    SymmetricLevels {
        /// As above.
        levels: f32,
    },
    /// 12: a map of one's own.
    Table(Table<'a>),
}

/// A backward map B, numbered as in the boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backward<'a> {
    /// 0: 1, straight through.
    One,
    /// 1: 1 where |x| <= 1, 0 elsewhere.
    Box,
    /// 2: max(0, 2 - 2 |x|).
    PolynomialPrime,
    /// 3: beta sech^2 u (1 - u tanh u), u = beta x / 2.
    SignSwishPrime {
        /// Sharpness.
        beta: f32,
    },
    /// 4: k t sech^2(t x), k = max(1/t, 1).
    ErrorDecayPrime {
        /// Sharpness.
        t: f32,
    },
    /// 5: t sech^2(t x).
    TanhPrime {
        /// Sharpness.
        t: f32,
    },
    /// 6: max(0, k t (sqrt 2 - t |x|)), k = max(1/t, 1) (RBNN).
    RotatedPrime {
        /// Sharpness.
        t: f32,
    },
    /// 7: (1/o) |x|^((1-o)/o) where 0.1 < |x| <= 1.5, 0.1^(1/o) / 0.1 where |x| <= 0.1, 0 beyond (ReSTE).
    PowerPrime {
        /// The power's denominator, from 1.
        o: f32,
    },
    /// 8: (4 w / pi) sum of cos((2 i + 1) w x) over i = 0..=n, on |x| <= 1, w = 0.1 (FDA).
    FourierPrime {
        /// n, of which the whole part counts.
        n: f32,
    },
    /// 9: 1 on `[0, 1]`, 0 elsewhere.
    UnitBox,
    /// 10: 1 where |x| <= width, 0 elsewhere.
    ClippedBox {
        /// Half the width, from 0.
        width: f32,
    },
    /// 11: a map of one's own.
    Table(Table<'a>),
}

/// The way back through a quantizer: B(x) = map(P(x)).
#[derive(Clone, Copy, Debug)]
pub struct Slope<'a> {
    /// P.
    pub proximal: Forward<'a>,
    /// Read at P(x).
    pub map: Backward<'a>,
}

impl<'a> Forward<'a> {
    /// The map of this number; `parameters` are those its fields name, in order.
    pub fn from_number(number: u32, parameters: &[f32], tables: Option<Tables<'a>>) -> Option<Self> {
        let parameter = |i: usize| parameters.get(i).copied();
        Some(match number {
            0 => Self::Identity,
            1 => Self::Sign,
            2 => Self::PiecewiseLinear {
                rho: parameter(0)?,
                varrho: parameter(1)?,
            },
            3 => Self::HardTanh,
            4 => Self::SignSwish { beta: parameter(0)? },
            5 => Self::Polynomial,
            6 => Self::ErrorDecay { t: parameter(0)? },
            7 => Self::Tanh { t: parameter(0)? },
            8 => Self::ProxQuant { lambda: parameter(0)? },
            10 => Self::UnitLevels { levels: parameter(0)? },
            11 => Self::SymmetricLevels { levels: parameter(0)? },
            12 => Self::Table(tables?.forward),
            _ => return None,
        })
    }

    /// How many parameters the map of this number has.
    pub fn parameters(number: u32) -> usize {
        match number {
            2 => 2,
            4 | 6 | 7 | 8 | 10 | 11 => 1,
            _ => 0,
        }
    }
}

impl<'a> Backward<'a> {
    /// The map of this number; `parameters` are those its fields name, in order.
    pub fn from_number(number: u32, parameters: &[f32], tables: Option<Tables<'a>>) -> Option<Self> {
        let parameter = || parameters.first().copied();
        Some(match number {
            0 => Self::One,
            1 => Self::Box,
            2 => Self::PolynomialPrime,
            3 => Self::SignSwishPrime { beta: parameter()? },
            4 => Self::ErrorDecayPrime { t: parameter()? },
            5 => Self::TanhPrime { t: parameter()? },
            6 => Self::RotatedPrime { t: parameter()? },
            7 => Self::PowerPrime { o: parameter()? },
            8 => Self::FourierPrime { n: parameter()? },
            9 => Self::UnitBox,
            10 => Self::ClippedBox { width: parameter()? },
            11 => Self::Table(tables?.backward),
            _ => return None,
        })
    }

    /// How many parameters the map of this number has.
    pub fn parameters(number: u32) -> usize {
        usize::from(matches!(number, 3..=8 | 10))
    }
}
