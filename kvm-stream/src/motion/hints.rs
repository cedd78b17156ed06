//! What probably moved, though not pixel for pixel.

use kvm_capture::ImageView;

use super::luma::Luma;
use super::patches::{PatchSearch, Reading};
use super::patience::Patience;
use super::{LEAST_SEARCHED, MOST_RECENT, SAMPLED_PER_HIT, SAMPLED_TILES};
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
            if self.left.len() * 4 < all || !self.is_promising(before, now, luma, vector) {
                continue;
            }
            self.agreed.reset(self.left.size_px());
            for (column, row) in self.left.iter() {
                if luma.agrees(before, now, vector, self.left.rect_of(column, row)) {
                    self.agreed.insert(column, row);
                }
            }
            if self.agreed.len() < LEAST_SEARCHED {
                continue;
            }
            for to in cover_with(MOST_PER_VECTOR, &self.agreed) {
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
        }
        hits * SAMPLED_PER_HIT >= seen && hits > 0
    }
}

/// How many hints one vector may bring.
const MOST_PER_VECTOR: usize = 16;
