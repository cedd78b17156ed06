//! Vertical motion, by hashes of rows.

use std::ops::Range;

use kvm_capture::ImageView;

use super::sightings::{Sightings, hash};
use crate::diff::Vector;
use crate::layout::{PlaneLayout, unit_px};
use crate::{Rect, Tiles};

/// Proposes vertical vectors: in the columns where most changed, rows of the picture before are found again in this
/// one, and each row found votes for how far it moved.
#[derive(Debug, Default)]
pub(super) struct RowSearch {
    seen: Sightings,
    // Changed tiles of each strip; votes for each distance, from `-MOST_ROWS` on.
    strips: Vec<(u32, u32)>,
    votes: Vec<u16>,
}

impl RowSearch {
    /// Adds the vectors that most rows speak for, the best first.
    pub(super) fn propose(
        &mut self,
        before: &ImageView<'_>,
        now: &ImageView<'_>,
        changed: &Tiles,
        proposed: &mut Vec<Vector>,
    ) {
        self.choose_strips(changed);
        self.votes.clear();
        self.votes.resize(2 * MOST_ROWS + 1, 0);
        for index in 0..self.strips.len().min(MOST_STRIPS) {
            self.vote(before, now, changed, self.strips[index].1);
            let votes = self.votes.iter().copied().max().unwrap_or(0);
            if votes >= ENOUGH_VOTES || (votes == 0 && index + 1 >= STRIPS_IN_VAIN) {
                break;
            }
        }
        let unit_y = unit_px(now.format().pixel).1;
        for _ in 0..MOST_PROPOSED {
            let best = (0_usize..).zip(&self.votes).max_by_key(|(_, votes)| **votes);
            let Some((place, &votes)) = best else { return };
            if votes < LEAST_VOTES {
                return;
            }
            self.votes[place] = 0;
            let Ok(dy) = i32::try_from(place.abs_diff(MOST_ROWS)) else { return };
            let dy = if place < MOST_ROWS { -dy } else { dy };
            if dy.unsigned_abs() % unit_y == 0 {
                proposed.push(Vector { dx: 0, dy });
            }
        }
    }

    /// Puts the strips with the most changed tiles first.
    fn choose_strips(&mut self, changed: &Tiles) {
        self.strips.clear();
        self.strips.extend((0..changed.columns().div_ceil(STRIP_TILES)).map(|strip| (0, strip)));
        for row in 0..changed.rows() {
            for run in changed.runs(row) {
                for column in run {
                    self.strips[(column / STRIP_TILES) as usize].0 += 1;
                }
            }
        }
        self.strips.sort_unstable_by_key(|(count, strip)| (std::cmp::Reverse(*count), *strip));
        self.strips.retain(|(count, _)| *count > 0);
    }

    fn vote(&mut self, before: &ImageView<'_>, now: &ImageView<'_>, changed: &Tiles, strip: u32) {
        let columns = strip * STRIP_TILES..((strip + 1) * STRIP_TILES).min(changed.columns());
        let Some(rows) = changed_rows(changed, &columns) else { return };
        let pixels = changed.rect_of(columns.start, 0).union(changed.rect_of(columns.end - 1, 0));
        let layout = PlaneLayout::new(now.format().pixel, 0);
        let bytes = layout.columns(pixels.x..pixels.right(), &now.plane(0));
        let (before, now) = (before.plane(0), now.plane(0));
        let top = rows.start;
        self.seen.clear();
        for (place, row) in (0..).zip(rows.clone()) {
            self.seen.insert(hash(&before.row(row)[bytes.clone()]), place);
        }
        for row in rows {
            let strip = &now.row(row)[bytes.clone()];
            let Some(place) = self.seen.find(hash(strip)) else { continue };
            // `top + place` is where the row was.
            let moved = (row + MOST_ROWS).checked_sub(top + place as usize);
            if let Some(votes) = moved.and_then(|moved| self.votes.get_mut(moved)) {
                *votes = votes.saturating_add(u16::from(row != top + place as usize));
            }
        }
    }
}

/// The rows of pixels from the first to the last changed tile of these columns, not too many of them.
fn changed_rows(changed: &Tiles, columns: &Range<u32>) -> Option<Range<usize>> {
    let has_changed = |row: &u32| columns.clone().any(|column| changed.contains(column, *row));
    let mut rows = (0..changed.rows()).filter(has_changed);
    let first = rows.next()?;
    let last = rows.next_back().unwrap_or(first);
    let pixels: Rect = changed.rect_of(0, first).union(changed.rect_of(0, last));
    let top = pixels.y as usize;
    Some(top..(pixels.bottom() as usize).min(top + MOST_ROWS))
}

const STRIP_TILES: u32 = 4;
const MOST_STRIPS: usize = 4;
/// After so many strips without a single vote no other is looked at.
const STRIPS_IN_VAIN: usize = 2;
/// More rows than these of a strip are not looked at.
const MOST_ROWS: usize = 2176;
const LEAST_VOTES: u16 = 8;
/// So many rows leave no doubt.
const ENOUGH_VOTES: u16 = 128;
const MOST_PROPOSED: usize = 3;
