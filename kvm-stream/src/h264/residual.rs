//! What a macroblock's prediction lacks: transformed, quantised, and added to it again as a decoder will.

use super::quantise::{Levels, Quantiser};
use super::transform::{
    Chroma, Luma, Samples, add_clipped, chroma_words, difference, forward, into_lanes, inverse, luma_words,
    put_chroma_words, put_luma_words,
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
    forward(&mut blocks);
    quantiser.quantise(&blocks, 0, levels);
    if levels.are_zero() {
        return;
    }
    let mut blocks = quantiser.scale(levels);
    inverse(&mut blocks);
    put_luma_words(&add_clipped(&prediction, &blocks), samples);
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
    residual.luma_dc = quantiser.quantise_luma_dc(blocks[0].map(i32::from));
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
    let [b0, b1, b2, b3, r0, r1, r2, r3] = blocks[0].map(i32::from);
    residual.chroma_dc = [[b0, b1, b2, b3], [r0, r1, r2, r3]].map(|dc| quantiser.quantise_chroma_dc(dc));
    quantiser.quantise(&blocks, 1, &mut residual.chroma);
    if residual.chroma_pattern() == 0 {
        return;
    }
    let mut blocks = quantiser.scale(&residual.chroma);
    let dc = residual.chroma_dc.map(|levels| quantiser.scale_chroma_dc(levels));
    blocks[0].copy_from_slice(dc.as_flattened());
    inverse(&mut blocks);
    put_chroma_words(&add_clipped(&prediction, &blocks), samples);
}
