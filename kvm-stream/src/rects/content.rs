//! What a tile of a picture is: one colour, drawn, or a photo.

use kvm_capture::{ImageView, PixelFormat};

use crate::classify::is_flat;
use crate::{Rect, Tiles};

/// What a tile of a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// One colour all over.
    Flat,
    /// Text, lines, areas: neighbours are equal or differ a lot.
    Drawn,
    /// Neighbours are hardly ever equal, or differ by little.
    Photo,
}

impl Content {
    /// Looks at a part of one tile of a picture, in the capture's own numbers; its left is even where pixels share
    /// colour differences.
    ///
    /// The measure is that of [`classify`](crate::classify()), which samples large areas; this one looks at every
    /// pixel of a small one in a tenth of the time, and leans towards what is exact.
    pub(super) fn of_tile(image: &ImageView<'_>, tile: Rect) -> Self {
        let neighbours = Neighbours::of_tile(image, tile);
        if neighbours.equal == neighbours.pairs && is_flat(image, tile) {
            Self::Flat
        } else if neighbours.are_drawn() {
            Self::Drawn
        } else {
            Self::Photo
        }
    }
}

/// How the brightness of pixels differs from that of their right neighbours.
#[derive(Debug, Default)]
struct Neighbours {
    pairs: u32,
    equal: u32,
    /// Differ by less than [`SMALL_STEP`].
    similar: u32,
}

impl Neighbours {
    fn of_tile(image: &ImageView<'_>, tile: Rect) -> Self {
        // Where in the bytes of a pixel the brightness is: luma, or green.
        match image.format().pixel {
            PixelFormat::Yuyv | PixelFormat::Yvyu => Self::in_rows::<2, 0>(image, tile),
            PixelFormat::Uyvy | PixelFormat::Vyuy => Self::in_rows::<2, 1>(image, tile),
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => Self::in_rows::<3, 1>(image, tile),
            PixelFormat::Bgrx => Self::in_rows::<4, 1>(image, tile),
            PixelFormat::Xrgb => Self::in_rows::<4, 2>(image, tile),
            _ => Self::in_rows::<1, 0>(image, tile),
        }
    }

    fn in_rows<const BYTES: usize, const PLACE: usize>(image: &ImageView<'_>, tile: Rect) -> Self {
        let plane = image.plane(0);
        let (left, width) = (tile.x as usize * BYTES, tile.width as usize);
        let mut sum = Self::default();
        for y in tile.y..tile.bottom() {
            let row = &plane.row(y as usize)[left..left + width * BYTES];
            let mut bright = [0; TILE_PX];
            for (bright, pixel) in bright.iter_mut().zip(row.chunks_exact(BYTES)) {
                *bright = pixel[PLACE];
            }
            let steps: [u8; TILE_PX - 1] = std::array::from_fn(|x| bright[x].abs_diff(bright[x + 1]));
            let steps = &steps[..width - 1];
            let count = |is_counted: fn(u8) -> bool| -> u32 {
                steps.iter().map(|step| u8::from(is_counted(*step))).sum::<u8>().into()
            };
            sum.pairs += count(|_| true);
            sum.equal += count(|step| step == 0);
            sum.similar += count(|step| (1..SMALL_STEP).contains(&step));
        }
        sum
    }

    /// Half of them equal, and the others mostly differ by steps that can be seen; or nearly all of them equal.
    fn are_drawn(&self) -> bool {
        let others = self.pairs - self.equal;
        (self.equal * 100 >= self.pairs * 40 && self.similar * 100 <= others * 45)
            || self.equal * 100 >= self.pairs * 75
    }
}

const TILE_PX: usize = Tiles::TILE_PX as usize;
/// Steps below which two pixels count as similar.
const SMALL_STEP: u8 = 8;
