//! Samples to quantised coefficients, sixteen blocks at a time.
//!
//! Each of the sixteen blocks has one lane in arrays of sixteen numbers, so that the whole transform is the same
//! arithmetic on all lanes and no number ever has to move from one lane to another but once, when bytes are brought
//! into lanes.

use super::tables::ZIGZAG;

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
                let (bias, reciprocal) = (quantiser.biases[index], quantiser.reciprocals[index]);
                let quantised = &mut self.coefficients[index];
                for lane in 0..LANES {
                    let value = quantise(transformed[lane], bias, reciprocal);
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
    /// Half a step, at the transform's scale.
    biases: [u16; 64],
    reciprocals: [u16; 64],
}

impl Quantiser {
    /// A quantiser with these steps, which are given by rows of the block and are at least 1.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        let in_scan_order = ZIGZAG.map(|place| u16::from(steps[usize::from(place)].max(1)));
        Self {
            biases: in_scan_order.map(|step| step << (SCALE_BITS - 1)),
            // Of 65,536; a step is at most 255 and the divisor at least 2.
            reciprocals: in_scan_order.map(|step| u16::MAX / (2 * step) + 1),
        }
    }
}

/// The transform's output is the coefficients (section A.3.3) times 2 to this power.
const SCALE_BITS: u32 = 5;

/// A quotient of magnitudes, by a multiplication: 12 bits by at most 9.
#[inline(always)]
fn quantise(value: i16, bias: u16, reciprocal: u16) -> i16 {
    let magnitude = (value.unsigned_abs() + bias) >> (SCALE_BITS - 1);
    let quotient = ((u32::from(magnitude) * u32::from(reciprocal)) >> 16) as u16 as i16;
    let sign = value >> 15;
    (quotient ^ sign) - sign
}

/// Brings each block's pixels into its lane, as signed numbers with four bits after the point.
///
/// Eight pixels of a block are read as one number, and eight such numbers are transposed by swapping halves, quarters
/// and eighths of them; the rows are the lanes of that.
#[inline(always)]
fn into_lanes(rows: [&[u8; GROUP_BYTES]; 8]) -> [Lanes; 64] {
    let mut samples = [[0; LANES]; 64];
    for half in 0..2 {
        let mut eights = [[0_u64; 8]; 8];
        for (block, eights) in eights.iter_mut().enumerate() {
            for (row, eight) in eights.iter_mut().enumerate() {
                let at = half * 64 + block * 8;
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&rows[row][at..at + 8]);
                *eight = u64::from_le_bytes(bytes);
            }
        }
        swap::<4, 32, 0x0000_0000_FFFF_FFFF>(&mut eights);
        swap::<2, 16, 0x0000_FFFF_0000_FFFF>(&mut eights);
        swap::<1, 8, 0x00FF_00FF_00FF_00FF>(&mut eights);
        for (column, eights) in eights.iter().enumerate() {
            for (row, eight) in eights.iter().enumerate() {
                let lanes = &mut samples[row * 8 + column][half * 8..half * 8 + 8];
                for (lane, byte) in lanes.iter_mut().zip(eight.to_le_bytes()) {
                    *lane = (i16::from(byte) - 128) << 4;
                }
            }
        }
    }
    samples
}

/// Swaps the upper parts of numbers with the lower parts of those `APART` further on.
#[inline(always)]
fn swap<const APART: usize, const BITS: u32, const LOWER: u64>(eights: &mut [[u64; 8]; 8]) {
    for index in 0..8 {
        if index & APART == 0 {
            for lane in 0..8 {
                let (a, b) = (eights[index][lane], eights[index + APART][lane]);
                eights[index][lane] = (a & LOWER) | ((b & LOWER) << BITS);
                eights[index + APART][lane] = ((a >> BITS) & LOWER) | (b & !LOWER);
            }
        }
    }
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
/// what the second gives at most 2 to the 15th: -32,768 for a block of black.
#[inline(always)]
fn dct(x: [i16; 8]) -> [i16; 8] {
    let (s0, s1, s2, s3) = (x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]);
    let (d0, d1, d2, d3) = (x[0] - x[7], x[1] - x[6], x[2] - x[5], x[3] - x[4]);
    let (outer, inner) = ((s0 + s3) >> 1, (s1 + s2) >> 1);
    let (e0, e1) = (s0 - s3, s1 - s2);
    [
        outer.wrapping_add(inner),
        sum(d0, C1, d1, C3).wrapping_add(sum(d2, C5, d3, C7)),
        sum(e0, C2, e1, C6),
        sum(d0, C3, d1, -C7).wrapping_add(sum(d2, -C1, d3, -C5)),
        outer.wrapping_sub(inner),
        sum(d0, C5, d1, -C1).wrapping_add(sum(d2, C7, d3, C3)),
        sum(e0, C6, e1, -C2),
        sum(d0, C7, d1, -C5).wrapping_add(sum(d2, C3, d3, -C1)),
    ]
}

#[inline(always)]
fn sum(a: i16, a_factor: i16, b: i16, b_factor: i16) -> i16 {
    times(a, a_factor).wrapping_add(times(b, b_factor))
}

/// The product over 2 to the 15th, rounded: one instruction where there is `pmulhrsw`.
#[inline(always)]
pub(super) fn times(value: i16, factor: i16) -> i16 {
    ((((i32::from(value) * i32::from(factor)) >> 14) + 1) >> 1) as i16
}

// cos(kπ/16) / √2, times 2 to the 15th.
const C1: i16 = 22_725;
const C2: i16 = 21_407;
const C3: i16 = 19_266;
const C5: i16 = 12_873;
const C6: i16 = 8_867;
const C7: i16 = 4_520;
