//! Which parts of a client's picture are not exact yet, and since when they stand still.

use std::time::Duration;

use kvm_capture::Timestamp;

use crate::{CopyRect, Rect, Tiles};

/// What a client has of a picture: for each tile whether it is exact, and when it last changed.
#[derive(Debug)]
pub(super) struct Exactness {
    inexact: Tiles,
    // For each tile, row by row: when it last changed.
    changed: Vec<Timestamp>,
    /// What was inexact before the copies that are being noted.
    before: Tiles,
}

impl Exactness {
    /// Of a picture of which nothing is there yet.
    pub(super) fn new(width_px: u32, height_px: u32) -> Self {
        let inexact = Tiles::full(width_px, height_px);
        let tiles = inexact.columns() as usize * inexact.rows() as usize;
        Self { before: inexact.clone(), inexact, changed: vec![Timestamp::default(); tiles] }
    }

    /// The tiles that are not exact.
    pub(super) fn inexact(&self) -> &Tiles {
        &self.inexact
    }

    /// Nothing is exact any more.
    pub(super) fn forget(&mut self) {
        let (width_px, height_px) = self.inexact.size_px();
        self.inexact.insert_rect(Rect::new(0, 0, width_px, height_px));
    }

    /// The rectangle changed at this time.
    pub(super) fn changed(&mut self, rect: Rect, now: Timestamp) {
        let columns = self.inexact.columns();
        let (left, right) = (rect.x / Tiles::TILE_PX, rect.right().div_ceil(Tiles::TILE_PX).min(columns));
        let (top, bottom) = (rect.y / Tiles::TILE_PX, rect.bottom().div_ceil(Tiles::TILE_PX));
        for row in top..bottom.min(self.inexact.rows()) {
            let row = row as usize * columns as usize;
            self.changed[row + left as usize..row + right as usize].fill(now);
        }
    }

    /// The client gets this rectangle as it is.
    pub(super) fn sent_exact(&mut self, rect: Rect) {
        self.inexact.remove_inside(rect);
    }

    /// The client gets something like this rectangle.
    pub(super) fn sent_alike(&mut self, rect: Rect) {
        self.inexact.insert_rect(rect);
    }

    /// These tiles are not exact either.
    pub(super) fn also_inexact(&mut self, tiles: &Tiles) {
        self.inexact.union_with(tiles);
    }

    /// The client copies within its picture: what is not exact stays so where it goes. The copies are independent
    /// of each other.
    pub(super) fn copied(&mut self, copies: &[CopyRect], now: Timestamp) {
        self.before.clone_from(&self.inexact);
        for copy in copies {
            self.changed(copy.to, now);
            if !self.before.intersects(copy.from()) {
                self.inexact.remove_inside(copy.to);
                continue;
            }
            let (left, right) = (copy.to.x / Tiles::TILE_PX, copy.to.right().div_ceil(Tiles::TILE_PX));
            let (top, bottom) = (copy.to.y / Tiles::TILE_PX, copy.to.bottom().div_ceil(Tiles::TILE_PX));
            for (column, row) in (top..bottom).flat_map(|row| (left..right).map(move |column| (column, row)))
            {
                let tile = self.inexact.rect_of(column, row);
                let Some(part) = tile.intersection(copy.to) else { continue };
                let source =
                    Rect { x: part.x - copy.to.x + copy.from_x, y: part.y - copy.to.y + copy.from_y, ..part };
                if self.before.intersects(source) {
                    self.inexact.insert(column, row);
                } else if part == tile {
                    self.inexact.remove(column, row);
                }
            }
        }
    }

    /// The first rectangle, in rows of tiles from this one on, that has stood still for so long and is not exact; nothing of
    /// it is in `playing`. It is of this many pixels at most, or one tile.
    pub(super) fn next_due(&self, from_row: u32, due: Due) -> Option<Rect> {
        let (columns, rows) = (self.inexact.columns(), self.inexact.rows());
        for row in from_row..rows {
            let Some(first) = (0..columns).find(|column| self.is_due(*column, row, due)) else { continue };
            let most = u32::try_from(due.most_px / TILE_AREA_PX).unwrap_or(u32::MAX).max(1);
            let last = (first + 1..columns)
                .take_while(|column| column - first < most.min(WIDEST) && self.is_due(*column, row, due))
                .last()
                .unwrap_or(first);
            let most_rows = most / (last + 1 - first);
            let bottom = (row + 1..rows)
                .take_while(|below| {
                    below - row < most_rows && (first..=last).all(|column| self.is_due(column, *below, due))
                })
                .last()
                .unwrap_or(row);
            return Some(self.inexact.rect_of(first, row).union(self.inexact.rect_of(last, bottom)));
        }
        None
    }

    fn is_due(&self, column: u32, row: u32, due: Due) -> bool {
        let index = row as usize * self.inexact.columns() as usize + column as usize;
        let is_still = |changed: &Timestamp| due.now.saturating_since(*changed) >= due.wait;
        self.inexact.contains(column, row)
            && self.changed.get(index).is_none_or(is_still)
            && due
                .playing
                .is_none_or(|playing| self.inexact.rect_of(column, row).intersection(playing).is_none())
    }
}

/// What is due to become exact.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) now: Timestamp,
    /// For how long it has stood still.
    pub(super) wait: Duration,
    /// Where a film plays, whose next picture would paint over it.
    pub(super) playing: Option<Rect>,
    /// The most pixels of one rectangle.
    pub(super) most_px: u64,
}

const TILE_AREA_PX: u64 = (Tiles::TILE_PX * Tiles::TILE_PX) as u64;
/// In tiles.
const WIDEST: u32 = 64;
