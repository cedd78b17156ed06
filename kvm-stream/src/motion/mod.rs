//! Parts of the picture before, found again elsewhere.

mod extent;
mod hints;
mod luma;
mod patches;
mod patience;
mod rows;
mod sightings;

use std::ops::Range;

use kvm_capture::ImageView;

use crate::classify::is_flat;
use crate::cover::cover_with;
use crate::damage::outside;
use crate::diff::{TileDiff, Vector, has_moved};
use crate::layout::{PlaneLayout, to_units};
use crate::{CopyRect, Damage, MotionHint, Rect, Tiles};

use extent::Extents;
use hints::HintSearch;
use patches::{PatchSearch, Reading};
use patience::Patience;
use rows::RowSearch;

/// Finds what moved: scrolled text, dragged windows.
///
/// Vectors are proposed, cheapest first, by what moved in the frames before, by hashes of rows, and by hashes of
/// sampled patches; each is then verified pixel by pixel in every plane. The work is bounded by counts: so many
/// vectors, rows and patches are tried, a vector only if a sample of the change speaks for it, and no more area is
/// verified in a frame than the picture has. After frames in which hashes were in vain they are left alone for some.
#[derive(Debug, Default)]
pub(crate) struct MotionSearch {
    // The vectors that worked, the last one first, and others that may.
    recent: Vec<Vector>,
    rows: RowSearch,
    patches: PatchSearch,
    extents: Extents,
    patience: Patience,
    // What is left of the change after the copies so far, the vectors to try and the copies; kept for their memory.
    left: Tiles,
    candidates: Vec<Vector>,
    copies: Vec<CopyRect>,
    // Every vector that hashes proposed for this frame.
    proposed: Vec<Vector>,
    hints: Option<HintSearch>,
}

impl MotionSearch {
    /// The same with hints about what moved, though not exactly.
    pub(crate) fn with_hints(mut self) -> Self {
        self.hints = Some(HintSearch::default());
        self
    }

    /// Where what is painted of the last frame may have come from; nothing unless they were asked for.
    pub(crate) fn hints(&self) -> &[MotionHint] {
        self.hints.as_ref().map_or(&[], HintSearch::found)
    }

    /// What of the change is motion, and what remains to be painted; `None` if nothing moved.
    pub(crate) fn find(
        &mut self,
        before: &ImageView<'_>,
        now: &ImageView<'_>,
        changed: &Tiles,
    ) -> Option<Damage> {
        if let Some(hints) = &mut self.hints {
            hints.clear();
        }
        let all = changed.len();
        if all < LEAST_SEARCHED {
            return None;
        }
        self.proposed.clear();
        self.left.copy_from(changed);
        self.copies.clear();
        // How many tiles may still be verified.
        let mut effort = changed.columns() as usize * changed.rows() as usize;
        let mut has_searched = false;
        for step in Step::ALL {
            let left = self.left.len();
            if left < LEAST_SEARCHED || left * 2 < all {
                break;
            }
            if step == Step::Rows {
                has_searched = self.patience.allows(all);
                if !has_searched {
                    break;
                }
            }
            self.candidates.clear();
            match step {
                Step::Recent => self.candidates.extend(&self.recent),
                Step::Rows => self.rows.propose(before, now, &self.left, &mut self.candidates),
                Step::Patches => {
                    let reading = Reading::Bytes(PlaneLayout::new(now.format().pixel, 0));
                    self.patches.propose(before, now, reading, changed, &self.left, &mut self.candidates);
                }
            }
            self.proposed.extend(&self.candidates);
            for index in 0..self.candidates.len() {
                let vector = self.candidates[index];
                if self.left.len() * 4 < all {
                    break;
                }
                if self.is_promising(before, now, vector) && self.apply(before, now, vector, all, &mut effort)
                {
                    self.remember(vector, 0);
                } else if step != Step::Recent {
                    // Hashes speak for it, and other frames may be explained by it.
                    self.remember(vector, 1);
                }
            }
        }
        if has_searched || !self.copies.is_empty() {
            self.patience.learn(all, self.left.len() * 8 > all * 7);
        }
        if let Some(hints) = &mut self.hints {
            hints.find(before, now, &self.left, &self.proposed);
        }
        self.order();
        if self.copies.is_empty() {
            return None;
        }
        let longest = u64::from(now.format().width_px) * u64::from(now.format().height_px) / TRIMMED_SHARE;
        let trim = |rect: Rect| if rect.area() > longest { Some(rect) } else { trimmed(before, now, rect) };
        let painted = self.residual(changed).into_iter().filter_map(trim);
        Some(Damage::from_iter(painted).with_copies(self.copies.iter().copied()))
    }

    /// Takes the copies that this vector explains, and tells whether there is any.
    fn apply(
        &mut self,
        before: &ImageView<'_>,
        now: &ImageView<'_>,
        vector: Vector,
        all: usize,
        effort: &mut usize,
    ) -> bool {
        let least = (all / LEAST_SHARE).max(LEAST_WORTH);
        let worth = (all / LEAST_SHARE_OF_VECTOR).max(least);
        let images = (before, now);
        self.extents.extract(images, vector, (least, worth), effort, &mut self.left, &mut self.copies)
    }

    /// Has a vector tried in later frames, after so many others.
    fn remember(&mut self, vector: Vector, place: usize) {
        self.recent.retain(|recent| *recent != vector);
        self.recent.insert(place.min(self.recent.len()), vector);
        self.recent.truncate(MOST_RECENT);
    }

    /// Whether a sample of what is left is found where the vector says. Tiles of one colour are found anywhere and do
    /// not count.
    fn is_promising(&self, before: &ImageView<'_>, now: &ImageView<'_>, vector: Vector) -> bool {
        let step = self.left.len().div_ceil(SAMPLED_TILES).max(1);
        let (mut seen, mut hits) = (0, 0);
        for (column, row) in self.left.iter().step_by(step) {
            let tile = self.left.rect_of(column, row);
            if !is_flat(now, tile) {
                seen += 1;
                hits += usize::from(has_moved(before, now, vector, tile));
            }
            if seen == SAMPLED_IN_VAIN && hits == 0 {
                return false;
            }
        }
        hits * SAMPLED_PER_HIT >= seen && hits > 0
    }

    /// Puts the copies into an order in which none reads what an earlier one wrote, and leaves out those that have
    /// no place in it. Copies by one vector always have such an order.
    fn order(&mut self) {
        let mut ordered = 0;
        while ordered < self.copies.len() {
            let open = &self.copies[ordered..];
            let is_read = |copy: &CopyRect| {
                open.iter().any(|other| other != copy && other.from().intersection(copy.to).is_some())
            };
            if let Some(next) = open.iter().position(|copy| !is_read(copy)) {
                self.copies.swap(ordered, ordered + next);
                ordered += 1;
            } else {
                let smallest = (ordered..self.copies.len()).min_by_key(|index| self.copies[*index].to.area());
                self.copies.swap_remove(smallest.unwrap_or(ordered));
            }
        }
    }

    /// What remains to be painted. A rectangle is cut where a copy covers part of it, if that saves more pixels than
    /// the rectangles it takes are worth.
    fn residual(&mut self, changed: &Tiles) -> Vec<Rect> {
        self.left.copy_from(changed);
        for copy in &self.copies {
            self.left.remove_inside(copy.to);
        }
        let mut rects = cover_with(TileDiff::MOST_RECTS, &self.left);
        for copy in &self.copies {
            let mut index = 0;
            while index < rects.len() {
                let rect = rects[index];
                let saved = rect.intersection(copy.to).map_or(0, Rect::area);
                let pieces = outside(rect, copy.to).count() as u64;
                if saved > 0 && saved + RECT_WORTH_PX >= pieces * RECT_WORTH_PX {
                    rects.swap_remove(index);
                    rects.extend(outside(rect, copy.to));
                } else {
                    index += 1;
                }
            }
        }
        rects.sort_unstable_by_key(|rect| (rect.y, rect.x));
        rects
    }
}

/// The smallest rectangle of whole units around what changed in place within a rectangle; `None` if nothing did.
fn trimmed(before: &ImageView<'_>, now: &ImageView<'_>, rect: Rect) -> Option<Rect> {
    let format = now.format();
    let mut around: Option<Rect> = None;
    for (index, (before, now)) in before.planes().iter().zip(now.planes()).enumerate() {
        let layout = PlaneLayout::new(format.pixel, index);
        let columns = layout.columns(rect.x..rect.right(), now);
        // The bytes and rows that differed so far; further rows can but widen them.
        let mut bytes = Range { start: columns.len(), end: 0 };
        let mut rows: Option<Range<usize>> = None;
        for row in layout.rows(rect.y..rect.bottom()) {
            let (before, now) = (&before.row(row)[columns.clone()], &now.row(row)[columns.clone()]);
            if before == now {
                continue;
            }
            rows = Some(rows.map_or(row, |rows| rows.start)..row + 1);
            let differs = |(before, now): (&u8, &u8)| before != now;
            if before[..bytes.start] != now[..bytes.start] {
                bytes.start = before.iter().zip(now).position(differs).unwrap_or(bytes.start);
            }
            if before[bytes.end..] != now[bytes.end..] {
                bytes.end = before.iter().zip(now).rposition(differs).map_or(bytes.end, |last| last + 1);
            }
        }
        let Some(rows) = rows else { continue };
        let found = layout.pixels(columns.start + bytes.start..columns.start + bytes.end, rows);
        around = Some(around.map_or(found, |around| around.union(found)));
    }
    to_units(format.pixel, (format.width_px, format.height_px), around?)?.intersection(rect)
}

/// The ways to find vectors, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Recent,
    Rows,
    Patches,
}

impl Step {
    const ALL: [Self; 3] = [Self::Recent, Self::Rows, Self::Patches];
}

/// Fewer changed tiles than these are painted without a search.
const LEAST_SEARCHED: usize = 16;
/// How many changed tiles a copy has to explain, and one in how many of all that changed.
const LEAST_WORTH: usize = 4;
const LEAST_SHARE: usize = 64;
/// One in how many of the changed tiles the copies by a vector have to explain together.
const LEAST_SHARE_OF_VECTOR: usize = 8;
/// How many vectors are remembered.
const MOST_RECENT: usize = 5;
/// How many tiles a vector is tried on first, and one in how many has to fit.
const SAMPLED_TILES: usize = 48;
const SAMPLED_PER_HIT: usize = 8;
/// If none of so many fits, the others are not looked at.
const SAMPLED_IN_VAIN: usize = 16;
/// A rectangle of more than this share of the picture is painted as it is: to trim it would be to compare it again.
const TRIMMED_SHARE: u64 = 16;
/// How many pixels may be painted needlessly to save a rectangle.
const RECT_WORTH_PX: u64 = 256;
