//! What kind of picture an area shows, from samples of its pixels.

use kvm_capture::{ImageView, PixelFormat};

use crate::layout::{PlaneLayout, to_units};
use crate::{Rect, Tiles};

/// What kind of picture an area shows, and so how it is best encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// One colour: a fill.
    Flat,
    /// Text, lines and flat areas: to be encoded without loss.
    Text,
    /// A photo, a gradient or noise: to be encoded by a transform.
    Photo,
    /// What plays: photo-like and new in nearly every frame. [`classify`] sees one picture and never says so;
    /// [`FilmFinder`](crate::FilmFinder) does.
    Film,
}

/// What kind of picture a rectangle shows. What of it is outside the picture does not count.
///
/// [`Class::Flat`] is certain: every byte was compared. The others are told by samples, at most 8,192 pixels, so that
/// the answer costs a few microseconds whatever the area. In text most neighbours in a row are equal and those that
/// are not differ by a step that can be seen; in photos few are equal, or they differ by little:
///
/// * text if 45 % of the neighbours are equal and no more than 40 % of the others differ by less than 8 steps,
/// * text also if 75 % are equal and 25 % of the others differ by 8 steps or more,
/// * photo otherwise.
///
/// Text drawn over a photo is a photo by this measure, and so is text from a noisy source; an area that holds both
/// side by side is better asked about in parts.
pub fn classify(image: &ImageView<'_>, rect: Rect) -> Class {
    let format = image.format();
    let Some(rect) = to_units(format.pixel, (format.width_px, format.height_px), rect) else {
        return Class::Flat;
    };
    if is_flat(image, rect) {
        return Class::Flat;
    }
    let neighbours = Neighbours::sample(image, rect);
    if neighbours.are_text() { Class::Text } else { Class::Photo }
}

/// Whether all pixels of a rectangle are equal. It begins and ends on whole units inside the picture.
pub(crate) fn is_flat(image: &ImageView<'_>, rect: Rect) -> bool {
    let pixel = image.format().pixel;
    image.planes().iter().enumerate().all(|(index, plane)| {
        let layout = PlaneLayout::new(pixel, index);
        let columns = layout.columns(rect.x..rect.right(), plane);
        let mut rows = layout.rows(rect.y..rect.bottom()).map(|row| &plane.row(row)[columns.clone()]);
        let Some(first) = rows.next() else { return true };
        let period = period_bytes(pixel, index).min(first.len());
        first[period..] == first[..first.len() - period] && rows.all(|row| row == first)
    })
}

/// How the sampled pixels differ from their right neighbours.
#[derive(Debug, Default)]
struct Neighbours {
    equal: u32,
    /// Differ by less than [`SMALL_STEP`].
    similar: u32,
    different: u32,
}

impl Neighbours {
    fn sample(image: &ImageView<'_>, rect: Rect) -> Self {
        let plane = image.plane(0);
        let samples = Samples::of(image.format().pixel);
        let mut found = Self::default();
        // Whole segments of rows, as a checkerboard that covers the rectangle evenly.
        let segments = rect.width.div_ceil(SEGMENT_PX);
        let wanted_rows = (MOST_PAIRS / (segments.min(MOST_SEGMENTS) * SEGMENT_PX)).max(1);
        let step_y = rect.height.div_ceil(wanted_rows);
        let step_x = segments.div_ceil(MOST_SEGMENTS);
        for (turn, y) in (rect.y..rect.bottom()).step_by(step_y as usize).enumerate() {
            let row = plane.row(y as usize);
            let first = if turn % 2 == 0 { 0 } else { step_x / 2 };
            for segment in (first..segments).step_by(step_x as usize) {
                let left = rect.x + segment * SEGMENT_PX;
                found.count(row, left, (left + SEGMENT_PX).min(rect.right()), samples);
            }
        }
        found
    }

    fn count(&mut self, row: &[u8], left: u32, right: u32, samples: Samples) {
        let bytes = &row[left as usize * samples.step..];
        let pixels = bytes.chunks_exact(samples.step).take((right - left) as usize);
        let mut pixels = pixels.map(|pixel| &pixel[samples.first..samples.first + samples.count]);
        let Some(mut before) = pixels.next() else { return };
        for pixel in pixels {
            let step = before.iter().zip(pixel).map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(0);
            match step {
                0 => self.equal += 1,
                1..SMALL_STEP => self.similar += 1,
                _ => self.different += 1,
            }
            before = pixel;
        }
    }

    fn are_text(&self) -> bool {
        let others = self.similar + self.different;
        let all = self.equal + others;
        (self.equal * 100 >= all * 45 && self.similar * 100 <= others * 40)
            || (self.equal * 100 >= all * 75 && self.different * 100 >= others * 25)
    }
}

/// Where the samples to compare lie in the bytes of a pixel of the first plane: luma, or all three colours.
#[derive(Debug, Clone, Copy)]
struct Samples {
    step: usize,
    first: usize,
    count: usize,
}

impl Samples {
    fn of(pixel: PixelFormat) -> Self {
        let (step, first, count) = match pixel {
            PixelFormat::Yuyv | PixelFormat::Yvyu => (2, 0, 1),
            PixelFormat::Uyvy | PixelFormat::Vyuy => (2, 1, 1),
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => (3, 0, 3),
            PixelFormat::Bgrx => (4, 0, 3),
            PixelFormat::Xrgb => (4, 1, 3),
            _ => (1, 0, 1),
        };
        Self { step, first, count }
    }
}

/// After how many bytes a row of one colour repeats in a plane.
fn period_bytes(pixel: PixelFormat, plane: usize) -> usize {
    let pixels = match pixel {
        PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Yvyu | PixelFormat::Vyuy => 2,
        _ if plane > 0 => 1 << pixel.chroma_shifts().0,
        _ => 1,
    };
    PlaneLayout::new(pixel, plane).tile_bytes() * pixels / Tiles::TILE_PX as usize
}

/// Steps below which two pixels count as similar.
const SMALL_STEP: u8 = 8;
const SEGMENT_PX: u32 = 64;
const MOST_SEGMENTS: u32 = 8;
const MOST_PAIRS: u32 = 8192;
