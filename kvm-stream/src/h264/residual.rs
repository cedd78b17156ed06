//! What a macroblock's prediction lacks: transformed, quantised, and added to it again as a decoder will.

use super::quantise::{Levels, Quantiser};
use super::transform::{
    Blocks, Chroma, Luma, Samples, add_clipped, chroma_words, difference, forward, into_lanes, inverse,
    luma_words, put_chroma_words, put_luma_words,
};
use crate::simd::Kernel;

/// The levels of a macroblock. Lanes are blocks by rows, as in [`transform`](super::transform).
#[derive(Debug, Clone)]
pub(super) struct Residual {
    /// In I16x16 without the first of each block.
    pub(super) luma: Levels<16>,
    /// In I16x16 the first of each block, transformed once more, in the order of the scan.
    pub(super) luma_dc: [i16; 16],
    /// Without the first of each block; four blocks of Cb, then four of Cr.
    pub(super) chroma: Levels<8>,
    /// The first of each block, transformed once more; Cb, then Cr.
    pub(super) chroma_dc: [[i16; 4]; 2],
}

impl Residual {
    pub(super) const ZERO: Self =
        Self { luma: Levels::ZERO, luma_dc: [0; 16], chroma: Levels::ZERO, chroma_dc: [[0; 4]; 2] };

    /// Which quarters of luma have levels, in the lowest four bits, and in the next two what of chroma has any:
    /// nothing, DC alone, or AC (7.4.5, `coded_block_pattern`).
    pub(super) fn coded_block_pattern(&self) -> u8 {
        let nonzero = &self.luma.nonzero;
        let quarter =
            |first: usize| nonzero[first] | nonzero[first + 1] | nonzero[first + 4] | nonzero[first + 5] != 0;
        let luma = [0, 2, 8, 10].map(quarter);
        let bits = luma.iter().rev().fold(0, |bits, is_coded| bits << 1 | u8::from(*is_coded));
        bits | self.chroma_pattern() << 4
    }

    /// What of chroma has levels: 0 for nothing, 1 for DC alone, 2 for AC.
    pub(super) fn chroma_pattern(&self) -> u8 {
        if !self.chroma.are_zero() {
            2
        } else {
            u8::from(self.chroma_dc.as_flattened().iter().any(|level| *level != 0))
        }
    }
}

/// Codes a macroblock whose luma blocks are whole (all but I16x16): `samples` come as the prediction and go as what
/// a decoder shows.
#[derive(Debug)]
pub(super) struct CodeResidual<'a> {
    pub(super) source: &'a Samples,
    pub(super) samples: &'a mut Samples,
    pub(super) luma: &'a Quantiser,
    pub(super) chroma: &'a Quantiser,
    pub(super) residual: &'a mut Residual,
}

impl Kernel for CodeResidual<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        code_luma(&self.source.luma, &mut self.samples.luma, self.luma, &mut self.residual.luma);
        code_chroma(&self.source.chroma, &mut self.samples.chroma, self.chroma, self.residual);
    }
}

/// Codes luma of blocks that are whole.
#[inline(always)]
pub(super) fn code_luma(source: &Luma, samples: &mut Luma, quantiser: &Quantiser, levels: &mut Levels<16>) {
    if source == samples {
        levels.clear();
        return;
    }
    let prediction = into_lanes(&luma_words(samples));
    let mut blocks = difference(&into_lanes(&luma_words(source)), &prediction);
    if largest_difference(&blocks) < quantiser.least_difference() {
        levels.clear();
        return;
    }
    forward(&mut blocks);
    quantiser.quantise(&blocks, 0, levels);
    if levels.are_zero() {
        return;
    }
    let mut blocks = quantiser.scale(levels);
    inverse(&mut blocks);
    put_luma_words(&add_clipped(&prediction, &blocks), samples);
}

/// The largest of the blocks' sums of absolute differences.
#[inline(always)]
fn largest_difference(blocks: &Blocks<16>) -> u32 {
    let mut sums = [0_u16; 16];
    for differences in blocks {
        for (sum, difference) in sums.iter_mut().zip(differences) {
            *sum += difference.unsigned_abs();
        }
    }
    let mut largest = 0;
    for sum in sums {
        largest = largest.max(sum);
    }
    u32::from(largest)
}

/// Codes luma of I16x16, whose DC coefficients are transformed once more.
#[inline(always)]
pub(super) fn code_luma_with_dc(
    source: &Luma,
    samples: &mut Luma,
    quantiser: &Quantiser,
    residual: &mut Residual,
) {
    if source == samples {
        residual.luma.clear();
        residual.luma_dc = [0; 16];
        return;
    }
    let prediction = into_lanes(&luma_words(samples));
    let mut blocks = difference(&into_lanes(&luma_words(source)), &prediction);
    forward(&mut blocks);
    residual.luma_dc = quantiser.quantise_luma_dc(&blocks[0]);
    quantiser.quantise(&blocks, 1, &mut residual.luma);
    let mut blocks = quantiser.scale(&residual.luma);
    blocks[0] = quantiser.scale_luma_dc(&residual.luma_dc);
    inverse(&mut blocks);
    put_luma_words(&add_clipped(&prediction, &blocks), samples);
}

/// Codes both planes of chroma.
#[inline(always)]
pub(super) fn code_chroma(
    source: &[Chroma; 2],
    samples: &mut [Chroma; 2],
    quantiser: &Quantiser,
    residual: &mut Residual,
) {
    if source == samples {
        residual.chroma.clear();
        residual.chroma_dc = [[0; 4]; 2];
        return;
    }
    let prediction = into_lanes(&chroma_words(samples));
    let mut blocks = difference(&into_lanes(&chroma_words(source)), &prediction);
    forward(&mut blocks);
    for (levels, dc) in residual.chroma_dc.iter_mut().zip(blocks[0].chunks_exact(4)) {
        let [a, b, c, d] = [dc[0], dc[1], dc[2], dc[3]];
        *levels = quantiser.quantise_chroma_dc([i32::from(a), i32::from(b), i32::from(c), i32::from(d)]);
    }
    quantiser.quantise(&blocks, 1, &mut residual.chroma);
    if residual.chroma_pattern() == 0 {
        return;
    }
    let mut blocks = quantiser.scale(&residual.chroma);
    for (dc, levels) in blocks[0].chunks_exact_mut(4).zip(residual.chroma_dc) {
        dc.copy_from_slice(&quantiser.scale_chroma_dc(levels));
    }
    inverse(&mut blocks);
    put_chroma_words(&add_clipped(&prediction, &blocks), samples);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quantise::{Rounding, ZIGZAG};
    use super::*;
    use crate::h264::cases::samples;
    use crate::simd::Instructions;

    /// The residual of one 4×4 block as 8.5.12 writes it; of what is there the first coefficient may be scaled
    /// already.
    fn residual_of(levels: &[i16; 16], scaled_dc: Option<i32>, quantiser: u8) -> [[i32; 4]; 4] {
        const ADJUST: [[i32; 3]; 6] =
            [[10, 16, 13], [11, 18, 14], [13, 20, 16], [14, 23, 18], [16, 25, 20], [18, 29, 23]];
        let qp = i32::from(quantiser);
        let mut d = [[0; 4]; 4];
        for (place, level) in ZIGZAG.into_iter().zip(levels) {
            let (i, j) = (place / 4, place % 4);
            let v = ADJUST[usize::from(quantiser % 6)];
            let adjust = if i % 2 == 0 && j % 2 == 0 {
                v[0]
            } else if i % 2 == 1 && j % 2 == 1 {
                v[1]
            } else {
                v[2]
            };
            let scale = 16 * adjust;
            d[i][j] = if qp >= 24 {
                (i32::from(*level) * scale) << (qp / 6 - 4)
            } else {
                (i32::from(*level) * scale + (1 << (3 - qp / 6))) >> (4 - qp / 6)
            };
        }
        if let Some(dc) = scaled_dc {
            d[0][0] = dc;
        }
        let step = |[a, b, c, d]: [i32; 4]| {
            let (e0, e1, e2, e3) = (a + c, a - c, (b >> 1) - d, b + (d >> 1));
            [e0 + e3, e1 + e2, e1 - e2, e0 - e3]
        };
        let f = d.map(step);
        let mut r = [[0; 4]; 4];
        for j in 0..4 {
            let column = step([f[0][j], f[1][j], f[2][j], f[3][j]]);
            for i in 0..4 {
                r[i][j] = (column[i] + 32) >> 6;
            }
        }
        r
    }

    /// 8.5.10.
    fn luma_dc(levels: &[i16; 16], quantiser: u8) -> [i32; 16] {
        const M: [[i32; 4]; 4] = [[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]];
        let mut c = [0; 16];
        for (place, level) in ZIGZAG.into_iter().zip(levels) {
            c[place] = i32::from(*level);
        }
        let scale = 16 * [10, 11, 13, 14, 16, 18][usize::from(quantiser % 6)];
        let qp = i32::from(quantiser);
        std::array::from_fn(|place| {
            let mut f = 0;
            for y in 0..4 {
                for x in 0..4 {
                    f += M[place / 4][y] * c[4 * y + x] * M[x][place % 4];
                }
            }
            if qp >= 36 {
                (f * scale) << (qp / 6 - 6)
            } else {
                (f * scale + (1 << (5 - qp / 6))) >> (6 - qp / 6)
            }
        })
    }

    /// 8.5.11.
    fn chroma_dc([a, b, c, d]: [i16; 4], quantiser: u8) -> [i32; 4] {
        let [a, b, c, d] = [a, b, c, d].map(i32::from);
        let scale = 16 * [10, 11, 13, 14, 16, 18][usize::from(quantiser % 6)];
        [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]
            .map(|f| ((f * scale) << (quantiser / 6)) >> 5)
    }

    fn add(prediction: &[u8], stride: usize, at: (usize, usize), residual: [[i32; 4]; 4]) -> [[u8; 4]; 4] {
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let predicted = i32::from(prediction[(at.1 + y) * stride + at.0 + x]);
                u8::try_from((predicted + residual[y][x]).clamp(0, 255)).unwrap()
            })
        })
    }

    fn check_luma(prediction: &Luma, shown: &Luma, residual: &Residual, has_dc: bool, quantiser: u8) {
        let dc = luma_dc(&residual.luma_dc, quantiser);
        for (lane, dc) in dc.into_iter().enumerate() {
            let (x, y) = (lane % 4 * 4, lane / 4 * 4);
            let levels = residual.luma.block(lane);
            let wanted = residual_of(&levels, has_dc.then_some(dc), quantiser);
            let wanted = add(prediction.as_flattened(), 16, (x, y), wanted);
            for row in 0..4 {
                assert_eq!(shown[y + row][x..x + 4], wanted[row]);
            }
            check_marks(&levels, residual.luma.nonzero[lane]);
        }
    }

    fn check_chroma(prediction: &[Chroma; 2], shown: &[Chroma; 2], residual: &Residual, quantiser: u8) {
        let is_coded = residual.chroma_pattern() != 0;
        for lane in 0..8 {
            let (plane, block) = (lane / 4, lane % 4);
            let dc = chroma_dc(residual.chroma_dc[plane], quantiser);
            let (x, y) = (block % 2 * 4, block / 2 * 4);
            let levels = residual.chroma.block(lane);
            let wanted = residual_of(&levels, Some(dc[block]), quantiser);
            let wanted = add(prediction[plane].as_flattened(), 8, (x, y), wanted);
            for row in 0..4 {
                assert_eq!(shown[plane][y + row][x..x + 4], wanted[row]);
            }
            check_marks(&levels, residual.chroma.nonzero[lane]);
            assert!(is_coded || levels == [0; 16]);
        }
    }

    fn check_marks(levels: &[i16; 16], nonzero: u16) {
        for (index, level) in levels.iter().enumerate() {
            assert_eq!(nonzero >> index & 1 == 1, *level != 0);
            assert!(level.unsigned_abs() <= 2063);
        }
    }

    fn largest_error(a: &[u8], b: &[u8]) -> u8 {
        a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn what_is_shown_is_what_the_standard_decodes(
            source in samples(),
            prediction in samples(),
            near in any::<bool>(),
            quantiser in 0..=Quantiser::MAX,
            is_intra in any::<bool>(),
        ) {
            let mut prediction = prediction;
            if near {
                let shift = |sample: &u8, by: &u8| sample.saturating_add(by % 16);
                for (out, source) in prediction.luma.as_flattened_mut().iter_mut().zip(source.luma.as_flattened()) {
                    *out = shift(source, out);
                }
            }
            let rounding = if is_intra { Rounding::Intra } else { Rounding::Inter };
            let chroma_quantiser = Quantiser::chroma_of(quantiser);
            let (luma, chroma) = (Quantiser::new(quantiser, rounding), Quantiser::new(chroma_quantiser, rounding));
            let mut all = Vec::new();
            for instructions in [Instructions::BASELINE, Instructions::detected()] {
                let (mut samples, mut residual) = (prediction.clone(), Residual::ZERO);
                instructions.run(CodeResidual {
                    source: &source,
                    samples: &mut samples,
                    luma: &luma,
                    chroma: &chroma,
                    residual: &mut residual,
                });
                check_luma(&prediction.luma, &samples.luma, &residual, false, quantiser);
                check_chroma(&prediction.chroma, &samples.chroma, &residual, chroma_quantiser);
                if quantiser == 0 {
                    prop_assert!(largest_error(source.luma.as_flattened(), samples.luma.as_flattened()) <= 2);
                }
                let levels: Vec<_> = (0..16).map(|lane| residual.luma.block(lane)).collect();
                all.push((samples, levels, residual.coded_block_pattern()));
            }
            prop_assert_eq!(&all[0], &all[1]);
            let (mut samples, mut residual) = (prediction.clone(), Residual::ZERO);
            code_luma_with_dc(&source.luma, &mut samples.luma, &luma, &mut residual);
            check_luma(&prediction.luma, &samples.luma, &residual, true, quantiser);
            // Below 12 a level can be too large for its code.
            if quantiser == 12 {
                prop_assert!(largest_error(source.luma.as_flattened(), samples.luma.as_flattened()) <= 14);
            }
        }
    }

    #[test]
    fn patterns_name_quarters_and_chroma() {
        let mut residual = Residual::ZERO;
        assert_eq!(residual.coded_block_pattern(), 0);
        for (lane, bit) in [(0, 1), (2, 2), (7, 2), (9, 4), (15, 8)] {
            residual.luma.clear();
            residual.luma.nonzero[lane] = 4;
            assert_eq!(residual.coded_block_pattern(), bit);
        }
        residual.luma.clear();
        residual.chroma_dc[1][2] = -1;
        assert_eq!(residual.coded_block_pattern(), 16);
        residual.chroma.nonzero[7] = 2;
        assert_eq!(residual.coded_block_pattern(), 32);
    }
}
