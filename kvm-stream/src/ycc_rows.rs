//! The arithmetic on rows of bytes that brings a source's pixels to an encoder's luma and colour differences.
//!
//! Everything here is a plain loop over slices of one length, which the compiler turns into vector instructions.

use kvm_capture::convert::{ColourMap, ColourModel};
use kvm_capture::{Colour, FrameFormat};

/// The map from a source's three numbers to Y Cb Cr, for lanes of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowMap {
    /// By result, then by source, times 2 to the 14th.
    factors: [[i16; 3]; 3],
    /// With six bits after the point, for sources around zero; half a step more, so that a shift rounds to nearest.
    offsets: [i16; 3],
    pub(crate) is_identity: bool,
}

impl RowMap {
    /// The map for a source of this format to that colour.
    pub(crate) fn between(format: FrameFormat, colour: Colour) -> Self {
        let map = ColourMap::between(ColourModel::of(format), ColourModel::Ycc(colour));
        let (factors, offsets) = map.coefficients();
        let offsets = std::array::from_fn(|row| {
            let around_zero = offsets[row] + 128 * factors[row].iter().sum::<i32>();
            // One more for the fractions that the products lose.
            narrow(around_zero >> 10) + 1
        });
        let factors = factors.map(|row| row.map(|factor| narrow((factor + 2) >> 2)));
        Self { factors, offsets, is_identity: map.is_identity() }
    }

    /// Maps colour differences, and says what luma gets of them, for each pixel of `SPREAD` that share them.
    #[inline(always)]
    pub(crate) fn chroma<const SPREAD: usize>(&self, cb: &mut [u8], cr: &mut [u8], to_luma: &mut [i16]) {
        let [[_, y_cb, y_cr], [_, cb_cb, cb_cr], [_, cr_cb, cr_cr]] = self.factors;
        let [y_offset, cb_offset, cr_offset] = self.offsets;
        for ((cb, cr), to_luma) in cb.iter_mut().zip(cr).zip(to_luma.chunks_exact_mut(SPREAD)) {
            let (blue, red) = (around_zero(*cb), around_zero(*cr));
            *cb = rounded(times(blue, cb_cb) + times(red, cb_cr) + cb_offset);
            *cr = rounded(times(blue, cr_cb) + times(red, cr_cr) + cr_offset);
            to_luma.fill(times(blue, y_cb) + times(red, y_cr) + y_offset);
        }
    }

    /// Maps luma, given what it gets of the colour differences.
    #[inline(always)]
    pub(crate) fn luma(&self, luma: &mut [u8], from_chroma: &[i16]) {
        let factor = self.factors[0][0];
        for (luma, from_chroma) in luma.iter_mut().zip(from_chroma) {
            *luma = rounded(times(around_zero(*luma), factor) + from_chroma);
        }
    }

    /// What luma gets where there is no colour: all bytes of a colour difference are 128.
    pub(crate) fn neutral(&self) -> i16 {
        self.offsets[0]
    }

    /// One component of red, green and blue: 0 for luma, 1 for Cb, 2 for Cr.
    #[inline(always)]
    pub(crate) fn of_rgb(&self, component: usize, [r, g, b]: [&[u8]; 3], out: &mut [u8]) {
        let ([by_r, by_g, by_b], offset) = (self.factors[component], self.offsets[component]);
        for (((out, r), g), b) in out.iter_mut().zip(r).zip(g).zip(b) {
            let [r, g, b] = [*r, *g, *b].map(around_zero);
            *out = rounded(times(r, by_r) + times(g, by_g) + times(b, by_b) + offset);
        }
    }
}

/// Sorts bytes by turns into two rows.
#[inline(always)]
pub(crate) fn deal(pairs: &[u8], first: &mut [u8], second: &mut [u8]) {
    for ((pair, first), second) in pairs.chunks_exact(2).zip(first).zip(second) {
        (*first, *second) = (pair[0], pair[1]);
    }
}

/// Sorts red, green and blue into three rows; `places` says where they are in the bytes of a pixel.
#[inline(always)]
pub(crate) fn deal_rgb<const BYTES: usize>(row: &[u8], places: [usize; 3], [r, g, b]: [&mut [u8]; 3]) {
    for (((pixel, r), g), b) in row.chunks_exact(BYTES).zip(r).zip(g).zip(b) {
        (*r, *g, *b) = (pixel[places[0]], pixel[places[1]], pixel[places[2]]);
    }
}

/// The averages of each four bytes of two rows.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "an average of bytes is one")]
pub(crate) fn average(upper: &[u8], lower: &[u8], out: &mut [u8]) {
    for ((upper, lower), out) in upper.chunks_exact(2).zip(lower.chunks_exact(2)).zip(out) {
        let sum = [upper[0], upper[1], lower[0], lower[1]].map(u16::from).iter().sum::<u16>();
        *out = ((sum + 2) >> 2) as u8;
    }
}

/// Repeats the last of the first `len` bytes up to the end.
#[inline(always)]
pub(crate) fn pad(row: &mut [u8], len: usize) {
    let last = row[len - 1];
    row[len..].fill(last);
}

/// The product over 2 to the 16th, without its fraction: one instruction on most processors.
#[inline(always)]
pub(crate) fn times(value: i16, factor: i16) -> i16 {
    ((i32::from(value) * i32::from(factor)) >> 16) as i16
}

/// A byte as a signed number, times 2 to the 8th.
#[inline(always)]
fn around_zero(value: u8) -> i16 {
    (i16::from(value) - 128) << 8
}

/// A number with six bits after the point as the nearest byte.
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "clamped before")]
fn rounded(value: i16) -> u8 {
    (value >> 6).clamp(0, 255) as u8
}

fn narrow(value: i32) -> i16 {
    i16::try_from(value).expect("coefficients are below two and offsets below 512")
}

#[cfg(test)]
mod tests {
    use kvm_capture::{Matrix, PixelFormat, Range};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lanes_of_16_bits_agree_with_the_colour_map(
            values in any::<[u8; 3]>(),
            is_rgb in any::<bool>(),
            matrix in proptest::sample::select(&[Matrix::Bt601, Matrix::Bt709][..]),
            range in proptest::sample::select(&[Range::Limited, Range::Full][..]),
            target in proptest::sample::select(&[Colour::JPEG, Colour::VIDEO][..]),
        ) {
            let pixel = if is_rgb { PixelFormat::Rgb24 } else { PixelFormat::Nv24 };
            let format = FrameFormat::new(pixel, 1, 1).with_colour(Colour::new(matrix, range));
            let map = ColourMap::between(ColourModel::of(format), ColourModel::Ycc(target));
            let row_map = RowMap::between(format, target);
            let [mut a, mut b, mut c] = values.map(|value| [value]);
            let got = if is_rgb {
                [0, 1, 2].map(|component| {
                    let mut out = [0];
                    row_map.of_rgb(component, [&a, &b, &c], &mut out);
                    out[0]
                })
            } else {
                let mut to_luma = [0];
                row_map.chroma::<1>(&mut b, &mut c, &mut to_luma);
                row_map.luma(&mut a, &to_luma);
                [a[0], b[0], c[0]]
            };
            for (wanted, got) in map.apply(values).into_iter().zip(got) {
                prop_assert!(wanted.abs_diff(got) <= 1, "{:?} {values:?}: {got} for {wanted}", format.colour);
            }
        }
    }
}
