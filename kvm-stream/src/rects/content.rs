//! What a part of a picture is: one colour, drawn, or a photo.

use kvm_capture::{ImageView, PixelFormat};

use crate::Rect;

/// What a part of a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// One colour all over.
    Flat,
    /// Text, lines, areas: neighbours are often equal.
    Drawn,
    /// Neighbours are hardly ever equal.
    Photo,
}

impl Content {
    /// Looks at a rectangle of a picture, in the capture's own numbers. Its left is even where pixels share colour
    /// differences.
    pub(super) fn of(image: &ImageView<'_>, rect: Rect) -> Self {
        let pixel = image.format().pixel;
        let neighbours = match pixel {
            PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Yvyu | PixelFormat::Vyuy => {
                Neighbours::in_rows::<4>(image, rect, 2)
            }
            PixelFormat::Bgrx | PixelFormat::Xrgb => Neighbours::in_rows::<4>(image, rect, 4),
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => Neighbours::in_rows::<3>(image, rect, 3),
            _ => Neighbours::in_rows::<1>(image, rect, 1),
        };
        if neighbours.all_equal && has_one_chroma(image, rect) {
            Self::Flat
        } else if neighbours.equal * 100 < neighbours.pairs * PHOTO_PERCENT {
            Self::Photo
        } else {
            Self::Drawn
        }
    }
}

/// Below this share of equal neighbours, in percent, it is a photo.
const PHOTO_PERCENT: usize = 30;

/// Pairs of neighbours in the rows of a picture's first plane.
struct Neighbours {
    pairs: usize,
    equal: usize,
    all_equal: bool,
}

impl Neighbours {
    /// `UNIT`: bytes of what is compared; `bytes`: those of a pixel.
    fn in_rows<const UNIT: usize>(image: &ImageView<'_>, rect: Rect, bytes: usize) -> Self {
        let (left, len) = (rect.x as usize * bytes, (rect.width as usize * bytes).next_multiple_of(UNIT));
        let row = |y: u32| &image.plane(0).row(y as usize)[left..left + len];
        let first = &row(rect.y)[..UNIT];
        let mut sum = Self { pairs: 0, equal: 0, all_equal: true };
        for y in rect.y..rect.bottom() {
            let row = row(y);
            let pairs = row.chunks_exact(UNIT).zip(row[UNIT..].chunks_exact(UNIT));
            sum.pairs += pairs.len();
            let equal = pairs.clone().filter(|(one, other)| one == other).count();
            sum.equal += equal;
            sum.all_equal &= equal == pairs.len() && row.starts_with(first);
        }
        sum
    }
}

/// Whether the colour differences of a planar format are the same all over.
fn has_one_chroma(image: &ImageView<'_>, rect: Rect) -> bool {
    let pixel = image.format().pixel;
    let (shift_x, shift_y) = pixel.chroma_shifts();
    image.planes().iter().skip(1).all(|plane| {
        let bytes = if pixel == PixelFormat::I420 { 1 } else { 2 };
        let left = (rect.x as usize >> shift_x) * bytes;
        let right = (rect.right() as usize).div_ceil(1 << shift_x) * bytes;
        let first = &plane.row((rect.y >> shift_y) as usize)[left..left + bytes];
        let mut rows = (rect.y >> shift_y) as usize..(rect.bottom() as usize).div_ceil(1 << shift_y);
        rows.all(|y| plane.row(y)[left..right].chunks_exact(bytes).all(|chroma| chroma == first))
    })
}
