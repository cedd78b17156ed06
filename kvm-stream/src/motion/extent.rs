//! How far something that moved reaches.

use std::ops::Range;

use kvm_capture::ImageView;

use crate::classify::is_flat;
use crate::diff::{Vector, has_moved, mark_differing, mark_plainly_differing};
use crate::layout::unit_px;
use crate::tiles::{is_set, set_bits};
use crate::{CopyRect, Rect, Tiles};

/// Finds the rectangles in which a vector explains the change, first by tiles, then to the pixel.
#[derive(Debug, Default)]
pub(super) struct Extents {
    // Tiles that the vector does not explain, or that must not be copied to.
    unfit: Tiles,
    // How many tiles of the change lie above and left of each corner of a tile.
    sums: Vec<u32>,
    heights: Vec<u32>,
    starts: Vec<(u32, u32)>,
}

impl Extents {
    /// Adds the copies by a vector that each explain at least so many tiles of `left`, takes the tiles they cover out of
    /// it, and tells whether there is any. A vector that explains fewer than `worth` in all is soon given up.
    ///
    /// `effort` is how many tiles may still be verified, less those that were.
    pub(super) fn extract(
        &mut self,
        (before, now): (&ImageView<'_>, &ImageView<'_>),
        vector: Vector,
        (least, worth): (usize, usize),
        effort: &mut usize,
        left: &mut Tiles,
        copies: &mut Vec<CopyRect>,
    ) -> bool {
        let Some((columns, rows)) = bounds(left) else { return false };
        self.unfit.reset(left.size_px());
        for row in rows.clone() {
            let marks = self.unfit.rows_mut(row..row + 1);
            set_bits(marks, 0..columns.start);
            set_bits(marks, columns.end..left.columns());
        }
        for copy in copies.iter() {
            self.unfit.insert_rect(copy.to);
        }
        mark_plainly_differing(before, now, vector, rows.clone(), self.unfit.rows_mut(rows.clone()));
        let verified = rows.len() * left.columns() as usize - self.unfit.len();
        if left.count_without(&self.unfit) < worth || verified > *effort {
            return false;
        }
        *effort -= verified;
        mark_differing(before, now, vector, rows.clone(), self.unfit.rows_mut(rows.clone()));
        if left.count_without(&self.unfit) < worth {
            return false;
        }
        let had = copies.len();
        while copies.len() < had + MOST_PER_VECTOR && copies.len() < MOST_COPIES {
            // All that is left to explain may be too little for another rectangle.
            if left.count_without(&self.unfit) < least {
                break;
            }
            let Some(tiles) = self.best_rect(least, left, &columns, &rows) else { break };
            let rect = pixels(left, tiles);
            // Whatever comes of it, it is not to be found again.
            self.unfit.insert_rect(rect);
            let rect = grown(before, now, vector, rect, left, copies);
            let format = now.format();
            let Some(from) = vector.source_of(rect, (format.width_px, format.height_px)) else { continue };
            if is_flat(now, rect) {
                continue;
            }
            left.remove_inside(rect);
            self.unfit.insert_rect(rect);
            copies.push(CopyRect { from_x: from.x, from_y: from.y, to: rect });
        }
        copies.len() > had
    }

    /// The rectangle of tiles, none of them unfit, that holds the most tiles of the change, shrunk to those; `None`
    /// if it holds too few.
    fn best_rect(
        &mut self,
        least: usize,
        left: &Tiles,
        columns: &Range<u32>,
        rows: &Range<u32>,
    ) -> Option<Rect> {
        self.sum_up(left, columns, rows);
        let width = columns.len() + 1;
        let sums = &self.sums;
        let count = |column: Range<u32>, row: Range<u32>| {
            let at = |column: u32, row: u32| {
                sums[(row - rows.start) as usize * width + (column - columns.start) as usize]
            };
            at(column.end, row.end) + at(column.start, row.start)
                - at(column.end, row.start)
                - at(column.start, row.end)
        };
        let mut most = u32::try_from(least.saturating_sub(1)).unwrap_or(u32::MAX);
        let mut best = None;
        self.heights.clear();
        self.heights.resize(columns.len(), 0);
        for row in rows.clone() {
            let unfit = self.unfit.row(row);
            self.starts.clear();
            // For each height, the column from which on the rectangles ending in this row are at least that high.
            for column in columns.start..=columns.end {
                let height = if column < columns.end {
                    let height = &mut self.heights[(column - columns.start) as usize];
                    *height = if is_set(unfit, column) { 0 } else { *height + 1 };
                    *height
                } else {
                    0
                };
                let mut start = column;
                while let Some(&(from, higher)) = self.starts.last().filter(|(_, higher)| *higher > height) {
                    self.starts.pop();
                    let found = count(from..column, row + 1 - higher..row + 1);
                    if found > most {
                        most = found;
                        best = Some(Rect::new(from, row + 1 - higher, column - from, higher));
                    }
                    start = from;
                }
                if height > 0 && self.starts.last().is_none_or(|(_, lower)| *lower < height) {
                    self.starts.push((start, height));
                }
            }
        }
        let best = best?;
        let filled_rows =
            (best.y..best.bottom()).filter(|row| count(best.x..best.right(), *row..row + 1) > 0);
        let filled_columns =
            (best.x..best.right()).filter(|column| count(*column..column + 1, best.y..best.bottom()) > 0);
        let (y, height) = ends(filled_rows)?;
        let (x, width) = ends(filled_columns)?;
        Some(Rect::new(x, y, width, height))
    }

    fn sum_up(&mut self, left: &Tiles, columns: &Range<u32>, rows: &Range<u32>) {
        let width = columns.len() + 1;
        self.sums.clear();
        self.sums.resize(width * (rows.len() + 1), 0);
        for (index, row) in rows.clone().enumerate() {
            let mut in_row = 0;
            let bits = left.row(row);
            let (above, sums) = self.sums[index * width..].split_at_mut(width);
            for ((sum, above), column) in sums[1..].iter_mut().zip(&above[1..]).zip(columns.clone()) {
                in_row += u32::from(is_set(bits, column));
                *sum = above + in_row;
            }
        }
    }
}

/// The rectangle with every row and column added, as far as a tile, in which the vector explains the picture too.
/// Not added is what did not change anyway, and what another copy covers.
fn grown(
    before: &ImageView<'_>,
    now: &ImageView<'_>,
    vector: Vector,
    rect: Rect,
    changed: &Tiles,
    copies: &[CopyRect],
) -> Rect {
    let (unit_x, unit_y) = unit_px(now.format().pixel);
    let (width, height) = changed.size_px();
    let mut rect = rect;
    for side in Side::ALL {
        let reach = side.strip(rect, Tiles::TILE_PX, Tiles::TILE_PX, (width, height));
        if !reach.is_some_and(|reach| changed.intersects(reach)) {
            continue;
        }
        for _ in 1..Tiles::TILE_PX {
            let Some(strip) = side.strip(rect, unit_x, unit_y, (width, height)) else { break };
            let is_taken = copies.iter().any(|copy| copy.to.intersection(strip).is_some());
            if is_taken || !has_moved(before, now, vector, strip) {
                break;
            }
            rect = rect.union(strip);
        }
    }
    rect
}

/// The sides of a rectangle.
#[derive(Debug, Clone, Copy)]
enum Side {
    Above,
    Below,
    Left,
    Right,
}

impl Side {
    const ALL: [Self; 4] = [Self::Above, Self::Below, Self::Left, Self::Right];

    /// The pixels beside a rectangle on this side, so many columns or rows of them and fewer at the picture's edge;
    /// `None` beyond it.
    fn strip(self, rect: Rect, across: u32, down: u32, (width, height): (u32, u32)) -> Option<Rect> {
        let strip = match self {
            Self::Above => {
                let y = rect.y.saturating_sub(down);
                Rect::new(rect.x, y, rect.width, rect.y - y)
            }
            Self::Below => Rect::new(rect.x, rect.bottom(), rect.width, down),
            Self::Left => {
                let x = rect.x.saturating_sub(across);
                Rect::new(x, rect.y, rect.x - x, rect.height)
            }
            Self::Right => Rect::new(rect.right(), rect.y, across, rect.height),
        };
        strip.intersection(Rect::new(0, 0, width, height))
    }
}

/// Columns and rows around all tiles of a set.
fn bounds(tiles: &Tiles) -> Option<(Range<u32>, Range<u32>)> {
    let mut filled = (0..tiles.rows()).filter(|row| tiles.runs(*row).next().is_some());
    let first = filled.next()?;
    let rows = first..filled.next_back().unwrap_or(first) + 1;
    let runs = rows.clone().flat_map(|row| tiles.runs(row));
    let columns = runs.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))?;
    Some((columns, rows))
}

/// A rectangle of tiles as pixels.
fn pixels(tiles: &Tiles, rect: Rect) -> Rect {
    tiles.rect_of(rect.x, rect.y).union(tiles.rect_of(rect.right() - 1, rect.bottom() - 1))
}

/// First value, and distance to behind the last.
fn ends(mut values: impl DoubleEndedIterator<Item = u32>) -> Option<(u32, u32)> {
    let first = values.next()?;
    Some((first, values.next_back().unwrap_or(first) + 1 - first))
}

/// How many copies one vector may bring, and all of them.
const MOST_PER_VECTOR: usize = 4;
const MOST_COPIES: usize = 16;
