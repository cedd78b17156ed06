//! Which macroblocks get better while nothing changes, and which are still owed.

use super::moves::Moves;
use crate::{Rect, Tiles};

/// Remembers where a picture could be better.
///
/// What changes is coded at once and coarsely; what then stands still for a while is coded once more. Macroblocks that
/// did not fit into a picture at all are owed to the next one.
#[derive(Debug)]
pub(super) struct Refinement {
    /// Macroblocks whose errors can be seen, if one looks for them.
    rough: Tiles,
    /// Those before the picture that is being coded, from which rough ones are moved.
    rough_before: Tiles,
    /// What changed since the last turn, and in the turn before it: too young to be refined.
    young: [Tiles; 2],
    /// Macroblocks that show something old.
    owed: Tiles,
    calls: u32,
    /// Row and column to go on at.
    next: (u32, u32),
    /// Bytes that a macroblock took, on average, times 16.
    mean_x16: usize,
}

impl Refinement {
    /// The squared error of a macroblock (384 samples) that need not become less: a PSNR of 48 dB.
    pub(super) const FINE: u32 = 384;
    /// Pictures, or calls without one, that something stands still for at least before it is refined.
    const TURN: u32 = 8;

    pub(super) fn new(width_px: u32, height_px: u32) -> Self {
        let none = Tiles::new(width_px, height_px);
        Self {
            rough: none.clone(),
            rough_before: none.clone(),
            young: [none.clone(), none.clone()],
            owed: none,
            calls: 0,
            next: (0, 0),
            mean_x16: 40 * 16,
        }
    }

    /// Whether there is anything to do though nothing changes.
    pub(super) fn is_due(&self) -> bool {
        !self.rough.is_empty() || !self.owed.is_empty()
    }

    /// Macroblocks that show something old.
    pub(super) fn owed(&self) -> &Tiles {
        &self.owed
    }

    /// Begins a picture, or would have.
    pub(super) fn begin(&mut self) {
        self.calls += 1;
        if self.calls >= Self::TURN {
            self.calls = 0;
            self.young.swap(0, 1);
            self.young[0].clear();
        }
    }

    /// Notes what moved: where from rough macroblocks, it is rough again.
    pub(super) fn move_along(&mut self, moves: &Moves) {
        if moves.moved().is_empty() || self.rough.is_empty() {
            return;
        }
        self.rough_before.copy_from(&self.rough);
        for (to, vector) in moves.moved() {
            let moved = |at: u32, by: i16| at.saturating_add_signed(i32::from(by >> 2));
            for row in to.y / Tiles::TILE_PX..to.bottom().div_ceil(Tiles::TILE_PX) {
                for column in to.x / Tiles::TILE_PX..to.right().div_ceil(Tiles::TILE_PX) {
                    let tile = self.rough.rect_of(column, row);
                    let from = Rect { x: moved(tile.x, vector.x), y: moved(tile.y, vector.y), ..tile };
                    if self.rough_before.intersects(from) {
                        self.rough.insert(column, row);
                    } else {
                        self.rough.remove(column, row);
                    }
                }
            }
        }
        self.young[0].union_with(moves.changing());
    }

    /// Chooses macroblocks that stood still, not among those that change, for about so many bytes.
    pub(super) fn choose(&mut self, changing: &Tiles, bytes: usize, chosen: &mut Tiles) {
        chosen.clear();
        let mut count = bytes * 16 / self.mean_x16.max(16);
        let (rows, columns) = (self.rough.rows(), self.rough.columns());
        let (mut row, mut column) = self.next;
        for _ in 0..=rows {
            while let Some(run) = self.rough.next_run(row, column) {
                for at in run.clone() {
                    let is_young = self.young.iter().any(|young| young.contains(at, row));
                    if is_young || changing.contains(at, row) {
                        continue;
                    }
                    if count == 0 {
                        self.next = (row, at);
                        return;
                    }
                    chosen.insert(at, row);
                    count -= 1;
                }
                column = run.end;
                if column >= columns {
                    break;
                }
            }
            (row, column) = ((row + 1) % rows.max(1), 0);
        }
        self.next = (0, 0);
    }

    /// Notes a macroblock that was coded because it changed, or turned out to be as it was, and its squared error.
    pub(super) fn changed(&mut self, column: u32, row: u32, error: u32, can_be_finer: bool, is_still: bool) {
        self.owed.remove(column, row);
        if can_be_finer && error > Self::FINE {
            self.rough.insert(column, row);
            if !is_still {
                self.young[0].insert(column, row);
            }
        } else {
            self.rough.remove(column, row);
        }
    }

    /// Notes a macroblock that was refined, and what it took.
    pub(super) fn refined(&mut self, column: u32, row: u32, bits: usize) {
        self.rough.remove(column, row);
        self.mean_x16 = (self.mean_x16 * 15 + bits * 2).div_ceil(16);
    }

    /// Notes macroblocks that did not come into a picture.
    pub(super) fn owe_all(&mut self, tiles: &Tiles) {
        self.owed.union_with(tiles);
    }

    /// Notes a macroblock that did not fit.
    pub(super) fn owe(&mut self, column: u32, row: u32) {
        self.owed.insert(column, row);
    }
}
