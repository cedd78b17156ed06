//! How good pictures are.

use super::quantise::Quantiser;

/// How good the pictures of an [`H264Encoder`](super::H264Encoder) are, by quantisers of ITU-T H.264: six steps more
/// halve the bytes, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct H264Quality {
    /// The quantiser for what changes, text above all.
    pub quantiser: u8,
    /// The quantiser for photos and what plays, which hide errors better.
    pub photo_quantiser: u8,
    /// The quantiser at which areas that stand still are coded once more; at least as fine as the others, or equal to
    /// them to leave areas as they are.
    pub still_quantiser: u8,
}

impl H264Quality {
    /// Text that looks like the source at once, and is refined where it stays.
    pub const DEFAULT: Self = Self { quantiser: 23, photo_quantiser: 26, still_quantiser: 18 };

    /// The coarsest quantiser there is. Coarser ones are taken as that.
    pub const COARSEST: u8 = Quantiser::MAX;

    /// The same quantiser for everything, without a second pass over what stands still.
    pub const fn constant(quantiser: u8) -> Self {
        Self { quantiser, photo_quantiser: quantiser, still_quantiser: quantiser }
    }

    /// The same without quantisers that do not exist.
    pub(super) fn bounded(self) -> Self {
        let bounded = |quantiser: u8| quantiser.min(Self::COARSEST);
        Self {
            quantiser: bounded(self.quantiser),
            photo_quantiser: bounded(self.photo_quantiser),
            still_quantiser: bounded(self.still_quantiser),
        }
    }
}

impl Default for H264Quality {
    fn default() -> Self {
        Self::DEFAULT
    }
}
