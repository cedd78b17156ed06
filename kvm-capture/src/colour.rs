//! How the numbers of a picture are to be read as colour.

/// The matrix between RGB and luma plus colour differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Matrix {
    /// Rec. ITU-R BT.601-7, section 2.5.1: standard definition, and JPEG files (JFIF 1.02).
    Bt601,
    /// Rec. ITU-R BT.709-6, section 3: high definition, the usual matrix of HDMI at 720p and above.
    Bt709,
}

impl Matrix {
    /// The weights of red and blue in luma, times 10,000.
    pub const fn luma_weights_e4(self) -> (i32, i32) {
        match self {
            Self::Bt601 => (2990, 1140),
            Self::Bt709 => (2126, 722),
        }
    }
}

/// Which numbers are black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Range {
    /// Luma 16–235, colour differences 16–240, RGB 16–235.
    Limited,
    /// Everything 0–255.
    Full,
}

/// Matrix and range of a picture.
///
/// The matrix of an RGB picture is what it would be converted with and says nothing about its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Colour {
    /// Between RGB and luma plus colour differences.
    pub matrix: Matrix,
    /// Which numbers are black and white.
    pub range: Range,
}

impl Colour {
    /// What HDMI capture gives for luma and colour differences at 720p and above.
    pub const VIDEO: Self = Self::new(Matrix::Bt709, Range::Limited);
    /// What JPEG files hold (JFIF 1.02).
    pub const JPEG: Self = Self::new(Matrix::Bt601, Range::Full);
    /// What computers draw: full-range RGB.
    pub const RGB: Self = Self::new(Matrix::Bt709, Range::Full);

    /// The colour of this matrix and range.
    pub const fn new(matrix: Matrix, range: Range) -> Self {
        Self { matrix, range }
    }
}
