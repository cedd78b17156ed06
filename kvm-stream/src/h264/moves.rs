//! What of a picture moved, and by which vectors.

use std::ops::Range;

use super::inter::Vector;
use super::level::Level;
use super::parameters::Parameters;
use crate::{Damage, Rect, Tiles};

/// The plan of a picture that is made of the one before.
#[derive(Debug)]
pub(super) struct Moves {
    parameters: Parameters,
    /// Macroblocks with something painted inside.
    painted: Tiles,
    /// Macroblocks with anything inside that changed.
    touched: Tiles,
    /// Those of them that were said to have changed, or are owed; the others are only checked.
    changing: Tiles,
    moved: Vec<(Rect, Vector)>,
    /// What was found to have moved though nobody said so, and how often it was of use lately; they are tried in later
    /// pictures too.
    found: [(Vector, u32); FOUND],
    /// Macroblocks of the picture that were not found near by.
    lost: usize,
    /// Of how many of them one is searched for far away.
    stride: usize,
}

/// How a macroblock comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// It is to be looked at.
    Painted,
    /// As a whole from elsewhere in the picture before.
    Moved(Vector),
}

impl Moves {
    pub(super) fn new(parameters: Parameters) -> Self {
        let (width_px, height_px) = parameters.size_px();
        let none = Tiles::new(width_px, height_px);
        Self {
            parameters,
            painted: none.clone(),
            touched: none.clone(),
            changing: none,
            moved: Vec::new(),
            found: [(Vector::ZERO, 0); FOUND],
            lost: 0,
            stride: 1,
        }
    }

    /// Everything is to be looked at that is asked about, and nothing moved.
    pub(super) fn clear(&mut self) {
        self.painted.clear();
        self.touched.clear();
        self.changing.clear();
        self.moved.clear();
    }

    /// Plans a picture of which `damage` differs from the one before.
    ///
    /// What is still `owed` from pictures before is looked at too, and nothing is taken from there. If the damage is to
    /// be checked, all is looked at.
    pub(super) fn plan(&mut self, damage: &Damage, owed: &Tiles, is_checked: bool) {
        self.clear();
        self.painted.union_with(owed);
        for (_, uses) in &mut self.found {
            *uses /= 2;
        }
        for rect in damage.rects() {
            self.painted.insert_rect(*rect);
        }
        let (width_px, height_px) = self.parameters.size_px();
        let picture = Rect::new(0, 0, width_px, height_px);
        let vertical_range = i64::from(self.parameters.level().vertical_range);
        for copy in damage.copies() {
            let (x, y) = (
                i64::from(copy.from_x) - i64::from(copy.to.x),
                i64::from(copy.from_y) - i64::from(copy.to.y),
            );
            let is_in_range = (-i64::from(Level::HORIZONTAL_RANGE)..i64::from(Level::HORIZONTAL_RANGE))
                .contains(&x)
                && (-vertical_range..vertical_range).contains(&y);
            let vector = Vector::whole(x, y).filter(|_| is_in_range);
            let vector = vector.filter(|_| !owed.intersects(copy.from()));
            match (vector, copy.to.intersection(picture)) {
                (_, None) => {}
                (Some(vector), Some(to)) => {
                    self.touched.insert_rect(to);
                    self.moved.push((to, vector));
                }
                (None, Some(to)) => self.painted.insert_rect(to),
            }
        }
        self.touched.union_with(&self.painted);
        self.changing.copy_from(&self.touched);
        if is_checked {
            self.painted.insert_rect(picture);
            self.touched.insert_rect(picture);
        }
        self.lost = 0;
        self.stride = self.painted.len().div_ceil(MOST_SEARCHES).max(1);
    }

    /// Macroblocks that were said to have changed, or are owed.
    pub(super) fn changing(&self) -> &Tiles {
        &self.changing
    }

    /// Macroblocks that are to be looked at or moved.
    pub(super) fn touched(&self) -> &Tiles {
        &self.touched
    }

    /// What moved, and by which vectors.
    pub(super) fn moved(&self) -> &[(Rect, Vector)] {
        &self.moved
    }

    /// Macroblocks with something painted inside.
    pub(super) fn painted(&self) -> &Tiles {
        &self.painted
    }

    /// How the first of these macroblocks comes about, and up to which column all do so.
    pub(super) fn treatment(&self, row: u32, columns: Range<u32>) -> (Treatment, u32) {
        let first = self.moved_as_a_whole(columns.start, row);
        let mut end = columns.start + 1;
        while end < columns.end && self.moved_as_a_whole(end, row) == first {
            end += 1;
        }
        (first.map_or(Treatment::Painted, Treatment::Moved), end)
    }

    /// Collects vectors that a macroblock may have, each once, and says how many there are: that of standing still,
    /// those given, and those of what moved into it or beside it.
    pub(super) fn candidates(
        &self,
        row: usize,
        column: usize,
        given: impl IntoIterator<Item = Vector>,
        candidates: &mut [Vector],
    ) -> usize {
        let mut count = 0;
        let mut add = |vector: Vector| {
            let (list, free) = candidates.split_at_mut(count);
            if let Some(slot) = free.first_mut().filter(|_| !list.contains(&vector)) {
                *slot = vector;
                count += 1;
            }
        };
        add(Vector::ZERO);
        for vector in given {
            // Fractions are not looked at.
            add(Vector { x: vector.x & !3, y: vector.y & !3 });
        }
        let (x, y) =
            (u32::try_from(column * 16).unwrap_or(u32::MAX), u32::try_from(row * 16).unwrap_or(u32::MAX));
        let near = Rect::new(x.saturating_sub(16), y.saturating_sub(16), 48, 48);
        for (to, vector) in &self.moved {
            if to.intersection(near).is_some() {
                add(*vector);
            }
        }
        count
    }

    /// Whether a macroblock that was not found near by may be searched for far away, as some all over the picture are.
    pub(super) fn take_search(&mut self) -> bool {
        self.lost += 1;
        self.lost % self.stride == 0
    }

    /// Remembers a vector that was found, in place of the one that was of least use.
    pub(super) fn remember(&mut self, vector: Vector) {
        if self.found.iter().all(|(found, _)| *found != vector) {
            if let Some(least) = self.found.iter_mut().min_by_key(|(_, uses)| *uses) {
                *least = (vector, 0);
            }
        }
    }

    /// Learns that a vector was of use.
    pub(super) fn used(&mut self, vector: Vector) {
        if let Some((_, uses)) = self.found.iter_mut().find(|(found, _)| *found == vector) {
            *uses += 1;
        }
    }

    fn moved_as_a_whole(&self, column: u32, row: u32) -> Option<Vector> {
        if self.moved.is_empty() || self.painted.contains(column, row) {
            return None;
        }
        let rect = self.painted.rect_of(column, row);
        let around = |(to, _): &&(Rect, Vector)| to.intersection(rect) == Some(rect);
        self.moved.iter().find(around).map(|(_, vector)| *vector)
    }
}

/// Vectors that are remembered.
const FOUND: usize = 3;
/// Wide searches in one picture.
const MOST_SEARCHES: usize = 24;
