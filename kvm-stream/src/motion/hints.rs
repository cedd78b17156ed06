//! What probably moved, though not pixel for pixel.

use kvm_capture::ImageView;

use super::luma::Luma;
use super::patches::{PatchSearch, Reading};
use super::patience::Patience;
use super::{LEAST_SEARCHED, MOST_RECENT, SAMPLED_IN_VAIN, SAMPLED_PER_HIT, SAMPLED_TILES};
use crate::classify::is_flat;
use crate::cover::cover_with;
use crate::diff::Vector;
use crate::layout::unit_px;
use crate::{MotionHint, Tiles};

/// Finds areas in which a vector explains most of the luma, in what no copy explains: windows that moved by an odd
/// number of pixels where pairs of pixels share their colours, and magnified text that moved by a part of a pixel.
#[derive(Debug, Default)]
pub(super) struct HintSearch {
    recent: Vec<Vector>,
    patches: PatchSearch,
    patience: Patience,
    left: Tiles,
    agreed: Tiles,
    // Blocks of tiles in which enough agreed.
    blocks: Tiles,
    // How many vectors may still be tried on all that is left.
    tries: usize,
    candidates: Vec<Vector>,
    found: Vec<MotionHint>,
}

impl HintSearch {
    /// Forgets what was found in the frame before.
    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    /// Searches what is left of the change. `proposed` may have moved it, though not exactly.
    pub(super) fn find(
        &mut self,
        before: &ImageView<'_>,
        now: &ImageView<'_>,
        left: &Tiles,
        proposed: &[Vector],
    ) {
        let all = left.len();
        if all < LEAST_SEARCHED {
            return;
        }
        self.left.copy_from(left);
        self.tries = MOST_TRIES;
        self.candidates.clear();
        self.candidates.extend(&self.recent);
        self.candidates.extend(proposed.iter().filter(|vector| !self.recent.contains(vector)));
        self.try_candidates(before, now, all);
        if self.left.len() * 2 < all {
            self.patience.learn(all, false);
        } else if self.patience.allows(all) {
            let pixel = now.format().pixel;
            if unit_px(pixel) != (1, 1) {
                self.candidates.clear();
                let reading = Reading::Luma(Luma::of(pixel));
                self.patches.propose(before, now, reading, left, &self.left, &mut self.candidates);
                self.try_candidates(before, now, all);
            }
            self.patience.learn(all, self.found.is_empty());
        }
    }

    /// What was found in the last frame.
    pub(super) fn found(&self) -> &[MotionHint] {
        &self.found
    }

    fn try_candidates(&mut self, before: &ImageView<'_>, now: &ImageView<'_>, all: usize) {
        let luma = Luma::of(now.format().pixel);
        for index in 0..self.candidates.len() {
            let vector = self.candidates[index];
            if self.left.len() * 4 < all || self.tries == 0 {
                return;
            }
            if !self.is_promising(before, now, luma, vector) {
                continue;
            }
            self.tries -= 1;
            self.agreed.reset(self.left.size_px());
            for (column, row) in self.left.iter() {
                if luma.agrees(before, now, vector, self.left.rect_of(column, row)) {
                    self.agreed.insert(column, row);
                }
            }
            if self.agreed.len() < LEAST_SEARCHED {
                continue;
            }
            self.choose_blocks();
            for to in cover_with(MOST_PER_VECTOR, &self.blocks) {
                if let Some(from) = vector.source_of(to, self.left.size_px()) {
                    self.found.push(MotionHint { from_x: from.x, from_y: from.y, to });
                }
            }
            self.left.subtract(&self.agreed);
            self.recent.retain(|recent| *recent != vector);
            self.recent.insert(0, vector);
            self.recent.truncate(MOST_RECENT);
        }
    }

    /// Chooses the blocks in which a quarter of what is left agreed: few and large, as guesses may be.
    fn choose_blocks(&mut self) {
        self.blocks.reset(self.left.size_px());
        for top in (0..self.left.rows()).step_by(BLOCK_TILES as usize) {
            for first in (0..self.left.columns()).step_by(BLOCK_TILES as usize) {
                let rows = top..(top + BLOCK_TILES).min(self.left.rows());
                let columns = first..(first + BLOCK_TILES).min(self.left.columns());
                let count = |tiles: &Tiles| {
                    let in_row = |row| columns.clone().filter(|column| tiles.contains(*column, row)).count();
                    rows.clone().map(in_row).sum::<usize>()
                };
                let agreed = count(&self.agreed);
                if agreed > 0 && agreed * 4 >= count(&self.left) {
                    rows.clone().for_each(|row| self.blocks.insert_run(row, columns.clone()));
                }
            }
        }
    }

    /// Whether a sample of what is left agrees with the vector.
    fn is_promising(&self, before: &ImageView<'_>, now: &ImageView<'_>, luma: Luma, vector: Vector) -> bool {
        let step = self.left.len().div_ceil(SAMPLED_TILES).max(1);
        let (mut seen, mut hits) = (0, 0);
        for (column, row) in self.left.iter().step_by(step) {
            let tile = self.left.rect_of(column, row);
            if !is_flat(now, tile) {
                seen += 1;
                hits += usize::from(luma.agrees(before, now, vector, tile));
            }
            if seen == SAMPLED_IN_VAIN && hits == 0 {
                return false;
            }
        }
        hits * SAMPLED_PER_HIT >= seen && hits > 0
    }
}

/// How many vectors are tried on all that is left.
const MOST_TRIES: usize = 2;
/// How many tiles wide and high the blocks are that hints are made of.
const BLOCK_TILES: u32 = 4;
/// How many hints one vector may bring.
const MOST_PER_VECTOR: usize = 16;
