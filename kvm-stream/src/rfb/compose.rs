//! Copies after copies, as copies.

use crate::damage::outside;
use crate::{CopyRect, Rect};

/// The copies that do in one step, from the first picture, what two steps of copies do: first `before`, then `after`.
///
/// In each step all copies read the picture as it was before the step, and no two destinations of a step overlap;
/// so it is with the result. A copy that would stay where it is is left out.
pub(super) fn compose(before: &[CopyRect], after: &[CopyRect]) -> Vec<CopyRect> {
    let mut composed = Vec::new();
    let mut add = |from_x: u32, from_y: u32, to: Rect| {
        if (from_x, from_y) != (to.x, to.y) {
            composed.push(CopyRect { from_x, from_y, to });
        }
    };
    for copy in after {
        // Parts of the source that an earlier copy brought come from where that took them.
        let mut own = vec![copy.from()];
        for earlier in before {
            own = own.into_iter().flat_map(|part| outside(part, earlier.to)).collect();
            if let Some(part) = copy.from().intersection(earlier.to) {
                let to = moved(part, copy.from(), copy.to);
                let from = moved(part, earlier.to, earlier.from());
                add(from.x, from.y, to);
            }
        }
        for part in own {
            add(part.x, part.y, moved(part, copy.from(), copy.to));
        }
    }
    for earlier in before {
        let mut kept = vec![earlier.to];
        for copy in after {
            kept = kept.into_iter().flat_map(|part| outside(part, copy.to)).collect();
        }
        for part in kept {
            let from = moved(part, earlier.to, earlier.from());
            add(from.x, from.y, part);
        }
    }
    composed
}

/// Copies of one step in an order in which they can be made one after the other, and those that fit into none,
/// because they read what others write in a circle.
pub(super) fn in_order(mut copies: Vec<CopyRect>) -> (Vec<CopyRect>, Vec<CopyRect>) {
    let (mut ordered, mut stuck) = (Vec::with_capacity(copies.len()), Vec::new());
    while !copies.is_empty() {
        // One that writes where no other still has to read can be made.
        let free = copies.iter().position(|copy| {
            copies.iter().all(|other| other == copy || other.from().intersection(copy.to).is_none())
        });
        match free {
            Some(index) => ordered.push(copies.remove(index)),
            None => {
                // What is painted is painted after all copies, so that none has to wait for it.
                let smallest = copies.iter().enumerate().min_by_key(|(_, copy)| copy.to.area());
                let index = smallest.map_or(0, |(index, _)| index);
                stuck.push(copies.remove(index));
            }
        }
    }
    (ordered, stuck)
}

/// A part of one rectangle at the same place of another of its size.
pub(super) fn moved(part: Rect, of: Rect, to: Rect) -> Rect {
    Rect::new(part.x - of.x + to.x, part.y - of.y + to.y, part.width, part.height)
}
