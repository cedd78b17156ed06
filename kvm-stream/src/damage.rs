//! What changed from one frame to the next.

use crate::cover::cover;
use crate::{Rect, Tiles};

/// What turns the picture before into this one: first parts of it are copied elsewhere, then rectangles are painted
/// anew.
///
/// Every pixel that differs from the picture before is inside a rectangle or has its value from a copy. Rectangles
/// do not overlap each other. They may hold pixels that did not change, since differences are found by tile, and
/// they may paint over what was copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    // INVARIANT: destinations do not overlap each other, and no source overlaps the destination of an earlier copy.
    // So it makes no difference whether each copy reads the picture before or what the earlier copies left of it.
    copies: Vec<CopyRect>,
    // INVARIANT: no two overlap.
    rects: Vec<Rect>,
    hints: Vec<MotionHint>,
}

/// A part of the picture before that is found again elsewhere, pixel for pixel.
///
/// Source and destination may overlap; the copy reads the source as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CopyRect {
    /// First column of the source, in pixels.
    pub from_x: u32,
    /// First row of the source, in pixels.
    pub from_y: u32,
    /// The destination, which has the source's size.
    pub to: Rect,
}

/// Where the pixels of an area probably were in the picture before, or nearly the same pixels: a guess, for encoders
/// that correct what they predict.
///
/// Unlike a [`CopyRect`] it says nothing certain, its edges and its distance are of any number of pixels, and most of
/// its pixels are painted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MotionHint {
    /// First column of the source, in pixels.
    pub from_x: u32,
    /// First row of the source, in pixels.
    pub from_y: u32,
    /// The destination, which has the source's size.
    pub to: Rect,
}

impl MotionHint {
    /// The source, which has the destination's size.
    pub const fn from(self) -> Rect {
        Rect::new(self.from_x, self.from_y, self.to.width, self.to.height)
    }
}

impl CopyRect {
    /// The source, which has the destination's size.
    pub const fn from(self) -> Rect {
        Rect::new(self.from_x, self.from_y, self.to.width, self.to.height)
    }
}

impl Damage {
    /// Nothing changed.
    pub const NONE: Self = Self { copies: Vec::new(), rects: Vec::new(), hints: Vec::new() };

    /// Everything may have changed.
    pub fn full(width_px: u32, height_px: u32) -> Self {
        Self { rects: vec![Rect::new(0, 0, width_px, height_px)], ..Self::NONE }
    }

    /// These tiles may have changed.
    pub fn of_tiles(tiles: &Tiles) -> Self {
        Self { rects: cover(tiles), ..Self::NONE }
    }

    /// Damage that begins with copies, to be made in this order. A copy that would break the order of things (its
    /// destination or its source overlaps the destination of an earlier one) becomes a rectangle to paint, as far as
    /// no other rectangle covers it already.
    pub fn with_copies(mut self, copies: impl IntoIterator<Item = CopyRect>) -> Self {
        for copy in copies {
            let clashes = |earlier: &CopyRect| {
                earlier.to.intersection(copy.to).or(earlier.to.intersection(copy.from())).is_some()
            };
            if self.copies.iter().any(clashes) {
                self.paint(copy.to);
            } else {
                self.copies.push(copy);
            }
        }
        self
    }

    /// The same damage with hints about where painted parts came from.
    #[must_use]
    pub fn with_hints(mut self, hints: impl IntoIterator<Item = MotionHint>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Where what is painted may have come from, in no order; those of different distances may overlap. Nobody needs
    /// to heed them: copies and rectangles are the whole change. There are none unless they were
    /// [asked for](crate::TileDiff::with_hints).
    pub fn hints(&self) -> &[MotionHint] {
        &self.hints
    }

    /// What is copied within the picture before anything is painted, in this order.
    pub fn copies(&self) -> &[CopyRect] {
        &self.copies
    }

    /// What is painted anew, after the copies.
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty() && self.copies.is_empty()
    }

    /// Pixels inside the rectangles. What is copied does not count.
    pub fn area(&self) -> u64 {
        self.rects.iter().map(|rect| rect.area()).sum()
    }

    /// Whether the pixel is painted or copied to.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        self.rects.iter().any(|rect| rect.contains(x, y))
            || self.copies.iter().any(|copy| copy.to.contains(x, y))
    }

    /// The same change for an encoder that cannot copy: everything that changes is painted, and no hint is given.
    #[must_use]
    pub fn without_copies(&self) -> Self {
        let mut painted = Self { rects: self.rects.clone(), ..Self::NONE };
        for copy in &self.copies {
            painted.paint(copy.to);
        }
        painted
    }

    /// The tiles of a picture of this size that the change touches, by painting or by copying.
    pub fn tiles(&self, width_px: u32, height_px: u32) -> Tiles {
        let mut tiles = Tiles::new(width_px, height_px);
        for rect in self.rects.iter().copied().chain(self.copies.iter().map(|copy| copy.to)) {
            tiles.insert_rect(rect);
        }
        tiles
    }

    /// Adds the parts of a rectangle that no other covers.
    fn paint(&mut self, rect: Rect) {
        let mut uncovered = vec![rect];
        for covering in &self.rects {
            uncovered = uncovered.into_iter().flat_map(|part| outside(part, *covering)).collect();
        }
        self.rects.extend(uncovered);
    }
}

impl FromIterator<Rect> for Damage {
    /// Takes rectangles that do not overlap.
    fn from_iter<I: IntoIterator<Item = Rect>>(rects: I) -> Self {
        Self { rects: rects.into_iter().collect(), ..Self::NONE }
    }
}

/// What of a rectangle lies outside another, as up to four rectangles: above, left, right and below.
pub(crate) fn outside(rect: Rect, hole: Rect) -> impl Iterator<Item = Rect> {
    let parts = match rect.intersection(hole) {
        None => [rect, NOTHING, NOTHING, NOTHING],
        Some(hole) => [
            Rect::new(rect.x, rect.y, rect.width, hole.y - rect.y),
            Rect::new(rect.x, hole.y, hole.x - rect.x, hole.height),
            Rect::new(hole.right(), hole.y, rect.right() - hole.right(), hole.height),
            Rect::new(rect.x, hole.bottom(), rect.width, rect.bottom() - hole.bottom()),
        ],
    };
    parts.into_iter().filter(|part| !part.is_empty())
}

const NOTHING: Rect = Rect::new(0, 0, 0, 0);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rects() -> impl Strategy<Value = Rect> {
        (0_u32..40, 0_u32..40, 1_u32..20, 1_u32..20).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
    }

    fn copies() -> impl Strategy<Value = CopyRect> {
        (0_u32..40, 0_u32..40, rects()).prop_map(|(from_x, from_y, to)| CopyRect { from_x, from_y, to })
    }

    proptest! {
        #[test]
        fn whatever_cannot_be_copied_is_painted(
            copies in proptest::collection::vec(copies(), 0..6),
            first in rects(),
        ) {
            let damage = Damage::from_iter([first]).with_copies(copies.clone());
            let painted = damage.without_copies();
            for y in 0..60 {
                for x in 0..60 {
                    let wanted = first.contains(x, y) || copies.iter().any(|copy| copy.to.contains(x, y));
                    prop_assert_eq!(damage.contains(x, y), wanted);
                    let times = painted.rects().iter().filter(|rect| rect.contains(x, y)).count();
                    prop_assert_eq!(times, usize::from(wanted), "rectangles overlap or leave a hole");
                }
            }
            for (index, copy) in damage.copies().iter().enumerate() {
                for earlier in &damage.copies()[..index] {
                    prop_assert_eq!(earlier.to.intersection(copy.to), None);
                    prop_assert_eq!(earlier.to.intersection(copy.from()), None);
                }
            }
        }
    }
}
