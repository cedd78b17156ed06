//! The arithmetic between two ways of writing a colour as three numbers.

use crate::{Colour, FrameFormat, Range};

/// What three numbers of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColourModel {
    /// Red, green and blue.
    Rgb(Range),
    /// Luma and the two colour differences, Y Cb Cr.
    Ycc(Colour),
}

impl ColourModel {
    /// What the numbers of this format's pixels mean. Grey is luma with neutral colour differences.
    pub fn of(format: FrameFormat) -> Self {
        if format.pixel.is_rgb() { Self::Rgb(format.colour.range) } else { Self::Ycc(format.colour) }
    }

    /// The affine map from these numbers to red, green and blue of 0..=1.
    fn decode(self) -> Affine {
        match self {
            Self::Rgb(range) => {
                let (black, white) = luma_levels(range);
                let scale = 1.0 / (white - black);
                Affine::diagonal([scale; 3]).after_offset([-black; 3])
            }
            Self::Ycc(colour) => {
                let (black, white) = luma_levels(colour.range);
                let chroma = 1.0 / chroma_span(colour.range);
                let (red, blue) = luma_weights(colour);
                let green = 1.0 - red - blue;
                let (from_cr, from_cb) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
                let matrix = Affine {
                    matrix: [
                        [1.0, 0.0, from_cr],
                        [1.0, -from_cb * blue / green, -from_cr * red / green],
                        [1.0, from_cb, 0.0],
                    ],
                    offset: [0.0; 3],
                };
                matrix.after(Affine::diagonal([1.0 / (white - black), chroma, chroma]).after_offset([
                    -black,
                    -CHROMA_ZERO,
                    -CHROMA_ZERO,
                ]))
            }
        }
    }

    /// The affine map from red, green and blue of 0..=1 to these numbers.
    fn encode(self) -> Affine {
        match self {
            Self::Rgb(range) => {
                let (black, white) = luma_levels(range);
                Affine { offset: [black; 3], ..Affine::diagonal([white - black; 3]) }
            }
            Self::Ycc(colour) => {
                let (black, white) = luma_levels(colour.range);
                let span = chroma_span(colour.range);
                let (red, blue) = luma_weights(colour);
                let green = 1.0 - red - blue;
                let (to_cr, to_cb) = (span / (2.0 * (1.0 - red)), span / (2.0 * (1.0 - blue)));
                let luma = white - black;
                Affine {
                    matrix: [
                        [red * luma, green * luma, blue * luma],
                        [-red * to_cb, -green * to_cb, (1.0 - blue) * to_cb],
                        [(1.0 - red) * to_cr, -green * to_cr, -blue * to_cr],
                    ],
                    offset: [black, CHROMA_ZERO, CHROMA_ZERO],
                }
            }
        }
    }
}

/// The arithmetic from one [`ColourModel`] to another, in fixed point.
///
/// Between two kinds of Y Cb Cr it is one step and does not go by RGB, so that nothing is clipped on the way.
#[derive(Debug, Clone, Copy)]
pub struct ColourMap {
    matrix: [[i32; 3]; 3],
    offset: [i32; 3],
    is_identity: bool,
}

impl ColourMap {
    const FRACTION_BITS: u32 = 16;

    /// The map from one model to another.
    pub fn between(from: ColourModel, to: ColourModel) -> Self {
        let Affine { matrix, offset } = to.encode().after(from.decode());
        #[expect(clippy::cast_possible_truncation, reason = "coefficients are below 300")]
        let fixed = |value: f64| (value * f64::from(1 << Self::FRACTION_BITS)).round() as i32;
        Self {
            matrix: matrix.map(|row| row.map(fixed)),
            // Half a step more, so that the shift rounds to nearest.
            offset: offset.map(|value| fixed(value + 0.5)),
            is_identity: from == to,
        }
    }

    /// Whether every colour stays as it is.
    pub fn is_identity(&self) -> bool {
        self.is_identity
    }

    /// The map's matrix, by result and then by source, and what is added to each result: in units of 2 to the minus
    /// 16th, with half a step more in the latter, so that dropping the fraction rounds to nearest.
    pub fn coefficients(&self) -> ([[i32; 3]; 3], [i32; 3]) {
        (self.matrix, self.offset)
    }

    /// The three numbers of one pixel in the other model, clipped to 0..=255.
    #[inline]
    pub fn apply(&self, pixel: [u8; 3]) -> [u8; 3] {
        let [a, b, c] = pixel.map(i32::from);
        std::array::from_fn(|row| {
            let [x, y, z] = self.matrix[row];
            let value = (x * a + y * b + z * c + self.offset[row]) >> Self::FRACTION_BITS;
            u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
        })
    }

    /// Maps rows of three components in place.
    pub(super) fn apply_rows(&self, [a, b, c]: [&mut [u8]; 3]) {
        if self.is_identity {
            return;
        }
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            [*a, *b, *c] = self.apply([*a, *b, *c]);
        }
    }
}

/// `matrix * x + offset`.
#[derive(Debug, Clone, Copy)]
struct Affine {
    matrix: [[f64; 3]; 3],
    offset: [f64; 3],
}

impl Affine {
    fn diagonal([a, b, c]: [f64; 3]) -> Self {
        Self { matrix: [[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]], offset: [0.0; 3] }
    }

    /// First the offset, then this.
    fn after_offset(self, offset: [f64; 3]) -> Self {
        self.after(Self { offset, ..Self::diagonal([1.0; 3]) })
    }

    /// First the other, then this.
    fn after(self, first: Self) -> Self {
        let dot =
            |row: [f64; 3], column: [f64; 3]| -> f64 { row.iter().zip(column).map(|(x, y)| x * y).sum() };
        let column = |index: usize| first.matrix.map(|row| row[index]);
        Self {
            matrix: self.matrix.map(|row| std::array::from_fn(|index| dot(row, column(index)))),
            offset: std::array::from_fn(|index| dot(self.matrix[index], first.offset) + self.offset[index]),
        }
    }
}

const CHROMA_ZERO: f64 = 128.0;

/// Black and white (BT.709-6, section 4.6 for limited range; JFIF 1.02 for full range).
fn luma_levels(range: Range) -> (f64, f64) {
    match range {
        Range::Limited => (16.0, 235.0),
        Range::Full => (0.0, 255.0),
    }
}

/// From the least to the greatest colour difference.
fn chroma_span(range: Range) -> f64 {
    match range {
        Range::Limited => 224.0,
        Range::Full => 255.0,
    }
}

fn luma_weights(colour: Colour) -> (f64, f64) {
    let (red, blue) = colour.matrix.luma_weights_e4();
    (f64::from(red) / 1e4, f64::from(blue) / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matrix;

    #[test]
    fn the_primaries_of_bt709_are_where_the_recommendation_puts_them() {
        // BT.709-6 narrow-range values of 100 % red, green, blue and white, rounded.
        let map = ColourMap::between(ColourModel::Rgb(Range::Full), ColourModel::Ycc(Colour::VIDEO));
        assert_eq!(map.apply([255, 0, 0]), [63, 102, 240]);
        assert_eq!(map.apply([0, 255, 0]), [173, 42, 26]);
        assert_eq!(map.apply([0, 0, 255]), [32, 240, 118]);
        assert_eq!(map.apply([255, 255, 255]), [235, 128, 128]);
        assert_eq!(map.apply([0, 0, 0]), [16, 128, 128]);
    }

    #[test]
    fn jpeg_red_is_jfif_red() {
        let map = ColourMap::between(ColourModel::Rgb(Range::Full), ColourModel::Ycc(Colour::JPEG));
        assert_eq!(map.apply([255, 0, 0]), [76, 85, 255]);
    }

    #[test]
    fn one_step_agrees_with_the_way_over_rgb() {
        let video = ColourModel::Ycc(Colour::VIDEO);
        let jpeg = ColourModel::Ycc(Colour::JPEG);
        let rgb = ColourModel::Rgb(Range::Full);
        let direct = ColourMap::between(video, jpeg);
        let (decode, encode) = (ColourMap::between(video, rgb), ColourMap::between(rgb, jpeg));
        let source = ColourMap::between(rgb, video);
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let pixel = source.apply([red, green, blue]);
                    let (one, two) = (direct.apply(pixel), encode.apply(decode.apply(pixel)));
                    for (one, two) in one.into_iter().zip(two) {
                        assert!(one.abs_diff(two) <= 3, "{pixel:?}: {one} {two}");
                    }
                }
            }
        }
    }

    #[test]
    fn there_and_back_is_where_it_was_within_rounding() {
        let rgb = ColourModel::Rgb(Range::Full);
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            let ycc = ColourModel::Ycc(Colour::new(matrix, Range::Full));
            let (there, back) = (ColourMap::between(rgb, ycc), ColourMap::between(ycc, rgb));
            for value in 0..=255 {
                let pixel = [value, 255 - value, value / 2];
                for (before, after) in pixel.into_iter().zip(back.apply(there.apply(pixel))) {
                    assert!(before.abs_diff(after) <= 2);
                }
            }
        }
    }
}
