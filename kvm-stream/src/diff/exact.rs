//! Exact comparison of tiles with what was in their place, or elsewhere, in the picture before.

use std::ops::Range;

use kvm_capture::{ImageView, PlaneView};

use crate::layout::PlaneLayout;
use crate::tiles::{next_bit, set_bits};
use crate::{Rect, Tiles};

/// How far something moved from the picture before to this one: columns to the right and rows down, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Vector {
    pub(crate) dx: i32,
    pub(crate) dy: i32,
}

impl Vector {
    pub(crate) const ZERO: Self = Self { dx: 0, dy: 0 };

    /// Where what is at `at` now was before, if that is inside a side of this length with `len` pixels behind it.
    pub(crate) fn source(at: u32, len: u32, delta: i32, side: u32) -> Option<u32> {
        let from = at.checked_add_signed(delta.checked_neg()?)?;
        (from.checked_add(len)? <= side).then_some(from)
    }

    /// Where a rectangle was before, if that is inside a picture of this size.
    pub(crate) fn source_of(self, rect: Rect, (width, height): (u32, u32)) -> Option<Rect> {
        let x = Self::source(rect.x, rect.width, self.dx, width)?;
        let y = Self::source(rect.y, rect.height, self.dy, height)?;
        Some(Rect::new(x, y, rect.width, rect.height))
    }
}

/// Marks the tiles of these rows of tiles that differ from what was at their place, less the vector, in the picture
/// before. Tiles that are marked already are not looked at. Both pictures have the same format, and the vector is
/// of whole units.
///
/// `marks` holds the bits of these rows of a set of [`Tiles`].
pub(crate) fn mark_differing(
    before: &ImageView<'_>,
    now: &ImageView<'_>,
    vector: Vector,
    tile_rows: Range<u32>,
    marks: &mut [u64],
) {
    mark_in_rows(before, now, vector, tile_rows, (0, 1), marks);
}

/// Marks those of the tiles that differ in one row of pixels in the midst of each: nearly all that differ, at a
/// sixteenth of the cost.
pub(crate) fn mark_plainly_differing(
    before: &ImageView<'_>,
    now: &ImageView<'_>,
    vector: Vector,
    tile_rows: Range<u32>,
    marks: &mut [u64],
) {
    let tile = Tiles::TILE_PX as usize;
    mark_in_rows(before, now, vector, tile_rows, (tile / 2, tile), marks);
}

/// Marks the tiles that differ in the rows of each from `first` on in steps.
fn mark_in_rows(
    before: &ImageView<'_>,
    now: &ImageView<'_>,
    vector: Vector,
    tile_rows: Range<u32>,
    (first, step): (usize, usize),
    marks: &mut [u64],
) {
    let format = now.format();
    let (width, height) = (format.width_px, format.height_px);
    let columns = width.div_ceil(Tiles::TILE_PX);
    let words = Tiles::words_per_row(width);
    for (row, marks) in tile_rows.zip(marks.chunks_mut(words)) {
        let top = row * Tiles::TILE_PX;
        let tile_height = Tiles::TILE_PX.min(height - top);
        let Some(from_top) = Vector::source(top, tile_height, vector.dy, height) else {
            set_bits(marks, 0..columns);
            continue;
        };
        // What came from outside the picture.
        let inside = columns_inside(width, vector.dx);
        set_bits(marks, 0..inside.start);
        set_bits(marks, inside.end..columns);
        if next_bit(marks, 0..columns, false).is_none() {
            continue;
        }
        for (index, (before, now)) in before.planes().iter().zip(now.planes()).enumerate() {
            let layout = PlaneLayout::new(format.pixel, index);
            let rows = layout.rows(top..top + tile_height);
            let from_rows = layout.rows(from_top..from_top + tile_height);
            let tile_bytes = layout.tile_bytes();
            let shift = layout.bytes_right(vector.dx);
            let is_whole = vector == Vector::ZERO && marks.iter().all(|word| *word == 0);
            if is_whole && are_spans_equal(before, now, rows.clone()) {
                continue;
            }
            for (from_row, row) in from_rows.zip(rows).skip(first).step_by(step) {
                mark_in_row(before.row(from_row), now.row(row), shift, tile_bytes, columns, marks);
            }
        }
    }
}

/// Whether a rectangle of this picture is what was in its place, less the vector, in the picture before. The
/// rectangle and the vector are of whole units, and the rectangle is inside the picture.
pub(crate) fn has_moved(before: &ImageView<'_>, now: &ImageView<'_>, vector: Vector, rect: Rect) -> bool {
    let format = now.format();
    let Some(from) = vector.source_of(rect, (format.width_px, format.height_px)) else { return false };
    before.planes().iter().zip(now.planes()).enumerate().all(|(index, (before, now))| {
        let layout = PlaneLayout::new(format.pixel, index);
        let columns = layout.columns(rect.x..rect.right(), now);
        let from_columns = layout.columns(from.x..from.right(), before);
        let rows = layout.rows(rect.y..rect.bottom());
        let mut rows = layout.rows(from.y..from.bottom()).zip(rows);
        columns.len() == from_columns.len()
            && rows.all(|(from, row)| before.row(from)[from_columns.clone()] == now.row(row)[columns.clone()])
    })
}

/// Whether rows without gaps between them are equal, as one comparison of memory.
fn are_spans_equal(before: &PlaneView<'_>, now: &PlaneView<'_>, rows: Range<usize>) -> bool {
    let is_gapless = |plane: &PlaneView<'_>| plane.stride() == plane.size().row_bytes;
    is_gapless(before)
        && is_gapless(now)
        && before.span(rows.start, rows.end) == now.span(rows.start, rows.end)
}

/// Marks the tiles in which one row of bytes differs. Neighbouring tiles are compared at once, and one by one only
/// if that finds a difference.
fn mark_in_row(before: &[u8], now: &[u8], shift: isize, tile_bytes: usize, columns: u32, marks: &mut [u64]) {
    let mut from = 0;
    while let Some(first) = next_bit(marks, from..columns, false) {
        let end = next_bit(marks, first..columns, true).unwrap_or(columns);
        from = end;
        let bytes = first as usize * tile_bytes..(end as usize * tile_bytes).min(now.len());
        let (Some(start), Some(until)) =
            (bytes.start.checked_add_signed(-shift), bytes.end.checked_add_signed(-shift))
        else {
            continue;
        };
        let (before, now) = (&before[start..until.min(before.len())], &now[bytes]);
        if before == now {
            continue;
        }
        for ((column, before), now) in (first..end).zip(before.chunks(tile_bytes)).zip(now.chunks(tile_bytes))
        {
            if before != now {
                set_bits(marks, column..column + 1);
            }
        }
    }
}

/// The columns of tiles whose pixels were all inside the picture before they moved by `dx`.
fn columns_inside(width: u32, dx: i32) -> Range<u32> {
    let columns = width.div_ceil(Tiles::TILE_PX);
    let is_inside = |column: u32| {
        let left = column * Tiles::TILE_PX;
        Vector::source(left, Tiles::TILE_PX.min(width - left), dx, width).is_some()
    };
    let mut inside = (0..columns).filter(|column| is_inside(*column));
    match inside.next() {
        Some(first) => first..inside.next_back().unwrap_or(first) + 1,
        None => 0..0,
    }
}
