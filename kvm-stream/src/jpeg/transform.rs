//! Samples to quantised coefficients, sixteen blocks at a time.
//!
//! Each of the sixteen blocks has one lane in arrays of sixteen numbers, so that the whole transform is the same
//! arithmetic on all lanes and no number ever has to move from one lane to another but once, when bytes are brought
//! into lanes.

use super::tables::ZIGZAG;
use crate::ycc_rows::times;

/// Blocks that go through the transform together.
pub(super) const LANES: usize = 16;

/// Bytes of a row of samples of that many blocks.
pub(super) const GROUP_BYTES: usize = LANES * 8;

/// One number of each of sixteen blocks.
type Lanes = [i16; LANES];

/// The quantised coefficients of sixteen blocks.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// In the order of the scan.
    pub(super) coefficients: [Lanes; 64],
    /// Which of them are not zero, by lane; sixteen coefficients a word, the first in the lowest bit.
    pub(super) nonzero: [[u16; LANES]; 4],
}

impl Group {
    pub(super) const ZERO: Self = Self { coefficients: [[0; LANES]; 64], nonzero: [[0; LANES]; 4] };

    /// Transforms and quantises what lies in eight rows.
    #[inline(always)]
    pub(super) fn fill(&mut self, rows: [&[u8; GROUP_BYTES]; 8], quantiser: &Quantiser) {
        let mut samples = into_lanes(rows);
        for column in 0..8 {
            pass::<8>(&mut samples, column);
        }
        for row in 0..8 {
            pass::<1>(&mut samples, row * 8);
        }
        for (word, nonzero) in self.nonzero.iter_mut().enumerate() {
            let mut found = [0_u16; LANES];
            for bit in 0..16 {
                let index = word * 16 + bit;
                let transformed = &samples[usize::from(ZIGZAG[index] & 63)];
                let (divisor, quantised) = (&quantiser.divisors[index], &mut self.coefficients[index]);
                for lane in 0..LANES {
                    let value = divisor.divide(lane, transformed[lane]);
                    quantised[lane] = value;
                    found[lane] |= if value == 0 { 0 } else { 1 << bit };
                }
            }
            *nonzero = found;
        }
    }
}

/// Divides coefficients by their steps, rounding to nearest.
#[derive(Debug, Clone)]
pub(super) struct Quantiser {
    /// In the order of the scan.
    divisors: Box<[Divisor; 64]>,
}

/// A division by one step, as a multiplication. The numbers stand there once for each lane, which spares the
/// compiler the thought that they are the same.
#[derive(Debug, Clone, Copy)]
struct Divisor {
    /// Half a step, at the transform's scale.
    bias: [u16; LANES],
    /// Times 2 to the power of 16 and the shift; from 2 to the 15th.
    reciprocal: [u16; LANES],
    shift: u16,
}

impl Quantiser {
    /// A quantiser with these steps, which are given by rows of the block and are at least 1.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        Self { divisors: Box::new(ZIGZAG.map(|place| Divisor::of(steps[usize::from(place)].max(1)))) }
    }
}

impl Divisor {
    fn of(step: u8) -> Self {
        let step = u32::from(step) << SCALE_BITS;
        let shift = (step - 1).ilog2();
        let reciprocal = (1_u32 << (16 + shift)).div_ceil(step);
        Self {
            bias: [u16::try_from(step / 2).expect("below 2 to the 13th"); LANES],
            reciprocal: [u16::try_from(reciprocal).expect("above half of 2 to the 16th"); LANES],
            shift: u16::try_from(shift).expect("at most 12"),
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_wrap, reason = "a quotient is below 2 to the 11th")]
    fn divide(&self, lane: usize, value: i16) -> i16 {
        let magnitude = value.unsigned_abs() + self.bias[lane];
        let product = u32::from(magnitude) * u32::from(self.reciprocal[lane]);
        let quotient = ((product >> 16) as u16 >> (self.shift & 15)) as i16;
        let sign = value >> 15;
        (quotient ^ sign) - sign
    }
}

/// The transform's output is the coefficients (section A.3.3) times 2 to this power.
const SCALE_BITS: u32 = 5;

/// Brings each block's pixels into its lane, as signed numbers with four bits after the point.
#[inline(always)]
fn into_lanes(rows: [&[u8; GROUP_BYTES]; 8]) -> [Lanes; 64] {
    let mut samples = [[0; LANES]; 64];
    for (row, samples) in rows.into_iter().zip(samples.chunks_exact_mut(8)) {
        // A byte's place is its block's number and, in the lowest three bits, its own in the block. A riffle turns
        // the seven bits of the place by one, so that after four of them the number in the block comes first.
        let sorted = riffle(&riffle(&riffle(&riffle(row))));
        for (lanes, bytes) in samples.iter_mut().zip(sorted.chunks_exact(LANES)) {
            for (lane, byte) in lanes.iter_mut().zip(bytes) {
                *lane = (i16::from(*byte) - 128) << 4;
            }
        }
    }
    samples
}

/// Takes bytes from the two halves by turns, as one riffles cards.
#[inline(always)]
fn riffle(row: &[u8; GROUP_BYTES]) -> [u8; GROUP_BYTES] {
    const HALF: usize = GROUP_BYTES / 2;
    let mut riffled = [0; GROUP_BYTES];
    for index in 0..HALF {
        riffled[2 * index] = row[index];
        riffled[2 * index + 1] = row[HALF + index];
    }
    riffled
}

/// Transforms eight numbers of each block that are `STEP` apart.
#[inline(always)]
fn pass<const STEP: usize>(samples: &mut [Lanes; 64], start: usize) {
    let x: [Lanes; 8] = std::array::from_fn(|index| samples[start + index * STEP]);
    let mut y = [[0; LANES]; 8];
    for lane in 0..LANES {
        let transformed = dct([
            x[0][lane], x[1][lane], x[2][lane], x[3][lane], x[4][lane], x[5][lane], x[6][lane], x[7][lane],
        ]);
        for (y, value) in y.iter_mut().zip(transformed) {
            y[lane] = value;
        }
    }
    for (index, y) in y.iter().enumerate() {
        samples[start + index * STEP] = *y;
    }
}

/// The discrete cosine transform of eight numbers, times the square root of 8 and halved.
///
/// Samples of 8 bits come in with 4 bits after the point, so what the first pass gives is below 2 to the 13th and
/// what the second gives at most 2 to the 15th: -32,768 for a block of black. Products lose their fraction, half of
/// the last bit in the mean, which is given back where they are added up.
#[inline(always)]
fn dct(x: [i16; 8]) -> [i16; 8] {
    let (s0, s1, s2, s3) = (x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]);
    let twice = |a: i16, b: i16| (a - b) * 2;
    let (d0, d1, d2, d3) = (twice(x[0], x[7]), twice(x[1], x[6]), twice(x[2], x[5]), twice(x[3], x[4]));
    let (outer, inner) = ((s0 + s3) >> 1, (s1 + s2) >> 1);
    let (e0, e1) = (s0 - s3, s1 - s2);
    let odd = |[a, b, c, d]: [i16; 4]| times(d0, a) + times(d1, b) + times(d2, c) + times(d3, d) + 2;
    [
        outer + inner,
        odd([C1, C3, C5, C7]),
        (e0 >> 1) + times(e0, C2_LESS_HALF) + times(e1, C6) + 1,
        odd([C3, -C7, -C1, -C5]),
        outer - inner,
        odd([C5, -C1, C7, C3]),
        times(e0, C6) - times(e1, C2_LESS_HALF) - (e1 >> 1),
        odd([C7, -C5, C3, -C1]),
    ]
}

// cos(kπ/16) / √2: times 2 to the 15th for what is doubled, the two of the even half times 2 to the 16th.
const C1: i16 = 22_725;
const C3: i16 = 19_266;
const C5: i16 = 12_873;
const C7: i16 = 4_520;
const C2_LESS_HALF: i16 = 10_045;
const C6: i16 = 17_734;

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_1_SQRT_2, PI};

    use proptest::prelude::*;

    use super::*;

    /// The transform as section A.3.3 writes it.
    fn exact(samples: &[[u8; 8]; 8]) -> [f64; 64] {
        let norm = |frequency: usize| if frequency == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        let cosine = |at: usize, frequency: usize| ((2 * at + 1) as f64 * frequency as f64 * PI / 16.0).cos();
        std::array::from_fn(|index| {
            let (v, u) = (index / 8, index % 8);
            let mut sum = 0.0;
            for (y, row) in samples.iter().enumerate() {
                for (x, sample) in row.iter().enumerate() {
                    sum += (f64::from(*sample) - 128.0) * cosine(x, u) * cosine(y, v);
                }
            }
            0.25 * norm(u) * norm(v) * sum
        })
    }

    fn group_of(blocks: &[[[u8; 8]; 8]; LANES], steps: &[u8; 64]) -> Group {
        let mut rows = [[0; GROUP_BYTES]; 8];
        for (block, rows_of_block) in blocks.iter().enumerate() {
            for (row, samples) in rows.iter_mut().zip(rows_of_block) {
                row[block * 8..block * 8 + 8].copy_from_slice(samples);
            }
        }
        let mut group = Group::ZERO;
        group.fill(rows.each_ref(), &Quantiser::new(steps));
        group
    }

    /// Samples of every kind: of the whole range, of its ends alone, and a pattern that one coefficient is all of.
    fn block() -> impl Strategy<Value = [[u8; 8]; 8]> {
        let ends =
            any::<[[bool; 8]; 8]>().prop_map(|rows| rows.map(|row| row.map(|bit| u8::from(bit) * 255)));
        let pattern = (0..8_usize, 0..8_usize, any::<bool>()).prop_map(|(u, v, is_negative)| {
            let wave = |at: usize, frequency: usize| ((2 * at + 1) * frequency % 32).abs_diff(16) > 8;
            std::array::from_fn(|y| {
                std::array::from_fn(|x| u8::from(wave(x, u) ^ wave(y, v) ^ is_negative) * 255)
            })
        });
        prop_oneof![any::<[[u8; 8]; 8]>(), ends, pattern, any::<u8>().prop_map(|grey| [[grey; 8]; 8])]
    }

    proptest! {
        #[test]
        fn coefficients_are_right_within_a_tenth(
            blocks in proptest::array::uniform16(block()),
            step in 1_u8..,
        ) {
            let group = group_of(&blocks, &[step; 64]);
            for (lane, block) in blocks.iter().enumerate() {
                let wanted = exact(block);
                for index in 0..64 {
                    let got = group.coefficients[index][lane];
                    let exact = wanted[usize::from(ZIGZAG[index])] / f64::from(step);
                    // Half a step is the quantiser's, the rest the transform's and the multiplication's.
                    let bound = 0.5 + 0.1 / f64::from(step) + 0.02;
                    prop_assert!((f64::from(got) - exact).abs() <= bound, "{got} for {exact}, step {step}");
                    let is_marked = group.nonzero[index / 16][lane] >> (index % 16) & 1 == 1;
                    prop_assert_eq!(is_marked, got != 0);
                }
            }
        }
    }
}
