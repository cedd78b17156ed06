//! Where the bytes of a rectangle of pixels lie in the planes of a picture.

use std::ops::Range;

use kvm_capture::{PixelFormat, PlaneView};

use crate::{Rect, Tiles};

/// Where a plane of a format keeps the bytes of pixels.
///
/// Rectangles asked for begin on whole [units](unit_px) and end on them, or at the picture's edge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaneLayout {
    unit: (u32, u32),
    shift_y: u32,
    tile_bytes: usize,
}

impl PlaneLayout {
    /// The layout of a plane, counted from 0.
    pub(crate) fn new(pixel: PixelFormat, plane: usize) -> Self {
        // The planes of a picture one tile wide tell it for every format.
        let mut planes = pixel.planes(Tiles::TILE_PX, Tiles::TILE_PX);
        let tile_bytes = planes.nth(plane).map_or(1, |size| size.row_bytes);
        let shift_y = if plane == 0 { 0 } else { pixel.chroma_shifts().1 };
        Self { unit: unit_px(pixel), shift_y, tile_bytes }
    }

    /// Bytes that one tile takes in a row.
    pub(crate) fn tile_bytes(self) -> usize {
        self.tile_bytes
    }

    /// The bytes of a row that these columns of pixels take.
    pub(crate) fn columns(self, columns: Range<u32>, plane: &PlaneView<'_>) -> Range<usize> {
        let byte = |x: u32| x as usize * self.tile_bytes / Tiles::TILE_PX as usize;
        let end = columns.end.next_multiple_of(self.unit.0);
        byte(columns.start)..byte(end).min(plane.size().row_bytes)
    }

    /// How many bytes further something lies that moved to the right by so many pixels.
    pub(crate) fn bytes_right(self, dx: i32) -> isize {
        // The byte of the pixel that many to the right of the first, or as far to its left.
        let bytes = dx.unsigned_abs() as usize * self.tile_bytes / Tiles::TILE_PX as usize;
        let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
        if dx < 0 { -bytes } else { bytes }
    }

    /// The pixels that these bytes and rows of the plane belong to, rounded outwards.
    pub(crate) fn pixels(self, columns: Range<usize>, rows: Range<usize>) -> Rect {
        let pixel = |byte: usize| u32::try_from(byte * Tiles::TILE_PX as usize).unwrap_or(u32::MAX);
        let tile_bytes = u32::try_from(self.tile_bytes).unwrap_or(u32::MAX);
        let row = |row: usize| u32::try_from(row << self.shift_y).unwrap_or(u32::MAX);
        let (x, right) = (pixel(columns.start) / tile_bytes, pixel(columns.end).div_ceil(tile_bytes));
        Rect::new(x, row(rows.start), right - x, row(rows.end) - row(rows.start))
    }

    /// The rows of the plane that hold these rows of pixels.
    pub(crate) fn rows(self, rows: Range<u32>) -> Range<usize> {
        (rows.start >> self.shift_y) as usize..rows.end.div_ceil(1 << self.shift_y) as usize
    }
}

/// The smallest step, across and down, by which a format's pixels can be moved or cut apart: two pixels where they
/// share their colour differences.
pub(crate) fn unit_px(pixel: PixelFormat) -> (u32, u32) {
    let (shift_x, shift_y) = pixel.chroma_shifts();
    (1 << shift_x, 1 << shift_y)
}

/// The rectangle with its edges moved outwards to whole units, as far as the picture goes; `None` if none of it is
/// inside the picture.
pub(crate) fn to_units(pixel: PixelFormat, (width_px, height_px): (u32, u32), rect: Rect) -> Option<Rect> {
    let rect = rect.intersection(Rect::new(0, 0, width_px, height_px))?;
    let (unit_x, unit_y) = unit_px(pixel);
    let (x, y) = (rect.x / unit_x * unit_x, rect.y / unit_y * unit_y);
    let right = rect.right().next_multiple_of(unit_x).min(width_px);
    let bottom = rect.bottom().next_multiple_of(unit_y).min(height_px);
    Some(Rect::new(x, y, right - x, bottom - y))
}
