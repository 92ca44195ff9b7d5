//! The maps: their names, numbers and parameters. `npm run generate` reads the two lists and writes
//! `ts/quantizers/map-numbers.ts`, so that both languages have them by the same names.

use super::sampled::{Table, Tables};

/// Defines a kind of maps: after its number in the boundary a map has its name, and its parameters in their order. The
/// last one is a map of one's own, out of samples. Numbers stay what they are, and one that is free is not given away.
macro_rules! maps {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$map_doc:meta])* $number:literal $map:ident $({
                $($(#[$parameter_doc:meta])* $parameter:ident),+ $(,)?
            })?,)*
        }
        $(#[$table_doc:meta])*
        $table_number:literal Table of $table:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum $name<'a> {
            $(
                $(#[$map_doc])*
                $map $({ $($(#[$parameter_doc])* $parameter: f32),+ })?,
            )*
            $(#[$table_doc])*
            Table(Table<'a>),
        }

        impl<'a> $name<'a> {
            /// The map of this number; `parameters` are those its fields name, in order.
            pub fn from_number(number: u32, parameters: &[f32], tables: Option<Tables<'a>>) -> Option<Self> {
                let mut given = parameters.iter().copied();
                Some(match number {
                    $($number => Self::$map $({ $($parameter: given.next()?),+ })?,)*
                    $table_number => Self::Table(tables?.$table),
                    _ => return None,
                })
            }

            /// The count of the parameters of the map of this number.
            pub fn parameters(number: u32) -> usize {
                let names: &[&str] = match number {
                    $($number => &[$($(stringify!($parameter)),+)?],)*
                    _ => &[],
                };
                names.len()
            }
        }
    };
}

maps! {
    /// A forward map F, or P.
    Forward {
        /// F(x) = x.
        0 Identity,
        /// +1 where x >= 0, -1 elsewhere.
        1 Sign,
        /// L, the proximal map of ProxConnect: sign(x) where |x| >= 1 - rho, elsewhere
        /// sign(x) (varrho + (1 - varrho) |x| / (1 - rho)).
        2 PiecewiseLinear {
            /// Half width of the flat step around +-1; from 1 on, L is the sign.
            rho,
            /// Half height of the jump at 0, in `[0, 1]`.
            varrho,
        },
        /// x clipped to `[-1, 1]`.
        3 HardTanh,
        /// SS(x) = tanh u + u sech^2 u, u = beta x / 2 (BNN+ and BNN++).
        4 SignSwish {
            /// Sharpness.
            beta,
        },
        /// c (2 - |c|) with c = x clipped to `[-1, 1]` (Bi-Real's polynomial).
        5 Poly,
        /// k tanh(t x), k = max(1/t, 1) (IR-Net's error decay estimator).
        6 Ede {
            /// Sharpness.
            t,
        },
        /// tanh(t x).
        7 Tanh {
            /// Sharpness.
            t,
        },
        /// sign(x) (1 + soft(|x| - 1, lambda)), the proximal map of lambda ||x| - 1| (ProxQuant).
        8 ProxQuant {
            /// Strength, from 0.
            lambda,
        },
        /// round(c L) / L with c = x clipped to `[0, 1]`; a half goes to the even level (DoReFa's activations).
        10 UnitLevels {
            /// L, a whole number from 1 to 65535: one less than the levels.
            levels,
        },
        /// 2 round((c/2 + 1/2) L) / L - 1 with c = x clipped to `[-1, 1]` (DoReFa's weights).
        11 SymmetricLevels {
            /// As above.
            levels,
        },
        /// max(x, 0).
        13 Relu,
        /// min(max(x, 0), 6).
        14 Relu6,
        /// 1 / (1 + e^-x).
        15 Sigmoid,
        /// x Phi(x), Phi being the normal distribution.
        16 Gelu,
        /// a where x >= offset, -a elsewhere, a = max(alpha, 1e-5) (BiT's elastic signs).
        17 ElasticSign {
            /// The magnitude of the two values.
            alpha,
            /// The place of the jump.
            offset,
        },
        /// a where x >= offset + a / 2, 0 elsewhere, a as above (BiT's elastic levels of 0 and 1).
        18 ElasticUnit {
            /// The upper value, and the width of the rounded interval.
            alpha,
            /// The lower end of that interval.
            offset,
        },
    }
    /// A map of one's own.
    12 Table of forward
}

maps! {
    /// A backward map B.
    Backward {
        /// 1, straight through.
        0 One,
        /// 1 where |x| <= 1, 0 elsewhere.
        1 Box,
        /// max(0, 2 - 2 |x|).
        2 PolyPrime,
        /// beta sech^2 u (1 - u tanh u), u = beta x / 2.
        3 SignSwishPrime {
            /// Sharpness.
            beta,
        },
        /// k t sech^2(t x), k = max(1/t, 1).
        4 EdePrime {
            /// Sharpness.
            t,
        },
        /// t sech^2(t x).
        5 TanhPrime {
            /// Sharpness.
            t,
        },
        /// max(0, k t (sqrt 2 - t |x|)), k = max(1/t, 1) (RBNN).
        6 RbnnPrime {
            /// Sharpness.
            t,
        },
        /// (1/o) |x|^((1-o)/o) where 0.1 < |x| <= 1.5, 0.1^(1/o) / 0.1 where |x| <= 0.1, 0 beyond (ReSTE).
        7 RestePrime {
            /// The power's denominator, from 1.
            o,
        },
        /// (4 w / pi) sum of cos((2 i + 1) w x) over i = 0..=n, on |x| <= 1, w = 0.1 (FDA).
        8 FdaPrime {
            /// n, of which the whole part counts.
            n,
        },
        /// 1 on `[0, 1]`, 0 elsewhere.
        9 UnitBox,
        /// 1 where |x| <= width, 0 elsewhere.
        10 ClippedBox {
            /// Half the width, from 0.
            width,
        },
        /// 1 where x > 0, 0 elsewhere.
        12 ReluPrime,
        /// 1 where 0 < x <= 6, 0 elsewhere.
        13 Relu6Prime,
        /// e^-x / (1 + e^-x)^2.
        14 SigmoidPrime,
        /// Phi(x) + x phi(x), phi being the density of Phi.
        15 GeluPrime,
        /// 1 on `[offset - a, offset + a]`, 0 elsewhere, a = max(alpha, 1e-5).
        16 ElasticBox {
            /// Half the width.
            alpha,
            /// The middle.
            offset,
        },
        /// 1 on `[offset, offset + a]`, 0 elsewhere.
        17 ElasticUnitBox {
            /// The width.
            alpha,
            /// The lower end.
            offset,
        },
    }
    /// A map of one's own.
    11 Table of backward
}

/// The way back through a quantizer: B(x) = map(P(x)).
#[derive(Clone, Copy, Debug)]
pub struct Slope<'a> {
    /// P.
    pub proximal: Forward<'a>,
    /// Read at P(x).
    pub map: Backward<'a>,
}
