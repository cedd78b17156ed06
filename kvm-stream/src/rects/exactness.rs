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

    /// Whether this tile has stood still for so long.
    pub(super) fn is_still(&self, column: u32, row: u32, now: Timestamp, wait: Duration) -> bool {
        let index = row as usize * self.inexact.columns() as usize + column as usize;
        self.changed.get(index).is_none_or(|changed| now.saturating_since(*changed) >= wait)
    }
}
