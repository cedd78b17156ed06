//! The brightness of pixels, apart from colours that they share with their neighbours.

use kvm_capture::{ImageView, PixelFormat, PlaneView};

use crate::Rect;
use crate::diff::Vector;

/// Where the samples lie that each pixel has for itself: luma, or all of its colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Luma {
    /// Bytes from one pixel to the next.
    step: usize,
    /// The first byte of a pixel that counts, and how many do.
    first: usize,
    count: usize,
}

impl Luma {
    pub(super) fn of(pixel: PixelFormat) -> Self {
        let (step, first, count) = match pixel {
            PixelFormat::Yuyv | PixelFormat::Yvyu => (2, 0, 1),
            PixelFormat::Uyvy | PixelFormat::Vyuy => (2, 1, 1),
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => (3, 0, 3),
            PixelFormat::Bgrx | PixelFormat::Xrgb => (4, 0, 4),
            _ => (1, 0, 1),
        };
        Self { step, first, count }
    }

    /// The samples of [`PATCH`](Self::PATCH) pixels of a row from this one on, one byte for each; `None` beyond the
    /// row's end. Of pixels with three colours it is one of them.
    pub(super) fn patch(self, row: &[u8], x: u32) -> Option<[u8; Self::PATCH]> {
        let start = x as usize * self.step;
        let bytes = row.get(start..start + Self::PATCH * self.step)?;
        let mut samples = [0; Self::PATCH];
        let middle = self.first + self.count / 2;
        for (sample, pixel) in samples.iter_mut().zip(bytes.chunks_exact(self.step)) {
            *sample = pixel[middle];
        }
        Some(samples)
    }

    /// How many pixels a patch has side by side.
    pub(super) const PATCH: usize = 16;

    /// Whether three quarters of the rows of a rectangle are what was in their place, less the vector, in the picture
    /// before, as far as luma goes. The rectangle is inside the picture.
    pub(super) fn agrees(
        self,
        before: &ImageView<'_>,
        now: &ImageView<'_>,
        vector: Vector,
        rect: Rect,
    ) -> bool {
        let format = now.format();
        let Some(from) = vector.source_of(rect, (format.width_px, format.height_px)) else { return false };
        let (before, now) = (before.plane(0), now.plane(0));
        let mut others = 0;
        for (from_y, y) in (from.y..from.bottom()).zip(rect.y..rect.bottom()) {
            let rows =
                self.part(&before, from_y, from.x, rect.width).zip(self.part(&now, y, rect.x, rect.width));
            others += u32::from(rows.is_none_or(|(before, now)| !self.are_equal(before, now)));
            if others * 4 > rect.height {
                return false;
            }
        }
        true
    }

    /// The bytes of a row from one pixel on.
    fn part<'a>(self, plane: &PlaneView<'a>, y: u32, x: u32, width: u32) -> Option<&'a [u8]> {
        let start = x as usize * self.step;
        plane.row(y as usize).get(start..start + width as usize * self.step)
    }

    /// Whether parts of two rows are equal. They have the same length.
    fn are_equal(self, before: &[u8], now: &[u8]) -> bool {
        if self.step == self.count {
            return before == now;
        }
        // One of two bytes is luma.
        let mask =
            u64::from_le_bytes(std::array::from_fn(|byte| if byte % 2 == self.first { 0xff } else { 0 }));
        let (before, now) = (before.chunks(8), now.chunks(8));
        before.zip(now).all(|(before, now)| (word(before) ^ word(now)) & mask == 0)
    }
}

/// Up to eight bytes, the first of them lowest.
fn word(bytes: &[u8]) -> u64 {
    let whole = bytes.try_into().map(u64::from_le_bytes);
    whole.unwrap_or_else(|_| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}
