//! What moved is found, and copies and rectangles together make exactly the new picture.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on")]

use bytes::Bytes;
use kvm_capture::convert::Converter;
use kvm_capture::{Frame, FrameFormat, ImageView, PixelFormat};
use kvm_stream::{Damage, MotionHint, Rect, TileDiff};
use proptest::prelude::*;

/// A picture to script changes with.
#[derive(Clone)]
struct Screen {
    width: u32,
    height: u32,
    pixels: Vec<[u8; 3]>,
}

impl Screen {
    /// A screen full of something like text: dark strokes on light paper.
    fn new(width: u32, height: u32, seed: u64) -> Self {
        let mut screen = Self { width, height, pixels: vec![[240; 3]; (width * height) as usize] };
        screen.write(Rect::new(0, 0, width, height), seed);
        screen
    }

    fn at(&mut self, x: u32, y: u32) -> &mut [u8; 3] {
        &mut self.pixels[(y * self.width + x) as usize]
    }

    fn inside(&self, rect: Rect) -> Rect {
        let screen = Rect::new(0, 0, self.width, self.height);
        rect.intersection(screen).unwrap_or(Rect::new(0, 0, 1, 1))
    }

    /// Fills a rectangle with strokes that no other place has.
    fn write(&mut self, rect: Rect, seed: u64) {
        let rect = self.inside(rect);
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                let cell = u64::from(x / 2) << 40 ^ u64::from(y / 2) << 20 ^ seed;
                let mixed = (cell ^ cell >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40;
                let is_paper = y % 16 < 4 || mixed % 3 > 0;
                *self.at(x, y) =
                    if is_paper { [240; 3] } else { [20, 30, u8::try_from(mixed % 200).unwrap()] };
            }
        }
    }

    fn fill(&mut self, rect: Rect, colour: [u8; 3]) {
        let rect = self.inside(rect);
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                *self.at(x, y) = colour;
            }
        }
    }

    /// Moves a rectangle; what falls off the screen is lost.
    fn shift(&mut self, rect: Rect, dx: i32, dy: i32) {
        let rect = self.inside(rect);
        let before = self.pixels.clone();
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                let (Some(to_x), Some(to_y)) = (x.checked_add_signed(dx), y.checked_add_signed(dy)) else {
                    continue;
                };
                if to_x < self.width && to_y < self.height {
                    *self.at(to_x, to_y) = before[(y * self.width + x) as usize];
                }
            }
        }
    }

    /// Scrolls the inside of a rectangle up; what comes in at its bottom is new.
    fn scroll(&mut self, rect: Rect, rows: u32, seed: u64) {
        let rect = self.inside(rect);
        let rows = rows.min(rect.height);
        let kept = Rect::new(rect.x, rect.y + rows, rect.width, rect.height - rows);
        self.shift(kept, 0, -i32::try_from(rows).unwrap());
        self.write(Rect::new(rect.x, rect.bottom() - rows, rect.width, rows), seed);
    }

    fn frame(&self, pixel: PixelFormat) -> Frame {
        let own = FrameFormat::new(PixelFormat::Rgb24, self.width, self.height);
        let rgb = Frame::packed(own, Bytes::from(self.pixels.concat())).unwrap();
        let format = FrameFormat::new(pixel, self.width, self.height);
        let mut out = Vec::new();
        Converter::new().convert(&rgb.image().unwrap(), format, &mut out);
        Frame::packed(format, Bytes::from(out)).unwrap()
    }
}

/// The planes of a picture, to make the next one in.
struct Planes {
    format: FrameFormat,
    planes: Vec<Vec<Vec<u8>>>,
}

impl Planes {
    fn of(frame: &Frame) -> Self {
        let image = frame.image().unwrap();
        let planes = image.planes().iter().map(|plane| plane.rows().map(<[u8]>::to_vec).collect()).collect();
        Self { format: frame.format(), planes }
    }

    /// Puts a picture at a place. The place has to be one that a picture can be cut from.
    fn put(&mut self, part: &ImageView<'_>, to: Rect) {
        let lefts = self.format.pixel.planes(to.x, 1).map(|left| left.row_bytes);
        for ((index, left), plane) in lefts.enumerate().zip(&mut self.planes) {
            let shift = if index == 0 { 0 } else { self.format.pixel.chroma_shifts().1 };
            let rows = plane.iter_mut().skip((to.y >> shift) as usize);
            for (row, part) in rows.zip(part.plane(index).rows()) {
                row[left..left + part.len()].copy_from_slice(part);
            }
        }
    }

    /// Copies from the picture before, in order and each from what the earlier ones left of it, and paints.
    fn apply(&mut self, damage: &Damage, now: &Frame) {
        let crop = |frame: &Frame, rect: Rect, at: (u32, u32)| {
            let image = frame.image().unwrap();
            assert!(
                image.crop(rect.x, rect.y, rect.width, rect.height).is_some(),
                "{rect:?} cannot be cut out"
            );
            assert!(image.crop(at.0, at.1, rect.width, rect.height).is_some(), "{at:?} cannot be cut out");
        };
        for copy in damage.copies() {
            crop(now, copy.to, (copy.from_x, copy.from_y));
            let bytes: Vec<u8> = self.planes.iter().flatten().flatten().copied().collect();
            let current = Frame::packed(self.format, Bytes::from(bytes)).unwrap();
            let image = current.image().unwrap();
            let part = image.crop(copy.from_x, copy.from_y, copy.to.width, copy.to.height).unwrap();
            self.put(&part, copy.to);
        }
        for rect in damage.rects() {
            crop(now, *rect, (rect.x, rect.y));
            let image = now.image().unwrap();
            self.put(&image.crop(rect.x, rect.y, rect.width, rect.height).unwrap(), *rect);
        }
    }

    fn is(&self, frame: &Frame) -> bool {
        let image = frame.image().unwrap();
        self.planes.iter().zip(image.planes()).all(|(plane, now)| plane.iter().eq(now.rows()))
    }
}

/// What changed from one screen to another, checked to be all of it.
fn damage(diff: &mut TileDiff, before: &Screen, now: &Screen, pixel: PixelFormat) -> Damage {
    let (before, now) = (before.frame(pixel), now.frame(pixel));
    diff.hold(before.clone());
    let damage = diff.compare(now.clone());
    let mut planes = Planes::of(&before);
    planes.apply(&damage, &now);
    assert!(planes.is(&now), "{pixel}: {damage:?}");
    for (index, rect) in damage.rects().iter().enumerate() {
        assert!(
            damage.rects()[..index].iter().all(|other| other.intersection(*rect).is_none()),
            "{damage:?}"
        );
    }
    damage
}

#[derive(Debug, Clone)]
enum Change {
    Scroll(Rect, u32),
    Drag(Rect, i32, i32),
    Write(Rect),
    Fill(Rect),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let rect =
        (0_u32..300, 0_u32..240, 1_u32..320, 1_u32..260).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h));
    let change = prop_oneof![
        (rect.clone(), 1_u32..60).prop_map(|(rect, rows)| Change::Scroll(rect, rows)),
        (rect.clone(), -50_i32..50, -50_i32..50).prop_map(|(rect, dx, dy)| Change::Drag(rect, dx, dy)),
        rect.clone().prop_map(Change::Write),
        rect.prop_map(Change::Fill),
    ];
    proptest::collection::vec(change, 1..4)
}

proptest! {
    #[test]
    fn copies_and_rectangles_make_the_picture(
        index in 0..PixelFormat::ALL.len() - 1,
        (width, height) in (1_u32..330, 1_u32..270),
        frames in proptest::collection::vec(changes(), 1..4),
        seed: u32,
    ) {
        let pixel = PixelFormat::ALL[index];
        let (mut diff, mut hinting) = (TileDiff::new(), TileDiff::new().with_hints());
        let mut screen = Screen::new(width, height, u64::from(seed));
        for (turn, changes) in (1..).zip(frames) {
            let before = screen.clone();
            let seed = u64::from(seed) + (turn << 33);
            for change in changes {
                match change {
                    Change::Scroll(rect, rows) => screen.scroll(rect, rows, seed),
                    Change::Drag(rect, dx, dy) => screen.shift(rect, dx, dy),
                    Change::Write(rect) => screen.write(rect, seed),
                    Change::Fill(rect) => screen.fill(rect, [seed.to_le_bytes()[0]; 3]),
                }
            }
            let exact = damage(&mut diff, &before, &screen, pixel);
            prop_assert_eq!(exact.hints(), []);
            let hinted = damage(&mut hinting, &before, &screen, pixel);
            prop_assert_eq!(hinted.copies(), exact.copies());
            prop_assert_eq!(hinted.rects(), exact.rects());
            let picture = Rect::new(0, 0, width, height);
            for hint in hinted.hints() {
                prop_assert!(picture.union(hint.to) == picture && picture.union(hint.from()) == picture, "{hint:?}");
                prop_assert!(!hint.to.is_empty() && hint.from() != hint.to, "{hint:?}");
            }
            prop_assert_eq!(hinted.without_copies(), exact.without_copies());
        }
    }
}

/// How many pixels of a rectangle have a hint of this distance.
fn hinted_px(hints: &[MotionHint], rect: Rect, (dx, dy): (i64, i64)) -> u64 {
    let is_wanted = |hint: &&MotionHint| {
        i64::from(hint.to.x) - i64::from(hint.from_x) == dx
            && i64::from(hint.to.y) - i64::from(hint.from_y) == dy
    };
    let inside = |hint: &MotionHint| hint.to.intersection(rect).map_or(0, Rect::area);
    hints.iter().filter(is_wanted).map(inside).sum()
}

#[test]
fn a_window_dragged_by_odd_distances_is_hinted_at() {
    let window = Rect::new(203, 101, 250, 180);
    for pixel in
        [PixelFormat::Uyvy, PixelFormat::Yuyv, PixelFormat::Nv16, PixelFormat::Nv12, PixelFormat::I420]
    {
        for (dx, dy) in [(13, 7), (-31, 0), (1, -20)] {
            let mut before = Screen::new(640, 400, 1);
            before.write(window, 9);
            let mut now = before.clone();
            now.shift(window, dx, dy);
            let damage = damage(&mut TileDiff::new().with_hints(), &before, &now, pixel);
            assert_eq!(damage.copies(), [], "{pixel}: the colours of no pair are the same");
            let moved = Rect::new(
                window.x.checked_add_signed(dx).unwrap(),
                window.y.checked_add_signed(dy).unwrap(),
                window.width,
                window.height,
            );
            let px = hinted_px(damage.hints(), moved, (dx.into(), dy.into()));
            assert!(px * 10 >= moved.area() * 7, "{pixel} {dx},{dy}: {px} px of {:?}", damage.hints());
        }
    }
}

#[test]
fn magnified_text_that_scrolled_by_a_fraction_is_hinted_at() {
    // By 2.7, as a capture card does without smoothing; four rows of the small screen are 10.8.
    let magnified = |small: &Screen| {
        let mut large = Screen::new(640, 400, 0);
        for (y, x) in (0..400).flat_map(|y| (0..640).map(move |x| (y, x))) {
            let (x_small, y_small) = (x * 10 / 27, y * 10 / 27);
            *large.at(x, y) = small.pixels[(y_small * small.width + x_small) as usize];
        }
        large
    };
    for pixel in [PixelFormat::Bgrx, PixelFormat::Uyvy, PixelFormat::Nv12] {
        let before = Screen::new(238, 149, 5);
        let mut now = before.clone();
        now.scroll(Rect::new(0, 0, 238, 149), 4, 6);
        let (before, now) = (magnified(&before), magnified(&now));
        let damage = damage(&mut TileDiff::new().with_hints(), &before, &now, pixel);
        let picture = Rect::new(0, 0, 640, 400);
        // The next distances that are whole; some formats are searched by pairs of rows first.
        let px = [-11, -10].map(|dy| hinted_px(damage.hints(), picture, (0, dy)));
        let px = px[0].max(px[1]);
        assert!(px * 10 >= picture.area() * 7, "{pixel}: {px} px of {:?}", damage.hints());
    }
}

#[test]
fn scrolling_by_rows_leaves_little_more_than_those_rows() {
    let (width, height) = (640, 400);
    // A page between a bar above, a list on the left and a status line below.
    let page = Rect::new(122, 46, 500, 330);
    for pixel in PixelFormat::ALL.into_iter().filter(|pixel| !pixel.is_compressed()) {
        for rows in [2, 10, 16, 54] {
            let before = Screen::new(width, height, 1);
            let mut now = before.clone();
            now.scroll(page, rows, 2);
            let damage = damage(&mut TileDiff::new(), &before, &now, pixel);
            let copied: u64 = damage.copies().iter().map(|copy| copy.to.area()).sum();
            let moved = u64::from(page.width * (page.height - rows));
            assert!(copied * 100 >= moved * 99, "{pixel}, {rows} rows: {damage:?}");
            // The new rows, rounded up to tiles at the bottom and both sides, and little else.
            let most = u64::from((page.width + 32) * (rows + 16));
            assert!(
                damage.area() <= most,
                "{pixel}, {rows} rows: {} of {most} px: {damage:?}",
                damage.area()
            );
        }
    }
}

#[test]
fn a_window_dragged_is_copied_whichever_way() {
    let window = Rect::new(203, 101, 250, 180);
    for pixel in PixelFormat::ALL.into_iter().filter(|pixel| !pixel.is_compressed()) {
        for (dx, dy) in [(12, 6), (-34, 0), (0, -22), (100, -60), (-2, 90)] {
            let mut before = Screen::new(640, 400, 1);
            before.write(window, 9);
            let mut now = Screen::new(640, 400, 1);
            now.write(window, 9);
            now.shift(window, dx, dy);
            // What the window uncovers is the background.
            let background = Screen::new(640, 400, 1);
            for y in window.y..window.bottom() {
                for x in window.x..window.right() {
                    let moved = |at: u32, by: i32| at.checked_add_signed(-by).unwrap();
                    if !window.contains(moved(x, dx), moved(y, dy)) {
                        *now.at(x, y) = background.pixels[(y * 640 + x) as usize];
                    }
                }
            }
            let damage = damage(&mut TileDiff::new(), &before, &now, pixel);
            let copied: u64 = damage.copies().iter().map(|copy| copy.to.area()).sum();
            assert!(copied * 100 >= window.area() * 90, "{pixel} {dx},{dy}: {copied} px in {damage:?}");
        }
    }
}

#[test]
fn a_flat_area_is_not_worth_a_copy() {
    let mut before = Screen::new(640, 400, 1);
    before.fill(Rect::new(0, 0, 320, 400), [9; 3]);
    let mut now = before.clone();
    now.fill(Rect::new(320, 0, 320, 400), [9; 3]);
    let damage = damage(&mut TileDiff::new(), &before, &now, PixelFormat::Bgrx);
    assert_eq!(damage.copies(), []);
    assert_eq!(damage.area(), 320 * 400);
}

#[test]
fn without_motion_nothing_is_copied() {
    let before = Screen::new(640, 400, 1);
    let mut now = before.clone();
    now.scroll(Rect::new(0, 0, 640, 400), 32, 3);
    let damage = damage(&mut TileDiff::new().without_motion(), &before, &now, PixelFormat::Uyvy);
    assert_eq!(damage.copies(), []);
}
