//! A single 4×4 block of luma, for those that are predicted from each other.

use super::quantise::{Quantiser, ZIGZAG};
use super::transform::{forward_four, inverse_four};

/// Codes a block: its levels in the order of the scan and what a decoder shows. `None` if no level is left, and a
/// decoder shows the prediction.
///
/// The rows are lanes here. Transforms of columns are the same arithmetic on all four lanes, those of rows are made
/// on the transposed block; so coefficients and levels are transposed as well.
#[inline(always)]
pub(super) fn code_block(
    source: &[u8; 16],
    prediction: &[u8; 16],
    quantiser: &Quantiser,
) -> Option<([i16; 16], [u8; 16])> {
    let mut block = [0; 16];
    for index in 0..16 {
        block[index] = i16::from(source[index]) - i16::from(prediction[index]);
    }
    columns(&mut block, forward_four);
    block = transposed(&block);
    columns(&mut block, forward_four);
    let levels = quantiser.quantise_block(&block);
    if levels.iter().fold(0, |all, level| all | level) == 0 {
        return None;
    }
    let mut block = quantiser.scale_block(&levels);
    columns(&mut block, inverse_four);
    block = transposed(&block);
    columns(&mut block, inverse_four);
    let mut scanned = [0; 16];
    for (level, place) in scanned.iter_mut().zip(TRANSPOSED_ZIGZAG) {
        *level = levels[place];
    }
    Some((scanned, shown(prediction, &block)))
}

/// Adds residuals times 64 to a prediction (8.5.12.2, 8.5.14).
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "clipped before")]
fn shown(prediction: &[u8; 16], residuals: &[i16; 16]) -> [u8; 16] {
    let mut shown = [0; 16];
    for index in 0..16 {
        let residual = residuals[index].wrapping_add(32) >> 6;
        shown[index] = (i16::from(prediction[index]) + residual).clamp(0, 255) as u8;
    }
    shown
}

#[inline(always)]
fn columns(block: &mut [i16; 16], transform: impl Fn([i16; 4]) -> [i16; 4]) {
    for x in 0..4 {
        let transformed = transform([block[x], block[4 + x], block[8 + x], block[12 + x]]);
        for (y, value) in transformed.into_iter().enumerate() {
            block[4 * y + x] = value;
        }
    }
}

#[inline(always)]
fn transposed(block: &[i16; 16]) -> [i16; 16] {
    let mut transposed = [0; 16];
    for y in 0..4 {
        for x in 0..4 {
            transposed[4 * y + x] = block[4 * x + y];
        }
    }
    transposed
}

/// Where a level's coefficient stands in the transposed block, by place in the scan.
const TRANSPOSED_ZIGZAG: [usize; 16] = {
    let mut places = ZIGZAG;
    let mut index = 0;
    while index < 16 {
        places[index] = ZIGZAG[index] % 4 * 4 + ZIGZAG[index] / 4;
        index += 1;
    }
    places
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::intra4x4::block_of;
    use super::super::quantise::{Levels, Rounding};
    use super::super::residual::code_luma;
    use super::*;
    use crate::h264::cases::samples;

    proptest! {
        #[test]
        fn a_block_is_coded_as_within_its_macroblock(
            source in samples(),
            prediction in samples(),
            quantiser in 0..=Quantiser::MAX,
        ) {
            let quantiser = Quantiser::new(quantiser, Rounding::Intra);
            let (mut shown, mut levels) = (prediction.luma, Levels::ZERO);
            code_luma(&source.luma, &mut shown, &quantiser, &mut levels);
            for lane in 0..16 {
                let (x, y) = (lane & 3, lane >> 2);
                let [source, predicted, shown] =
                    [&source.luma, &prediction.luma, &shown].map(|luma| block_of(luma, x, y));
                let got = code_block(&source, &predicted, &quantiser).unwrap_or(([0; 16], predicted));
                prop_assert_eq!(got, (levels.block(lane), shown));
            }
        }
    }
}
