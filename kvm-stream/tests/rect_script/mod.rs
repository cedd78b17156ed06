//! What happens on a screen, at random: text, areas, noise, scrolls, drags, photos, and damage that is odd.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "all of it is test code, of small numbers"
)]

use bytes::Bytes;
use kvm_capture::convert::Converter;
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
use kvm_stream::{CopyRect, Damage, Rect, TileDiff};
use proptest::prelude::*;

use crate::rect_decoder::Pixels;

/// A screen's size, and what happens on it.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) size: (u32, u32),
    pub(crate) steps: Vec<Step>,
}

/// One thing that happens, somewhere in a rectangle of thousandths of the picture.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) what: What,
    pub(crate) place: [u32; 4],
    pub(crate) seed: u64,
    /// Damage that nobody made.
    pub(crate) odd: Vec<Rect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Nothing,
    Fill,
    Text,
    Photo,
    Noise,
    /// The rectangle's content is copied elsewhere by an even number of pixels, and the pipeline found out.
    Move,
}

pub(crate) fn pixel_formats() -> impl Strategy<Value = PixelFormat> {
    prop::sample::select(&PixelFormat::ALL[..PixelFormat::ALL.len() - 1])
}

pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    let all =
        [What::Nothing, What::Fill, What::Text, What::Text, What::Photo, What::Noise, What::Move, What::Move];
    let what = prop::sample::select(all.to_vec());
    let odd = (0_u32..400, 0_u32..400, 0_u32..300, 0_u32..300).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h));
    let hostile = prop_oneof![
        9 => odd,
        1 => Just(Rect::new(u32::MAX, 3, u32::MAX, u32::MAX)),
        1 => Just(Rect::new(5, u32::MAX - 4, 9, 9)),
    ];
    let place = [0_u32..1000, 0_u32..1000, 0_u32..1000, 0_u32..1000];
    let step = (what, place, any::<u64>(), prop::collection::vec(hostile, 0..3))
        .prop_map(|(what, place, seed, odd)| Step { what, place, seed, odd });
    let size = prop_oneof![8 => (1_u32..300, 1_u32..200), 1 => (2040_u32..2100, 1_u32..40)];
    (size, prop::collection::vec(step, 1..7)).prop_map(|(size, steps)| Script { size, steps })
}

/// A screen on which a script happens, as some device captures it.
pub(crate) struct Scene {
    format: FrameFormat,
    rgb: Vec<u8>,
    frame: Frame,
    diff: TileDiff,
    steps: u64,
}

impl Scene {
    pub(crate) fn new(pixel: PixelFormat, (width, height): (u32, u32)) -> Self {
        let format = FrameFormat::new(pixel, width, height);
        let rgb = vec![0; (width * height * 3) as usize];
        let frame = captured(format, &rgb);
        Self { format, rgb, frame, diff: TileDiff::new(), steps: 0 }
    }

    pub(crate) fn width(&self) -> u32 {
        self.format.width_px
    }

    pub(crate) fn height(&self) -> u32 {
        self.format.height_px
    }

    /// Lets something happen: the frame after it, and what a pipeline would say about it.
    pub(crate) fn step(&mut self, step: &Step) -> (Frame, Damage) {
        let rect = self.place(step.place);
        let mut random = step.seed | 1;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let mut copy = None;
        match step.what {
            What::Nothing => {}
            What::Fill => {
                let colour = next().to_le_bytes();
                self.paint(rect, |_, _| [colour[0], colour[1], colour[2]]);
            }
            What::Text => {
                let colours = [(); 4].map(|()| next().to_le_bytes());
                let glyphs = next();
                self.paint(rect, |x, y| {
                    let bits = glyphs.rotate_right(x / 3 * 7 + y / 2 * 13) & 7;
                    let colour = colours[[0, 0, 0, 0, 0, 1, 2, 3][bits as usize]];
                    [colour[0], colour[1], colour[2]]
                });
            }
            What::Photo => {
                let slope = (next() % 7) as u32;
                self.paint(rect, |x, y| {
                    let grain = (next() % 5) as u8;
                    [(x as u8).wrapping_add(grain), (y * slope) as u8 / 2 + grain, ((x + y) as u8) ^ grain]
                });
            }
            What::Noise => {
                self.paint(rect, |_, _| {
                    let bytes = next().to_le_bytes();
                    [bytes[0], bytes[1], bytes[2]]
                });
            }
            // The first frame is painted whatever happened.
            What::Move if self.steps > 0 => copy = self.moved(rect, next()),
            What::Move => {}
        }
        self.steps += 1;
        let frame = match copy {
            Some(copy) => captured_copy(&self.frame, copy),
            None => captured(self.format, &self.rgb),
        };
        self.frame = frame.with_timestamp(Timestamp::from_micros(self.steps * 16_667));
        if copy.is_some() {
            // The screen goes on from what was copied.
            self.rgb = rgb_of(&self.frame);
        }
        let found = self.diff.compare(self.frame.clone());
        // A pipeline that knows of a copy finds nothing else but the tiles at its edge.
        let is_copied = |rect: &Rect| copy.is_some_and(|copy| copy.to.intersection(*rect) == Some(*rect));
        let rects = found.rects().iter().copied().filter(|rect| !is_copied(rect));
        let damage: Damage = rects.chain(step.odd.iter().copied()).collect();
        (self.frame.clone(), damage.with_copies(copy))
    }

    /// The same frame later.
    pub(crate) fn later(&mut self, micros: u64) -> Frame {
        let timestamp = self.frame.timestamp().as_micros() + micros;
        self.frame = self.frame.clone().with_timestamp(Timestamp::from_micros(timestamp));
        self.frame.clone()
    }

    /// The picture as a client's pixels.
    pub(crate) fn picture(&self, pixels: Pixels) -> Vec<u32> {
        rgb_of(&self.frame).chunks(3).map(|rgb| pixels.of_rgb(rgb)).collect()
    }

    fn place(&self, [x, y, w, h]: [u32; 4]) -> Rect {
        let (width, height) = (self.format.width_px, self.format.height_px);
        let (x, y) = (x * width / 1000, y * height / 1000);
        Rect::new(x, y, 1 + w * (width - x - 1) / 1000, 1 + h * (height - y - 1) / 1000)
    }

    fn paint(&mut self, rect: Rect, mut colour: impl FnMut(u32, u32) -> [u8; 3]) {
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                let at = ((y * self.format.width_px + x) * 3) as usize;
                self.rgb[at..at + 3].copy_from_slice(&colour(x, y));
            }
        }
    }

    /// A move of a rectangle's content, such that pixels that share colour differences stay together.
    fn moved(&self, rect: Rect, random: u64) -> Option<CopyRect> {
        let rect = Rect::new(rect.x & !1, rect.y & !1, rect.width & !1, rect.height & !1);
        if rect.is_empty() {
            return None;
        }
        let (free_x, free_y) = (self.format.width_px - rect.width, self.format.height_px - rect.height);
        let near = |place: u32, free: u32, random: u64| {
            let place = u64::from(place) + random % 40;
            (place.saturating_sub(20).min(u64::from(free)) & !1) as u32
        };
        let to = Rect { x: near(rect.x, free_x, random), y: near(rect.y, free_y, random >> 20), ..rect };
        Some(CopyRect { from_x: rect.x, from_y: rect.y, to })
    }
}

/// The screen as a device captures it.
fn captured(format: FrameFormat, rgb: &[u8]) -> Frame {
    let source = FrameFormat::new(PixelFormat::Rgb24, format.width_px, format.height_px);
    let screen = Frame::packed(source, Bytes::copy_from_slice(rgb)).unwrap();
    let mut bytes = Vec::new();
    Converter::new().convert(&screen.image().unwrap(), format, &mut bytes);
    Frame::packed(format, Bytes::from(bytes)).unwrap()
}

/// The frame with a part of it copied, in the capture's own numbers.
fn captured_copy(frame: &Frame, copy: CopyRect) -> Frame {
    let format = frame.format();
    let image = frame.image().unwrap();
    let from = image.crop(copy.from_x, copy.from_y, copy.to.width, copy.to.height).unwrap();
    let mut bytes: Vec<u8> = Vec::new();
    for row in image.planes().iter().flat_map(|plane| plane.rows()) {
        bytes.extend_from_slice(row);
    }
    let mut start = 0;
    let lefts = format.pixel.planes(copy.to.x, 1).map(|left| left.row_bytes);
    for (index, left) in lefts.enumerate() {
        let size = image.plane(index).size();
        let shift = if index == 0 { 0 } else { format.pixel.chroma_shifts().1 };
        for (row, source) in from.plane(index).rows().enumerate() {
            let at = start + ((copy.to.y >> shift) as usize + row) * size.row_bytes + left;
            bytes[at..at + source.len()].copy_from_slice(source);
        }
        start += size.row_bytes * size.rows;
    }
    Frame::packed(format, Bytes::from(bytes)).unwrap()
}

fn rgb_of(frame: &Frame) -> Vec<u8> {
    let format = frame.format();
    let target = FrameFormat::new(PixelFormat::Rgb24, format.width_px, format.height_px);
    let mut rgb = Vec::new();
    Converter::new().convert(&frame.image().unwrap(), target, &mut rgb);
    rgb
}
