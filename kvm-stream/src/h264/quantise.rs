//! Coefficients to levels and back (ITU-T H.264, 8.5.9 to 8.5.12).

use super::transform::{Blocks, hadamard};

/// Where a level's coefficient stands in its block, by place in the scan of frames (table 8-2).
pub(super) const ZIGZAG: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// The largest level: what a code of Baseline profile, whose prefix has at most 15 zeros, can always hold (9.2.2.1).
const LEVEL_MAX: u16 = 2063;

/// How far up a coefficient is rounded. The less, the fewer bits its levels cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// By a third of a step, for what is predicted from the same picture.
    Intra,
    /// By a sixth of a step, for what is predicted from another picture.
    Inter,
}

/// Multiplies and divides by the steps of one quantiser.
#[derive(Debug, Clone)]
pub(super) struct Quantiser {
    /// What coefficients are multiplied by, times 2 to the 16th, by place in the block.
    factors: [u16; 16],
    /// The parts of a step that are added before.
    biases: [u16; 16],
    /// What levels are multiplied by.
    steps: [i16; 16],
    /// Bits that a coefficient's product with its factor is shifted by beyond 16.
    shift: u16,
    /// What is added to the product of a coefficient of a second transform.
    dc_bias: u32,
    least_difference: u32,
}

impl Quantiser {
    /// The coarsest quantiser at which no residual of samples of 8 bits can leave the 16 bits that an inverse
    /// transform may use, however the errors of its coefficients add up.
    pub(super) const MAX: u8 = 40;

    /// The quantiser of a QP, 0 to 51.
    pub(super) fn new(quantiser: u8, rounding: Rounding) -> Self {
        let (octave, remainder) = (quantiser.min(51) / 6, usize::from(quantiser.min(51) % 6));
        let divisor = match rounding {
            Rounding::Intra => 3,
            Rounding::Inter => 6,
        };
        // Both coordinates even, both odd, or one of them.
        let kinds: [usize; 16] = std::array::from_fn(|place| match (place & 1) + (place >> 2 & 1) {
            0 => 0,
            2 => 1,
            _ => 2,
        });
        let factors = kinds.map(|kind| 2 * FACTORS[remainder][kind]);
        let biases = factors.map(|factor| {
            let step = (1_u32 << (16 + octave)) / u32::from(factor);
            u16::try_from((step + divisor / 2) / divisor).expect("a step is below 2 to the 11th")
        });
        let steps = kinds.map(|kind| STEPS[remainder][kind] << octave);
        // How large a coefficient must be for a level, and how much of it the same difference makes at most in one
        // sample.
        let least = |place: usize, most_per_sample: u32| {
            let one = (1_u32 << (16 + octave)).div_ceil(u32::from(factors[place]));
            (one - u32::from(biases[place])).div_ceil(most_per_sample)
        };
        let least_difference = least(0, 1).min(least(1, 2)).min(least(5, 4));
        let dc_bias = (1 << (16 + octave)) / divisor;
        Self { factors, biases, steps, shift: u16::from(octave), dc_bias, least_difference }
    }

    /// The least sum of absolute differences at which a block can have a level.
    #[inline(always)]
    pub(super) fn least_difference(&self) -> u32 {
        self.least_difference
    }

    /// The quantiser of chroma that goes with one of luma, with no offset (table 8-15).
    pub(super) fn chroma_of(luma: u8) -> u8 {
        const FROM_30: [u8; 22] =
            [29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39];
        if luma < 30 { luma } else { FROM_30[usize::from(luma.min(51) - 30)] }
    }

    /// The levels of coefficients, from the given place in the scan on; what is before is zero.
    #[inline(always)]
    pub(super) fn quantise<const LANES: usize>(
        &self,
        coefficients: &Blocks<LANES>,
        first: usize,
        levels: &mut Levels<LANES>,
    ) {
        levels.nonzero = [0; LANES];
        levels.values[..first].fill([0; LANES]);
        for index in first..16 {
            let coefficients = &coefficients[ZIGZAG[index]];
            let (factor, bias) = (self.factors[ZIGZAG[index]], self.biases[ZIGZAG[index]]);
            let lanes = levels.values[index].iter_mut().zip(&mut levels.nonzero);
            for ((out, nonzero), coefficient) in lanes.zip(coefficients) {
                let level = level(*coefficient, factor, bias, self.shift);
                *out = level;
                *nonzero |= if level == 0 { 0 } else { 1 << index };
            }
        }
    }

    /// The coefficients of levels (8.5.12.1).
    #[inline(always)]
    pub(super) fn scale<const LANES: usize>(&self, levels: &Levels<LANES>) -> Blocks<LANES> {
        let mut coefficients = [[0; LANES]; 16];
        for (levels, place) in levels.values.iter().zip(ZIGZAG) {
            let step = self.steps[place];
            for (coefficient, level) in coefficients[place].iter_mut().zip(levels) {
                *coefficient = level.wrapping_mul(step);
            }
        }
        coefficients
    }

    /// The levels of one block's coefficients; both are by place in the block, or both by place in its transpose.
    #[inline(always)]
    pub(super) fn quantise_block(&self, coefficients: &[i16; 16]) -> [i16; 16] {
        // The numbers of a place are those of its mirror image.
        let mut levels = [0; 16];
        for place in 0..16 {
            levels[place] = level(coefficients[place], self.factors[place], self.biases[place], self.shift);
        }
        levels
    }

    /// The coefficients of one block's levels; both are by place in the block, or both by place in its transpose.
    #[inline(always)]
    pub(super) fn scale_block(&self, levels: &[i16; 16]) -> [i16; 16] {
        let mut coefficients = [0; 16];
        for place in 0..16 {
            coefficients[place] = levels[place].wrapping_mul(self.steps[place]);
        }
        coefficients
    }

    /// The levels, in the order of the scan, of the sixteen DC coefficients of I16x16 by rows of blocks.
    #[inline(always)]
    pub(super) fn quantise_luma_dc(&self, coefficients: &[i16; 16]) -> [i16; 16] {
        let mut matrix = [0; 16];
        for (out, coefficient) in matrix.iter_mut().zip(coefficients) {
            *out = i32::from(*coefficient);
        }
        let transformed = hadamard(matrix);
        let mut levels = [0; 16];
        for (level, place) in levels.iter_mut().zip(ZIGZAG) {
            *level = self.quantise_dc(transformed[place] / 2);
        }
        levels
    }

    /// The DC coefficients, by rows of blocks, of levels in the order of the scan (8.5.10).
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "within 16 bits up to the coarsest quantiser")]
    pub(super) fn scale_luma_dc(&self, levels: &[i16; 16]) -> [i16; 16] {
        let mut matrix = [0; 16];
        for (level, place) in levels.iter().zip(ZIGZAG) {
            matrix[place] = i32::from(*level);
        }
        // The standard's scale is sixteen times this step, which its shifts take back.
        let mut coefficients = [0; 16];
        for (coefficient, value) in coefficients.iter_mut().zip(hadamard(matrix)) {
            *coefficient = ((value * i32::from(self.steps[0]) + 2) >> 2) as i16;
        }
        coefficients
    }

    /// The levels of the four DC coefficients of a chroma plane, by rows of blocks.
    #[inline(always)]
    pub(super) fn quantise_chroma_dc(&self, coefficients: [i32; 4]) -> [i16; 4] {
        let [a, b, c, d] = hadamard_2x2(coefficients);
        [self.quantise_dc(a), self.quantise_dc(b), self.quantise_dc(c), self.quantise_dc(d)]
    }

    /// The DC coefficients of a chroma plane's levels (8.5.11).
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "within 16 bits up to the coarsest quantiser")]
    pub(super) fn scale_chroma_dc(&self, levels: [i16; 4]) -> [i16; 4] {
        let [a, b, c, d] = levels;
        let transformed = hadamard_2x2([i32::from(a), i32::from(b), i32::from(c), i32::from(d)]);
        let mut coefficients = [0; 4];
        for (coefficient, value) in coefficients.iter_mut().zip(transformed) {
            *coefficient = ((value * i32::from(self.steps[0])) >> 1) as i16;
        }
        coefficients
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the largest level is below"
    )]
    fn quantise_dc(&self, value: i32) -> i16 {
        let product = value.unsigned_abs() * (u32::from(self.factors[0]) / 2) + self.dc_bias;
        let level = (product >> (16 + self.shift)).min(u32::from(LEVEL_MAX)) as i32;
        (if value < 0 { -level } else { level }) as i16
    }
}

/// Levels of blocks, in lanes.
#[derive(Debug, Clone)]
pub(super) struct Levels<const LANES: usize> {
    /// By place in the scan, then by block. What a block has here is its levels if any of them is not zero.
    values: Blocks<LANES>,
    /// By block which of its levels are not zero, the first of the scan in the lowest bit.
    pub(super) nonzero: [u16; LANES],
}

impl<const LANES: usize> Levels<LANES> {
    pub(super) const ZERO: Self = Self { values: [[0; LANES]; 16], nonzero: [0; LANES] };

    /// The levels of one block, in the order of the scan.
    #[inline]
    pub(super) fn block(&self, lane: usize) -> [i16; 16] {
        if self.nonzero[lane] == 0 {
            return [0; 16];
        }
        let mut levels = [0; 16];
        for (level, values) in levels.iter_mut().zip(&self.values) {
            *level = values[lane];
        }
        levels
    }

    /// Whether all levels are zero.
    #[inline(always)]
    pub(super) fn are_zero(&self) -> bool {
        self.nonzero.iter().fold(0, |all, nonzero| all | nonzero) == 0
    }

    /// Makes all levels zero.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.nonzero = [0; LANES];
    }

    /// Sets the levels of one block, in the order of the scan.
    #[inline(always)]
    pub(super) fn set_block(&mut self, lane: usize, levels: &[i16; 16]) {
        let mut nonzero = 0;
        for (index, (values, level)) in self.values.iter_mut().zip(levels).enumerate() {
            values[lane] = *level;
            nonzero |= u16::from(*level != 0) << index;
        }
        self.nonzero[lane] = nonzero;
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "the largest level is below")]
fn level(coefficient: i16, factor: u16, bias: u16, shift: u16) -> i16 {
    let magnitude = coefficient.unsigned_abs() + bias;
    let product = (u32::from(magnitude) * u32::from(factor)) >> 16;
    let level = (product as u16 >> (shift & 15)).min(LEVEL_MAX) as i16;
    let sign = coefficient >> 15;
    (level ^ sign) - sign
}

#[inline(always)]
fn hadamard_2x2([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]
}

/// What coefficients are multiplied by, times 2 to the 15th, by QP modulo 6: at places of even coordinates, of odd
/// ones, and the others. With [`STEPS`] and the transforms' own factors the product is one.
const FACTORS: [[u16; 3]; 6] = [
    [13107, 5243, 8066],
    [11916, 4660, 7490],
    [10082, 4194, 6554],
    [9362, 3647, 5825],
    [8192, 3355, 5243],
    [7282, 2893, 4559],
];

/// The steps (8.5.9, `v`), at the same places.
const STEPS: [[i16; 3]; 6] =
    [[10, 16, 13], [11, 18, 14], [13, 20, 16], [14, 23, 18], [16, 25, 20], [18, 29, 23]];
