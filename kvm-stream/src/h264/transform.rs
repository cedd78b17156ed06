//! The transforms of H.264, on all 4×4 blocks of a macroblock at a time.
//!
//! Each block has one lane in arrays of sixteen numbers (eight for the two chroma planes), in the order of rows of
//! blocks: a block's lane is its column and four times its row in luma; in chroma its column, twice its row and four
//! for Cr. The same arithmetic runs on all lanes, and no number moves from one lane to another.

/// The luma samples of a macroblock, by rows.
pub(super) type Luma = [[u8; 16]; 16];

/// Samples of one chroma plane of a macroblock, by rows.
pub(super) type Chroma = [[u8; 8]; 8];

/// All samples of a macroblock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) luma: Luma,
    /// Cb, then Cr.
    pub(super) chroma: [Chroma; 2],
}

impl Samples {
    pub(super) const ZERO: Self = Self { luma: [[0; 16]; 16], chroma: [[[0; 8]; 8]; 2] };
}

/// A number for each place in a 4×4 block, by rows, and for each block.
pub(super) type Blocks<const LANES: usize> = [[i16; LANES]; 16];

/// Four samples of each block for each of its four rows, the first in the lowest byte.
pub(super) type Words<const LANES: usize> = [[u32; LANES]; 4];

/// Brings luma samples together by the row that they have in their blocks.
#[inline(always)]
pub(super) fn luma_words(luma: &Luma) -> Words<16> {
    let mut words = [[0; 16]; 4];
    for (y, row) in luma.iter().enumerate() {
        for x in 0..4 {
            words[y & 3][(y >> 2) * 4 + x] = word(row, x);
        }
    }
    words
}

/// Puts luma samples back to where they were before [`luma_words`].
#[inline(always)]
pub(super) fn put_luma_words(words: &Words<16>, luma: &mut Luma) {
    for (y, row) in luma.iter_mut().enumerate() {
        for x in 0..4 {
            row[4 * x..4 * x + 4].copy_from_slice(&words[y & 3][(y >> 2) * 4 + x].to_le_bytes());
        }
    }
}

/// Brings chroma samples together by the row that they have in their blocks.
#[inline(always)]
pub(super) fn chroma_words(chroma: &[Chroma; 2]) -> Words<8> {
    let mut words = [[0; 8]; 4];
    for (plane, chroma) in chroma.iter().enumerate() {
        for (y, row) in chroma.iter().enumerate() {
            for x in 0..2 {
                words[y & 3][plane * 4 + (y >> 2) * 2 + x] = word(row, x);
            }
        }
    }
    words
}

/// Puts chroma samples back to where they were before [`chroma_words`].
#[inline(always)]
pub(super) fn put_chroma_words(words: &Words<8>, chroma: &mut [Chroma; 2]) {
    for (plane, chroma) in chroma.iter_mut().enumerate() {
        for (y, row) in chroma.iter_mut().enumerate() {
            for x in 0..2 {
                let word = words[y & 3][plane * 4 + (y >> 2) * 2 + x];
                row[4 * x..4 * x + 4].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

#[inline(always)]
fn word(row: &[u8], index: usize) -> u32 {
    u32::from_le_bytes([row[4 * index], row[4 * index + 1], row[4 * index + 2], row[4 * index + 3]])
}

/// The samples of each block in its lane.
#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "a sample is a byte")]
pub(super) fn into_lanes<const LANES: usize>(words: &Words<LANES>) -> Blocks<LANES> {
    let mut samples = [[0; LANES]; 16];
    for (words, samples) in words.iter().zip(samples.chunks_exact_mut(4)) {
        for (x, samples) in samples.iter_mut().enumerate() {
            for (word, sample) in words.iter().zip(samples) {
                *sample = ((word >> (8 * x)) & 0xff) as u16 as i16;
            }
        }
    }
    samples
}

/// Adds residuals to a prediction, clips and puts the bytes together (8.5.14).
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "clipped before")]
pub(super) fn add_clipped<const LANES: usize>(
    prediction: &Blocks<LANES>,
    residuals: &Blocks<LANES>,
) -> Words<LANES> {
    let mut words = [[0; LANES]; 4];
    for (y, words) in words.iter_mut().enumerate() {
        for (lane, word) in words.iter_mut().enumerate() {
            for x in 0..4 {
                let sample = prediction[4 * y + x][lane] + residuals[4 * y + x][lane];
                *word |= u32::from(sample.clamp(0, 255) as u16) << (8 * x);
            }
        }
    }
    words
}

/// What a prediction lacks.
#[inline(always)]
pub(super) fn difference<const LANES: usize>(a: &Blocks<LANES>, b: &Blocks<LANES>) -> Blocks<LANES> {
    let mut difference = [[0; LANES]; 16];
    for ((out, a), b) in difference.iter_mut().zip(a).zip(b) {
        for lane in 0..LANES {
            out[lane] = a[lane] - b[lane];
        }
    }
    difference
}

/// Transforms residuals to coefficients: the inverse of [`inverse`] but for a factor that differs from place to place.
///
/// Of residuals of samples of 8 bits coefficients are at most 9180.
#[inline(always)]
pub(super) fn forward<const LANES: usize>(blocks: &mut Blocks<LANES>) {
    passes(blocks, forward_four);
}

/// Transforms scaled coefficients to residuals (8.5.12.2).
///
/// Numbers stay within 16 bits, as the standard demands of a stream, for coefficients that come of residuals
/// by quantisers up to [`Quantiser::MAX`](super::quantise::Quantiser::MAX).
#[inline(always)]
pub(super) fn inverse<const LANES: usize>(blocks: &mut Blocks<LANES>) {
    passes(blocks, inverse_four);
    for residual in blocks.as_flattened_mut() {
        *residual = residual.wrapping_add(32) >> 6;
    }
}

/// The forward transform of four numbers.
#[inline(always)]
pub(super) fn forward_four([a, b, c, d]: [i16; 4]) -> [i16; 4] {
    let (s0, s1, d0, d1) = (a + d, b + c, a - d, b - c);
    [s0 + s1, 2 * d0 + d1, s0 - s1, d0 - 2 * d1]
}

/// The inverse transform of four numbers (8.5.12.2).
#[inline(always)]
pub(super) fn inverse_four([a, b, c, d]: [i16; 4]) -> [i16; 4] {
    let (e, f) = (a.wrapping_add(c), a.wrapping_sub(c));
    let (g, h) = ((b >> 1).wrapping_sub(d), b.wrapping_add(d >> 1));
    [e.wrapping_add(h), f.wrapping_add(g), f.wrapping_sub(g), e.wrapping_sub(h)]
}

/// The Hadamard transform of four numbers, in the order of the standard's matrix (8.5.10).
#[inline(always)]
pub(super) fn butterfly<T>([a, b, c, d]: [T; 4]) -> [T; 4]
where
    T: Copy + std::ops::Add<Output = T> + std::ops::Sub<Output = T>,
{
    let (s0, s1, d0, d1) = (a + b, c + d, a - b, c - d);
    [s0 + s1, s0 - s1, d0 - d1, d0 + d1]
}

/// The Hadamard transform of a 4×4 matrix by rows.
#[inline(always)]
pub(super) fn hadamard(matrix: [i32; 16]) -> [i32; 16] {
    let mut out = matrix;
    for row in out.chunks_exact_mut(4) {
        row.copy_from_slice(&butterfly([row[0], row[1], row[2], row[3]]));
    }
    for x in 0..4 {
        let column = butterfly([out[x], out[4 + x], out[8 + x], out[12 + x]]);
        for (y, value) in column.into_iter().enumerate() {
            out[4 * y + x] = value;
        }
    }
    out
}

/// Applies a transform of four numbers to all rows, then to all columns.
#[inline(always)]
fn passes<const LANES: usize>(blocks: &mut Blocks<LANES>, transform: impl Fn([i16; 4]) -> [i16; 4]) {
    for row in 0..4 {
        pass::<1, LANES>(blocks, row * 4, &transform);
    }
    for column in 0..4 {
        pass::<4, LANES>(blocks, column, &transform);
    }
}

#[inline(always)]
fn pass<const STEP: usize, const LANES: usize>(
    blocks: &mut Blocks<LANES>,
    start: usize,
    transform: &impl Fn([i16; 4]) -> [i16; 4],
) {
    #[expect(clippy::needless_range_loop, reason = "four rows of lanes are read and written at once")]
    for lane in 0..LANES {
        let transformed = transform([
            blocks[start][lane],
            blocks[start + STEP][lane],
            blocks[start + 2 * STEP][lane],
            blocks[start + 3 * STEP][lane],
        ]);
        for (index, value) in transformed.into_iter().enumerate() {
            blocks[start + index * STEP][lane] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::h264::cases::samples;

    /// The matrix of the forward transform that goes with the standard's inverse.
    const FORWARD: [[i32; 4]; 4] = [[1, 1, 1, 1], [2, 1, -1, -2], [1, -1, -1, 1], [1, -2, 2, -1]];
    const HADAMARD: [[i32; 4]; 4] = [[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]];

    /// Matrix, block, matrix transposed.
    fn both_sides(matrix: &[[i32; 4]; 4], block: &[i32; 16]) -> [i32; 16] {
        std::array::from_fn(|place| {
            let mut sum = 0;
            for y in 0..4 {
                for x in 0..4 {
                    sum += matrix[place / 4][y] * block[4 * y + x] * matrix[place % 4][x];
                }
            }
            sum
        })
    }

    fn lane<const LANES: usize>(blocks: &Blocks<LANES>, lane: usize) -> [i32; 16] {
        std::array::from_fn(|place| i32::from(blocks[place][lane]))
    }

    #[test]
    fn lanes_are_blocks_by_rows() {
        let mut luma = [[0; 16]; 16];
        for (index, sample) in luma.as_flattened_mut().iter_mut().enumerate() {
            *sample = u8::try_from(index).unwrap();
        }
        let lanes = into_lanes(&luma_words(&luma));
        let mut chroma = [[[0; 8]; 8]; 2];
        for (index, sample) in chroma.as_flattened_mut().as_flattened_mut().iter_mut().enumerate() {
            *sample = u8::try_from(index).unwrap();
        }
        let chroma_lanes = into_lanes(&chroma_words(&chroma));
        for place in 0..16 {
            for (block, sample) in lanes[place].into_iter().enumerate() {
                let (y, x) = (block / 4 * 4 + place / 4, block % 4 * 4 + place % 4);
                assert_eq!(sample, i16::from(luma[y][x]));
            }
            for (block, sample) in chroma_lanes[place].into_iter().enumerate() {
                let (plane, y, x) = (block / 4, block / 2 % 2 * 4 + place / 4, block % 2 * 4 + place % 4);
                assert_eq!(sample, i16::from(chroma[plane][y][x]));
            }
        }
    }

    proptest! {
        #[test]
        fn words_go_back_to_where_they_were(wanted in samples()) {
            let mut got = Samples::ZERO;
            put_luma_words(&luma_words(&wanted.luma), &mut got.luma);
            put_chroma_words(&chroma_words(&wanted.chroma), &mut got.chroma);
            prop_assert_eq!(got, wanted);
        }

        #[test]
        fn forward_and_hadamard_are_their_matrices(a in samples(), b in samples()) {
            let differences =
                difference(&into_lanes(&luma_words(&a.luma)), &into_lanes(&luma_words(&b.luma)));
            let mut transformed = differences;
            forward(&mut transformed);
            for block in 0..16 {
                let residuals = lane(&differences, block);
                prop_assert_eq!(lane(&transformed, block), both_sides(&FORWARD, &residuals));
                prop_assert_eq!(hadamard(residuals), both_sides(&HADAMARD, &residuals));
            }
        }
    }
}
