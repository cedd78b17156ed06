//! Which tiles of a frame differ from the frame before.

use kvm_capture::{Frame, FrameFormat, ImageView, PixelFormat, PlaneView};

use crate::{Damage, Rect, Tiles};

/// Finds what changed since the frame before, exactly and in the capture's own format.
///
/// The frame before is *held*, not copied: for a captured frame that is one of the driver's buffers. Both frames
/// are read once, front to back; an unchanged frame costs one comparison of memory and nothing else.
///
/// The unused byte of 32-bit formats is compared like any other: a source that writes noise there would be seen
/// as changing.
#[derive(Debug, Default)]
pub struct TileDiff {
    previous: Option<Frame>,
    // Which tile columns of the band at hand differ; kept between frames for its memory.
    changed: Vec<bool>,
}

impl TileDiff {
    /// Creates a difference engine that has not seen a frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// What changed from the frame before to this one, which takes its place.
    ///
    /// All of it when there is no frame before, or one of another format. A compressed frame is either equal to
    /// the one before, byte for byte, or changed all over.
    pub fn compare(&mut self, frame: Frame) -> Damage {
        let format = frame.format();
        let damage = match &self.previous {
            Some(previous) if previous.format() == format => match (previous.image(), frame.image()) {
                (Some(before), Some(now)) => compare_images(&before, &now, &mut self.changed),
                _ if previous.compressed() == frame.compressed() => Damage::NONE,
                _ => Damage::full(format.width_px, format.height_px),
            },
            _ => Damage::full(format.width_px, format.height_px),
        };
        self.previous = Some(frame);
        damage
    }

    /// Takes a frame without comparing it, when nobody asks what changed.
    pub fn hold(&mut self, frame: Frame) {
        self.previous = Some(frame);
    }

    /// The frame that the next one will be compared with.
    pub fn previous(&self) -> Option<&Frame> {
        self.previous.as_ref()
    }

    /// Forgets the frame before and gives its buffer back; the next frame is changed all over.
    pub fn forget(&mut self) {
        self.previous = None;
    }

    /// How many tiles a frame of this format has.
    pub fn tiles(format: FrameFormat) -> u32 {
        format.width_px.div_ceil(Tiles::TILE_PX) * format.height_px.div_ceil(Tiles::TILE_PX)
    }
}

fn compare_images(before: &ImageView<'_>, now: &ImageView<'_>, changed: &mut Vec<bool>) -> Damage {
    let format = now.format();
    let columns = format.width_px.div_ceil(Tiles::TILE_PX) as usize;
    let mut damage = Damage::default();
    for top in (0..format.height_px).step_by(Tiles::TILE_PX as usize) {
        let height = Tiles::TILE_PX.min(format.height_px - top);
        changed.clear();
        changed.resize(columns, false);
        let planes = before.planes().iter().zip(now.planes()).enumerate();
        let mut band_changed = false;
        for (index, (before, now)) in planes {
            let shift = if index == 0 { 0 } else { format.pixel.chroma_shifts().1 };
            let rows = (top >> shift) as usize..((top + height).div_ceil(1 << shift)) as usize;
            let tile_bytes = tile_bytes(format.pixel, index);
            band_changed |= mark_changed_tiles(before, now, rows, tile_bytes, changed);
        }
        if band_changed {
            damage.push_band(runs(changed, top, height, format.width_px));
        }
    }
    damage
}

/// Marks the tile columns in which these rows of a plane differ, and tells whether any does.
fn mark_changed_tiles(
    before: &PlaneView<'_>,
    now: &PlaneView<'_>,
    rows: std::ops::Range<usize>,
    tile_bytes: usize,
    changed: &mut [bool],
) -> bool {
    let gapless = |plane: &PlaneView<'_>| plane.stride() == plane.size().row_bytes;
    if gapless(before) && gapless(now) && before.span(rows.start, rows.end) == now.span(rows.start, rows.end)
    {
        return false;
    }
    let mut any = false;
    for row in rows {
        let (before, now) = (before.row(row), now.row(row));
        if before == now {
            continue;
        }
        any = true;
        let tiles = before.chunks(tile_bytes).zip(now.chunks(tile_bytes));
        for ((before, now), changed) in tiles.zip(changed.iter_mut()) {
            *changed = *changed || before != now;
        }
    }
    any
}

/// Neighbouring changed tiles of one band as rectangles.
fn runs(changed: &[bool], top: u32, height: u32, width_px: u32) -> impl Iterator<Item = Rect> {
    let mut columns = (0_u32..).zip(changed).peekable();
    std::iter::from_fn(move || {
        let (first, _) = columns.by_ref().find(|(_, changed)| **changed)?;
        let mut last = first;
        while let Some((column, _)) = columns.next_if(|(_, changed)| **changed) {
            last = column;
        }
        let left = first * Tiles::TILE_PX;
        let right = ((last + 1) * Tiles::TILE_PX).min(width_px);
        Some(Rect::new(left, top, right - left, height))
    })
}

/// Bytes that one tile takes in a row of a plane.
fn tile_bytes(pixel: PixelFormat, plane: usize) -> usize {
    // The planes of a picture one tile wide and high tell it for every format.
    let mut planes = pixel.planes(Tiles::TILE_PX, Tiles::TILE_PX);
    planes.nth(plane).map_or(1, |size| size.row_bytes)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn frame(format: FrameFormat, bytes: &[u8]) -> Frame {
        Frame::packed(format, Bytes::copy_from_slice(bytes)).unwrap()
    }

    /// The pixels that byte `offset` of a packed frame belongs to, by asking which pixels' bytes it is.
    fn pixels_of_byte(format: FrameFormat, offset: usize) -> Vec<(u32, u32)> {
        let mut start = 0;
        let (shift_x, shift_y) = format.pixel.chroma_shifts();
        for (index, size) in format.pixel.planes(format.width_px, format.height_px).enumerate() {
            let len = size.row_bytes * size.rows;
            if offset < start + len {
                let row = u32::try_from((offset - start) / size.row_bytes).unwrap();
                let column = u32::try_from((offset - start) % size.row_bytes).unwrap();
                let (per_pixel, shifts) = match (format.pixel, index) {
                    (PixelFormat::Rgb24 | PixelFormat::Bgr24, _) => (3, (0, 0)),
                    (PixelFormat::Bgrx | PixelFormat::Xrgb, _) => (4, (0, 0)),
                    (PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Yvyu | PixelFormat::Vyuy, _) => {
                        (4, (1, 0))
                    }
                    (_, 0) | (PixelFormat::I420, _) => (1, if index == 0 { (0, 0) } else { (1, 1) }),
                    (_, _) => (2, (shift_x, shift_y)),
                };
                let (x, y) = ((column / per_pixel) << shifts.0, row << shifts.1);
                return (y..y + (1 << shifts.1))
                    .flat_map(|y| (x..x + (1 << shifts.0)).map(move |x| (x, y)))
                    .filter(|&(x, y)| x < format.width_px && y < format.height_px)
                    .collect();
            }
            start += len;
        }
        unreachable!("offset beyond the frame")
    }

    proptest! {
        #[test]
        fn damage_covers_every_change_and_only_changed_tiles(
            index in 0..PixelFormat::ALL.len() - 1,
            (width, height) in (1_u32..70, 1_u32..50),
            changes in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        ) {
            let format = FrameFormat::new(PixelFormat::ALL[index], width, height);
            let before = vec![100; format.len_bytes()];
            let mut now = before.clone();
            let mut touched = Vec::new();
            for change in changes {
                let offset = change.index(now.len());
                now[offset] = 101;
                touched.extend(pixels_of_byte(format, offset));
            }
            let mut diff = TileDiff::new();
            prop_assert_eq!(diff.compare(frame(format, &before)), Damage::full(width, height));
            let damage = diff.compare(frame(format, &now));
            for &(x, y) in &touched {
                prop_assert!(damage.contains(x, y), "{x},{y} changed outside {damage:?}");
            }
            let tile = |x: u32, y: u32| (x / Tiles::TILE_PX, y / Tiles::TILE_PX);
            let touched_tiles: std::collections::HashSet<_> = touched.iter().map(|&(x, y)| tile(x, y)).collect();
            let mut area = 0;
            for y in 0..height {
                for x in 0..width {
                    if damage.contains(x, y) {
                        area += 1;
                        prop_assert!(touched_tiles.contains(&tile(x, y)), "{x},{y} did not change");
                    }
                }
            }
            prop_assert_eq!(damage.area(), area, "rectangles overlap");
        }
    }

    #[test]
    fn the_same_picture_with_other_padding_is_the_same() {
        let format = FrameFormat::new(PixelFormat::Grey, 20, 20);
        let with_padding = |padding: u8| {
            let bytes: Vec<u8> =
                (0..20).flat_map(|row| [vec![row; 20], vec![padding; 12]].concat()).collect();
            Frame::contiguous(format, &Bytes::from(bytes), [32]).unwrap()
        };
        let mut diff = TileDiff::new();
        diff.compare(with_padding(1));
        assert!(diff.compare(with_padding(2)).is_empty());
    }

    #[test]
    fn another_format_is_changed_all_over() {
        let mut diff = TileDiff::new();
        diff.compare(frame(FrameFormat::new(PixelFormat::Grey, 16, 16), &[0; 256]));
        let damage = diff.compare(frame(FrameFormat::new(PixelFormat::Grey, 32, 8), &[0; 256]));
        assert_eq!(damage, Damage::full(32, 8));
        diff.forget();
        assert!(diff.previous().is_none());
    }

    #[test]
    fn compressed_frames_are_equal_or_not() {
        let format = FrameFormat::new(PixelFormat::Mjpeg, 64, 48);
        let mut diff = TileDiff::new();
        diff.compare(frame(format, b"one"));
        assert!(diff.compare(frame(format, b"one")).is_empty());
        assert_eq!(diff.compare(frame(format, b"two")), Damage::full(64, 48));
    }
}
