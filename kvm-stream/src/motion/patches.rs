//! Motion in any direction, by hashes of sampled patches.

use kvm_capture::{ImageView, PlaneView};

use super::luma::Luma;
use super::sightings::{Sightings, combined, hash};
use crate::Tiles;
use crate::classify::is_flat;
use crate::diff::Vector;
use crate::layout::{PlaneLayout, unit_px};

/// Proposes vectors: patches of the picture before, one at the corner of each changed tile, are looked for at every
/// position inside some tiles of this one. Whatever moved, and wherever to, one such corner came to lie inside each
/// tile of it.
#[derive(Debug, Default)]
pub(super) struct PatchSearch {
    seen: Sightings,
    anchors: Vec<(u32, u32)>,
    rows: Vec<u64>,
    hits: Vec<Vector>,
    counts: Vec<(usize, Vector)>,
}

/// What of the pixels of a patch is hashed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading {
    /// All bytes of the first plane. Only what moved by whole units is found.
    Bytes(PlaneLayout),
    /// Luma alone.
    Luma(Luma),
}

impl Reading {
    /// The hash of a row of a patch that begins at this pixel, and is inside the picture.
    fn hash(self, plane: &PlaneView<'_>, x: u32, y: u32) -> u64 {
        let row = plane.row(y as usize);
        match self {
            Self::Bytes(layout) => hash(&row[layout.columns(x..x + PATCH_WIDTH, plane)]),
            Self::Luma(luma) => luma.patch(row, x).map_or(0, |samples| hash(&samples)),
        }
    }
}

impl PatchSearch {
    /// Adds the vectors that most patches speak for, the best first.
    pub(super) fn propose(
        &mut self,
        before: &ImageView<'_>,
        now: &ImageView<'_>,
        reading: Reading,
        changed: &Tiles,
        left: &Tiles,
        proposed: &mut Vec<Vector>,
    ) {
        self.choose_anchors(now, left);
        if self.anchors.is_empty() {
            return;
        }
        self.note(&before.plane(0), reading, changed);
        self.look(now, reading, changed);
        self.hits.sort_unstable();
        self.counts.clear();
        self.counts.extend(self.hits.chunk_by(Vector::eq).map(|equal| (equal.len(), equal[0])));
        self.counts.sort_unstable_by_key(|(count, vector)| (std::cmp::Reverse(*count), *vector));
        let best = self.counts.iter().take(MOST_PROPOSED).filter(|(count, _)| *count >= LEAST_HITS);
        proposed.extend(best.map(|(_, vector)| *vector));
    }

    /// Takes note of the patches of the picture before.
    fn note(&mut self, before: &PlaneView<'_>, reading: Reading, changed: &Tiles) {
        self.seen.clear();
        let step = changed.len().div_ceil(Sightings::ROOM).max(1);
        for (column, row) in changed.iter().step_by(step) {
            let (x, y) = (column * Tiles::TILE_PX, row * Tiles::TILE_PX);
            if let Some(hash) = hash_patch(before, reading, x, y, changed) {
                self.seen.insert(hash, row * changed.columns() + column);
            }
        }
    }

    /// Chooses tiles that show something, spread over what is left.
    fn choose_anchors(&mut self, now: &ImageView<'_>, left: &Tiles) {
        self.anchors.clear();
        let step = left.len().div_ceil(MOST_ANCHORS * 3).max(1);
        let tiles = left.iter().step_by(step);
        self.anchors.extend(tiles.filter(|(column, row)| !is_flat(now, left.rect_of(*column, *row))));
        let step = self.anchors.len().div_ceil(MOST_ANCHORS).max(1);
        let mut place = 0;
        self.anchors.retain(|_| {
            place += 1;
            (place - 1) % step == 0
        });
    }

    /// Looks for the patches at every position inside the anchors.
    fn look(&mut self, now: &ImageView<'_>, reading: Reading, changed: &Tiles) {
        let (unit_x, unit_y) = match reading {
            Reading::Bytes(_) => unit_px(now.format().pixel),
            Reading::Luma(_) => (1, 1),
        };
        let (width, height) = changed.size_px();
        let plane = now.plane(0);
        self.hits.clear();
        for (column, row) in &self.anchors {
            let (left, top) = (column * Tiles::TILE_PX, row * Tiles::TILE_PX);
            let bottom = (top + Tiles::TILE_PX - 1 + PATCH_HEIGHT).min(height);
            for x in (left..left + Tiles::TILE_PX).step_by(unit_x as usize) {
                if x + PATCH_WIDTH > width {
                    break;
                }
                // Each row is hashed once, for all patches it is part of.
                self.rows.clear();
                self.rows.extend((top..bottom).map(|row| reading.hash(&plane, x, row)));
                let patches = (top..).zip(self.rows.windows(PATCH_HEIGHT as usize)).step_by(unit_y as usize);
                for (y, rows) in patches {
                    let rows = rows.iter().step_by(PATCH_ROW_STEP).copied();
                    let Some(seen) = self.seen.find(combined(rows)) else { continue };
                    let from_x = seen % changed.columns() * Tiles::TILE_PX;
                    let from_y = seen / changed.columns() * Tiles::TILE_PX;
                    let vector = Vector { dx: distance(from_x, x), dy: distance(from_y, y) };
                    if vector != Vector::ZERO {
                        self.hits.push(vector);
                    }
                }
            }
        }
    }
}

/// How far it is from one column or row to another; both are inside a picture, whose sides are short enough.
fn distance(from: u32, to: u32) -> i32 {
    let distance = i32::try_from(from.abs_diff(to)).unwrap_or(0);
    if to < from { -distance } else { distance }
}

/// The hash of the patch whose upper left corner is here; `None` if it is not inside the picture.
fn hash_patch(plane: &PlaneView<'_>, reading: Reading, x: u32, y: u32, tiles: &Tiles) -> Option<u64> {
    let (width, height) = tiles.size_px();
    if x + PATCH_WIDTH > width || y + PATCH_HEIGHT > height {
        return None;
    }
    let rows = (y..y + PATCH_HEIGHT).step_by(PATCH_ROW_STEP);
    Some(combined(rows.map(|row| reading.hash(plane, x, row))))
}

const PATCH_WIDTH: u32 = 16;
const PATCH_HEIGHT: u32 = 8;
/// Every second row of a patch is enough to know it again, and half as much to read.
const PATCH_ROW_STEP: usize = 2;
const MOST_ANCHORS: usize = 16;
const LEAST_HITS: usize = 2;
const MOST_PROPOSED: usize = 3;
