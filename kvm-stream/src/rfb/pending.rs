//! What one viewer's picture lacks.

use super::compose::{compose, in_order, moved};
use crate::{CopyRect, Damage, Rect, Tiles};

/// What turns the picture that a viewer has into the newest one: the union of all damage since its last update.
///
/// Costs the same after an hour as after a frame. The damage of a single frame is kept as it is; from the second
/// frame on, what is painted becomes a set of tiles, and copies are joined with those before: a page that scrolled
/// three times lacks one copy three times as far. What was still to be painted where a copy took it from is
/// painted where it went.
///
/// ```
/// use kvm_stream::rfb::Pending;
/// use kvm_stream::{Damage, Rect};
///
/// let mut pending = Pending::everything(640, 480);
/// assert_eq!(pending.take(), Damage::full(640, 480));
/// pending.add(&Damage::from_iter([Rect::new(3, 4, 5, 6)]));
/// assert_eq!(pending.take().rects(), [Rect::new(3, 4, 5, 6)]);
/// assert!(pending.take().is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Pending {
    // INVARIANT: no two destinations overlap, all lie inside the picture, there are `MAX_COPIES` at most, and none
    // stays where it is. All are made at once, from the viewer's picture.
    copies: Vec<CopyRect>,
    lacking: Lack,
    // Painted after the copies, when `lacking` says so. Kept for its memory.
    tiles: Tiles,
    // The tiles before the newest damage, while it is added.
    before: Tiles,
}

/// How what is painted is kept.
#[derive(Debug, Clone)]
enum Lack {
    Nothing,
    /// The damage of one frame, whose copies are those of the struct.
    Frame(Damage),
    Tiles,
}

impl Pending {
    /// The viewer of a picture of this size has nothing yet.
    pub fn everything(width_px: u32, height_px: u32) -> Self {
        Self {
            copies: Vec::new(),
            lacking: Lack::Frame(Damage::full(width_px, height_px)),
            tiles: Tiles::new(width_px, height_px),
            before: Tiles::new(width_px, height_px),
        }
    }

    /// Size of the picture in pixels: width and height.
    pub fn size_px(&self) -> (u32, u32) {
        self.tiles.size_px()
    }

    /// Whether the viewer has the newest picture.
    pub fn is_empty(&self) -> bool {
        match &self.lacking {
            Lack::Nothing => self.copies.is_empty(),
            Lack::Frame(damage) => damage.is_empty(),
            Lack::Tiles => self.copies.is_empty() && self.tiles.is_empty(),
        }
    }

    /// The viewer has nothing that can be built on.
    pub fn add_everything(&mut self) {
        let (width_px, height_px) = self.size_px();
        self.copies.clear();
        self.lacking = Lack::Frame(Damage::full(width_px, height_px));
    }

    /// Adds what changed from one frame to the next. What lies outside the picture is left out.
    pub fn add(&mut self, damage: &Damage) {
        if damage.is_empty() {
            return;
        }
        if self.is_empty() && self.is_inside(damage) && damage.copies().len() <= MAX_COPIES {
            self.copies.clear();
            self.copies.extend_from_slice(damage.copies());
            self.lacking = Lack::Frame(damage.clone());
            return;
        }
        self.keep_tiles();
        self.copy(damage.copies());
        for rect in damage.rects() {
            self.tiles.insert_rect(*rect);
        }
        self.simplify();
    }

    /// What the viewer has in an area is lost; it is to be painted whatever is there.
    pub fn add_area(&mut self, area: Rect) {
        let (width_px, height_px) = self.size_px();
        if area.intersection(self.whole()) == Some(self.whole()) {
            self.lacking = Lack::Frame(Damage::full(width_px, height_px));
            self.copies.clear();
            return;
        }
        self.keep_tiles();
        self.tiles.insert_rect(area);
        for copy in &self.copies {
            if let Some(part) = copy.from().intersection(area) {
                self.tiles.insert_rect(moved(part, copy.from(), copy.to));
            }
        }
    }

    /// Takes all of it: the viewer gets it now.
    pub fn take(&mut self) -> Damage {
        match std::mem::replace(&mut self.lacking, Lack::Nothing) {
            Lack::Nothing => Damage::NONE,
            Lack::Frame(damage) => {
                self.copies.clear();
                damage
            }
            Lack::Tiles => {
                let damage = Damage::of_tiles(&self.tiles).with_copies(self.copies.drain(..));
                self.tiles.clear();
                damage
            }
        }
    }

    /// Takes the tiles that an area touches, to be painted; the rest stays.
    pub fn take_inside(&mut self, area: Rect) -> Damage {
        if area.intersection(self.whole()) == Some(self.whole()) {
            return self.take();
        }
        self.keep_tiles();
        // A copy of which the viewer gets a part would leave others without what they are copied from.
        for copy in self.copies.drain(..) {
            self.tiles.insert_rect(copy.to);
        }
        // Whole tiles, or the rest of one would lack for ever.
        let area = outward(area);
        let damage = Damage::of_tiles(&self.tiles);
        self.tiles.remove_inside(area);
        damage.rects().iter().filter_map(|rect| rect.intersection(area)).collect()
    }

    fn whole(&self) -> Rect {
        let (width_px, height_px) = self.size_px();
        Rect::new(0, 0, width_px, height_px)
    }

    fn is_inside(&self, damage: &Damage) -> bool {
        let whole = self.whole();
        let is_inside = |rect: Rect| whole.intersection(rect) == Some(rect);
        damage.rects().iter().all(|rect| is_inside(*rect))
            && damage.copies().iter().all(|copy| is_inside(copy.to) && is_inside(copy.from()))
    }

    fn keep_tiles(&mut self) {
        match std::mem::replace(&mut self.lacking, Lack::Tiles) {
            Lack::Tiles => {}
            Lack::Nothing => {
                self.tiles.clear();
                self.copies.clear();
            }
            Lack::Frame(damage) => {
                self.tiles.clear();
                for rect in damage.rects() {
                    self.tiles.insert_rect(*rect);
                }
            }
        }
    }

    /// Copies within the newest picture, as one step: what is joined is copied from where it came from, and what
    /// was to be painted is to be painted where it goes.
    fn copy(&mut self, copies: &[CopyRect]) {
        if copies.is_empty() {
            return;
        }
        let whole = self.whole();
        self.before.clear();
        self.before.union_with(&self.tiles);
        let is_inside = |rect: Rect| whole.intersection(rect) == Some(rect);
        let (inside, outside): (Vec<CopyRect>, Vec<CopyRect>) =
            copies.iter().copied().partition(|copy| is_inside(copy.to) && is_inside(copy.from()));
        for copy in &inside {
            self.tiles.remove_inside(copy.to);
        }
        for copy in outside {
            self.tiles.insert_rect(copy.to);
        }
        for copy in &inside {
            translate(&self.before, *copy, &mut self.tiles);
        }
        self.copies = compose(&self.copies, &inside);
    }

    /// Drops copies that are painted over as a whole, and paints what cannot be copied in any order or is too much.
    fn simplify(&mut self) {
        let tiles = &self.tiles;
        self.copies.retain(|copy| !is_painted(tiles, copy.to));
        if self.copies.len() > MAX_COPIES {
            self.copies.sort_by_key(|copy| std::cmp::Reverse(copy.to.area()));
            for copy in self.copies.drain(MAX_COPIES..) {
                self.tiles.insert_rect(copy.to);
            }
        }
        let (ordered, stuck) = in_order(std::mem::take(&mut self.copies));
        self.copies = ordered;
        for copy in stuck {
            self.tiles.insert_rect(copy.to);
        }
    }
}

/// Marks where the tiles that a copy takes go.
fn translate(tiles: &Tiles, copy: CopyRect, into: &mut Tiles) {
    let from = copy.from();
    let rows = from.y / Tiles::TILE_PX..from.bottom().div_ceil(Tiles::TILE_PX);
    for row in rows {
        for columns in tiles.runs(row) {
            let run = tiles.rect_of(columns.start, row).union(tiles.rect_of(columns.end - 1, row));
            if let Some(part) = run.intersection(from) {
                into.insert_rect(moved(part, from, copy.to));
            }
        }
    }
}

/// The rectangle with all of every tile that it touches.
fn outward(rect: Rect) -> Rect {
    let down = |start: u32| start / Tiles::TILE_PX * Tiles::TILE_PX;
    let up = |end: u32| end.div_ceil(Tiles::TILE_PX).saturating_mul(Tiles::TILE_PX);
    let (x, y) = (down(rect.x), down(rect.y));
    Rect::new(x, y, up(rect.right()) - x, up(rect.bottom()) - y)
}

/// Whether every tile with a pixel in the rectangle is in the set.
fn is_painted(tiles: &Tiles, rect: Rect) -> bool {
    let columns = rect.x / Tiles::TILE_PX..rect.right().div_ceil(Tiles::TILE_PX);
    let mut rows = rect.y / Tiles::TILE_PX..rect.bottom().div_ceil(Tiles::TILE_PX);
    rows.all(|row| columns.clone().all(|column| tiles.contains(column, row)))
}

/// Copies that are kept; with more, painting is cheaper than thinking.
const MAX_COPIES: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: u32 = 72;
    const HEIGHT: u32 = 56;

    /// A picture of numbers, each drawn once.
    #[derive(Clone, PartialEq, Eq, Debug)]
    struct Picture(Vec<u32>);

    impl Picture {
        fn at(&self, x: u32, y: u32) -> u32 {
            self.0[(y * WIDTH + x) as usize]
        }

        fn set(&mut self, x: u32, y: u32, value: u32) {
            self.0[(y * WIDTH + x) as usize] = value;
        }

        fn each(rect: Rect) -> impl Iterator<Item = (u32, u32)> {
            (rect.y..rect.bottom()).flat_map(move |y| (rect.x..rect.right()).map(move |x| (x, y)))
        }

        fn copy(&mut self, copy: CopyRect) {
            let before = self.clone();
            for (x, y) in Self::each(copy.to) {
                let value = before.at(x - copy.to.x + copy.from_x, y - copy.to.y + copy.from_y);
                self.set(x, y, value);
            }
        }

        /// What a viewer does with an update.
        fn update(&mut self, damage: &Damage, newest: &Self) {
            for copy in damage.copies() {
                self.copy(*copy);
            }
            for rect in damage.rects() {
                for (x, y) in Self::each(*rect) {
                    self.set(x, y, newest.at(x, y));
                }
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Act {
        Frame { copies: Vec<CopyRect>, drawn: Vec<Rect> },
        Take,
        TakeInside(Rect),
        Repaint(Rect),
    }

    fn rect() -> impl Strategy<Value = Rect> {
        (0..WIDTH, 0..HEIGHT, 1..WIDTH, 1..HEIGHT)
            .prop_map(|(x, y, w, h)| Rect::new(x, y, w.min(WIDTH - x), h.min(HEIGHT - y)))
    }

    /// A part of the picture moved within it.
    fn moved() -> impl Strategy<Value = CopyRect> {
        (rect(), any::<proptest::sample::Index>(), any::<proptest::sample::Index>()).prop_map(|(to, x, y)| {
            let from_x = u32::try_from(x.index((WIDTH - to.width + 1) as usize)).unwrap();
            let from_y = u32::try_from(y.index((HEIGHT - to.height + 1) as usize)).unwrap();
            CopyRect { from_x, from_y, to }
        })
    }

    fn act() -> impl Strategy<Value = Act> {
        let frame = (proptest::collection::vec(moved(), 0..4), proptest::collection::vec(rect(), 0..2))
            .prop_map(|(copies, drawn)| Act::Frame { copies, drawn });
        prop_oneof![6 => frame, 1 => Just(Act::Take), 1 => rect().prop_map(Act::TakeInside), 1 => rect().prop_map(Act::Repaint)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// A viewer that is served at random times ends with the exact picture, whatever moved meanwhile.
        #[test]
        fn a_viewer_ends_with_the_exact_picture(acts in proptest::collection::vec(act(), 1..14)) {
            let mut newest = Picture(vec![0; (WIDTH * HEIGHT) as usize]);
            let mut seen = Picture(vec![u32::MAX; (WIDTH * HEIGHT) as usize]);
            let mut pending = Pending::everything(WIDTH, HEIGHT);
            let mut number = 1;
            for act in acts {
                match act {
                    Act::Frame { copies, drawn } => {
                        // Rectangles of one damage do not overlap.
                        let damage: Damage = drawn.into_iter().take(1).collect();
                        let damage = damage.with_copies(copies);
                        for copy in damage.copies() {
                            newest.copy(*copy);
                        }
                        for rect in damage.rects() {
                            for (x, y) in Picture::each(*rect) {
                                newest.set(x, y, number);
                                number += 1;
                            }
                        }
                        pending.add(&damage);
                    }
                    Act::Take => {
                        seen.update(&pending.take(), &newest);
                        prop_assert!(pending.is_empty());
                        prop_assert_eq!(&seen, &newest);
                    }
                    Act::TakeInside(area) => {
                        seen.update(&pending.take_inside(area), &newest);
                        for (x, y) in Picture::each(area) {
                            prop_assert_eq!(seen.at(x, y), newest.at(x, y));
                        }
                    }
                    Act::Repaint(area) => {
                        for (x, y) in Picture::each(area) {
                            seen.set(x, y, u32::MAX);
                        }
                        pending.add_area(area);
                    }
                }
            }
            seen.update(&pending.take(), &newest);
            prop_assert_eq!(seen, newest);
        }
    }

    #[test]
    fn scrolling_twice_is_scrolling_twice_as_far() {
        let (width_px, height_px) = (640, 480);
        let mut pending = Pending::everything(width_px, height_px);
        let _ = pending.take();
        for _ in 0..2 {
            let up = CopyRect { from_x: 0, from_y: 16, to: Rect::new(0, 0, width_px, height_px - 16) };
            pending.add(&Damage::from_iter([Rect::new(0, height_px - 16, width_px, 16)]).with_copies([up]));
        }
        let damage = pending.take();
        let twice = CopyRect { from_x: 0, from_y: 32, to: Rect::new(0, 0, width_px, height_px - 32) };
        assert_eq!(damage.copies(), [twice]);
        assert_eq!(damage.rects(), [Rect::new(0, height_px - 32, width_px, 32)]);
    }

    #[test]
    fn there_and_back_again_is_nothing_to_copy() {
        let mut pending = Pending::everything(640, 480);
        let _ = pending.take();
        for (from_x, x) in [(0, 100), (100, 0)] {
            let copy = CopyRect { from_x, from_y: 0, to: Rect::new(x, 0, 200, 200) };
            pending.add(&Damage::NONE.with_copies([copy]));
        }
        let damage = pending.take();
        // What the first copy covered is still changed; what went and came back is not.
        assert!(damage.copies().iter().all(|copy| copy.to.x >= 200), "{damage:?}");
    }

    #[test]
    fn what_lies_outside_the_picture_does_no_harm() {
        let mut pending = Pending::everything(64, 64);
        let _ = pending.take();
        let far = CopyRect { from_x: 0, from_y: 0, to: Rect::new(60, 60, 900, 900) };
        pending
            .add(&Damage::from_iter([Rect::new(1000, 1000, 5, 5), Rect::new(0, 0, 4, 4)]).with_copies([far]));
        let whole = Rect::new(0, 0, 64, 64);
        let damage = pending.take();
        assert!(damage.rects().iter().all(|rect| whole.intersection(*rect) == Some(*rect)), "{damage:?}");
        assert!(damage.contains(0, 0) && damage.contains(63, 63));
    }
}
