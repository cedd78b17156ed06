//! All quantisers that are in use, and what a bit is worth at each.

use super::quantise::{Quantiser, Rounding};

/// Quantisers by their number.
#[derive(Debug)]
pub(super) struct Quantisers {
    intra: Vec<Quantiser>,
    inter: Vec<Quantiser>,
}

impl Quantisers {
    pub(super) fn new() -> Self {
        let all = |rounding| (0..=Quantiser::MAX).map(|number| Quantiser::new(number, rounding)).collect();
        Self { intra: all(Rounding::Intra), inter: all(Rounding::Inter) }
    }

    /// The quantisers of luma and chroma, for what is predicted from the same picture or from another.
    pub(super) fn of(&self, number: u8, is_intra: bool) -> [&Quantiser; 2] {
        let list = if is_intra { &self.intra } else { &self.inter };
        let number = number.min(Quantiser::MAX);
        [number, Quantiser::chroma_of(number)].map(|number| &list[usize::from(number)])
    }
}

/// What a bit is worth in squared errors, times 16: 0.85 times 2 to the power of (QP - 12) / 3, the usual balance.
pub(super) fn squared_worth_x16(quantiser: u8) -> u64 {
    let third = i32::from(quantiser) - 12;
    let [whole, rest] = [third.div_euclid(3), third.rem_euclid(3)];
    // 16 × 0.85 × 2^(rest / 3), times 16 once more for what is shifted to the right below.
    let base = [218_u64, 274, 345][usize::try_from(rest).unwrap_or(0)];
    if whole >= 0 { (base << whole) >> 4 } else { (base >> -whole) >> 4 }
}

/// What a bit is worth in absolute differences: the root of what it is worth in squared ones, at least one.
pub(super) fn absolute_worth(quantiser: u8) -> u32 {
    u32::try_from((squared_worth_x16(quantiser) / 16).isqrt()).unwrap_or(u32::MAX).max(1)
}
