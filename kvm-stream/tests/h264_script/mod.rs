//! What happens on a small screen, at random, and what an encoder is told of it, which may be wrong.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "all of it is test code, of small numbers"
)]

use std::time::Duration;

use bytes::Bytes;
use kvm_capture::convert::Converter;
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
use kvm_stream::{CopyRect, Damage, Encoder, H264Encoder, H264Quality, H264Rate, Rect, TileDiff};
use proptest::prelude::*;

use crate::h264_take::Take;

/// What happens on a screen of some format, and how good its pictures are to be.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) pixel: PixelFormat,
    pub(crate) quality: H264Quality,
    /// What the line carries.
    rate: Option<H264Rate>,
    is_checked: bool,
    pub(crate) steps: Vec<Step>,
}

/// One frame: what is drawn, somewhere in a rectangle of thousandths of the picture; what the encoder is told that
/// changed; and what else is asked of it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    draws: Vec<(Draw, [u32; 4])>,
    seed: u64,
    hint: Hint,
    wish: Wish,
    /// So many pictures may follow to better what stands still.
    refine: usize,
}

#[derive(Debug, Clone, Copy)]
enum Draw {
    Fill,
    Text,
    Slope,
    Photo,
    Noise,
    /// The rectangle's content moves by so many pixels.
    Move(i32, i32),
}

/// What the encoder is told.
#[derive(Debug, Clone)]
enum Hint {
    /// What a difference finds, motion included.
    Found,
    /// That, and the moves that were drawn as copies, though what is under and beside them may tell another tale.
    Drawn,
    Everything,
    Nothing,
    /// What was found without some of it.
    Less(u64),
    /// What was found and more: rectangles that overlap or lie outside, copies of what was never there.
    More(Vec<Rect>, Vec<CopyRect>),
}

#[derive(Debug, Clone, Copy)]
enum Wish {
    Nothing,
    Keyframe,
    Refresh,
    Budget(usize),
}

/// Scripts of up to `frames` frames.
pub(crate) fn scripts(frames: usize) -> impl Strategy<Value = Script> {
    let pixel = prop::sample::select(&PixelFormat::ALL[..PixelFormat::ALL.len() - 1]);
    let rate = (1_000_u32..2_000_000, 1_u64..1_000)
        .prop_map(|(bytes, buffer_ms)| H264Rate::new(bytes, Duration::from_millis(buffer_ms)));
    let rate = prop_oneof![3 => Just(None), 1 => rate.prop_map(Some)];
    let is_checked = prop::sample::select(vec![false, false, false, true]);
    (pixel, qualities(), rate, is_checked, prop::collection::vec(steps(), 1..=frames)).prop_map(
        |(pixel, quality, rate, is_checked, steps)| Script { pixel, quality, rate, is_checked, steps },
    )
}

fn qualities() -> impl Strategy<Value = H264Quality> {
    let any = [0_u8..=60, 0_u8..=60, 0_u8..=60].prop_map(|[quantiser, photo_quantiser, still_quantiser]| {
        let mut quality = H264Quality::DEFAULT;
        (quality.quantiser, quality.photo_quantiser) = (quantiser, photo_quantiser);
        quality.still_quantiser = still_quantiser;
        quality
    });
    prop_oneof![2 => Just(H264Quality::DEFAULT), 2 => (0_u8..=60).prop_map(H264Quality::constant), 1 => any]
}

/// Sizes of a few macroblocks, whole and cut.
pub(crate) fn sizes() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![
        4 => (1_u32..7, 1_u32..6).prop_map(|(columns, rows)| (columns * 16, rows * 16)),
        4 => (16_u32..100, 16_u32..80),
        1 => (16_u32..24, 100_u32..300),
        1 => (200_u32..500, 16_u32..24),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let shift = prop_oneof![4 => -4_i32..5, 2 => -20_i32..21, 1 => -200_i32..201];
    let motion = prop_oneof![
        2 => shift.clone().prop_map(|dy| Draw::Move(0, dy)),
        1 => shift.clone().prop_map(|dx| Draw::Move(dx, 0)),
        2 => (shift.clone(), shift).prop_map(|(dx, dy)| Draw::Move(dx, dy)),
    ];
    let still =
        prop::sample::select(vec![Draw::Fill, Draw::Text, Draw::Text, Draw::Slope, Draw::Photo, Draw::Noise]);
    let draw = prop_oneof![3 => still, 2 => motion];
    let place = [0_u32..1000, 0_u32..1000, 0_u32..1000, 0_u32..1000];
    let wish = prop_oneof![
        12 => Just(Wish::Nothing),
        1 => Just(Wish::Keyframe),
        1 => Just(Wish::Refresh),
        2 => prop_oneof![0_usize..300, 0_usize..30_000, Just(usize::MAX)].prop_map(Wish::Budget),
    ];
    let refine = prop_oneof![3 => Just(0), 1 => 1_usize..4, 1 => Just(12)];
    (prop::collection::vec((draw, place), 0..3), any::<u64>(), hints(), wish, refine)
        .prop_map(|(draws, seed, hint, wish, refine)| Step { draws, seed, hint, wish, refine })
}

fn hints() -> impl Strategy<Value = Hint> {
    let edge = prop_oneof![6 => 0_u32..120, 1 => 0_u32..1000, 1 => (u32::MAX - 20)..=u32::MAX];
    let rect = (edge.clone(), edge.clone(), edge.clone(), edge.clone())
        .prop_map(|(x, y, w, h)| Rect::new(x, y, w, h));
    let copy =
        (edge.clone(), edge, rect.clone()).prop_map(|(from_x, from_y, to)| CopyRect { from_x, from_y, to });
    let more = (prop::collection::vec(rect, 0..4), prop::collection::vec(copy, 0..4));
    prop_oneof![
        6 => Just(Hint::Found),
        3 => Just(Hint::Drawn),
        1 => Just(Hint::Everything),
        1 => Just(Hint::Nothing),
        1 => any::<u64>().prop_map(Hint::Less),
        3 => more.prop_map(|(rects, copies)| Hint::More(rects, copies)),
    ]
}

/// Lets a script happen on a screen of this size.
pub(crate) fn play(script: &Script, size: (u32, u32)) -> Take {
    let mut encoder = H264Encoder::new(script.quality);
    if let Some(rate) = script.rate {
        encoder = encoder.with_rate(rate);
    }
    if script.is_checked {
        encoder = encoder.with_checks();
    }
    let mut screen = Screen::new(FrameFormat::new(script.pixel, size.0, size.1));
    let mut take = Take::default();
    for step in &script.steps {
        let (frame, damage) = screen.step(step);
        match step.wish {
            Wish::Nothing => {}
            Wish::Keyframe => encoder.request_keyframe(),
            Wish::Budget(bytes) => encoder.set_budget(bytes),
            Wish::Refresh => {
                // Of some part of what was shown, and from then on as before.
                let lacking = Damage::from_iter([screen.place([step.seed as u32 % 1000, 100, 500, 700])]);
                take.encode(&mut encoder, &frame, &damage, 0);
                take.with(&mut encoder, |encoder, out| {
                    encoder.encode_refresh(&frame, &lacking, out).unwrap();
                });
                continue;
            }
        }
        take.encode(&mut encoder, &frame, &damage, step.refine);
    }
    take
}

/// The screen, as some device captures it.
struct Screen {
    format: FrameFormat,
    rgb: Vec<[u8; 3]>,
    diff: TileDiff,
    frames: u64,
}

impl Screen {
    fn new(format: FrameFormat) -> Self {
        let rgb = vec![[40, 40, 48]; (format.width_px * format.height_px) as usize];
        Self { format, rgb, diff: TileDiff::new(), frames: 0 }
    }

    fn step(&mut self, step: &Step) -> (Frame, Damage) {
        let mut random = step.seed | 1;
        let mut moves = Vec::new();
        for &(draw, place) in &step.draws {
            let place = self.place(place);
            self.draw(draw, place, &mut random, &mut moves);
        }
        self.frames += 1;
        let frame = self.captured();
        let found = self.diff.compare(frame.clone());
        let everything = Damage::full(self.format.width_px, self.format.height_px);
        let damage = match &step.hint {
            // Whatever the first frame is, nobody can say less of it.
            _ if self.frames == 1 => everything,
            Hint::Found => found,
            Hint::Drawn => {
                found.without_copies().rects().iter().copied().collect::<Damage>().with_copies(moves)
            }
            Hint::Everything => everything,
            Hint::Nothing => Damage::NONE,
            Hint::Less(which) => {
                let some =
                    found.rects().iter().enumerate().filter(|(index, _)| which >> (index % 64) & 1 > 0);
                some.map(|(_, rect)| *rect).collect()
            }
            Hint::More(rects, copies) => {
                let all: Damage = found.rects().iter().chain(rects).copied().collect();
                all.with_copies(found.copies().iter().chain(copies).copied())
            }
        };
        (frame, damage)
    }

    fn place(&self, [x, y, w, h]: [u32; 4]) -> Rect {
        let (width, height) = (self.format.width_px, self.format.height_px);
        let (x, y) = (x * width / 1000, y * height / 1000);
        Rect::new(x, y, 1 + w * (width - x - 1) / 1000, 1 + h * (height - y - 1) / 1000)
    }

    fn draw(&mut self, draw: Draw, place: Rect, random: &mut u64, moves: &mut Vec<CopyRect>) {
        let mut next = || {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            *random
        };
        let colours = [(); 4].map(|()| next().to_le_bytes()).map(|bytes| [bytes[0], bytes[1], bytes[2]]);
        let glyphs = next();
        let (slope_x, slope_y) = ((glyphs % 9) as u32, (glyphs / 9 % 9) as u32);
        match draw {
            Draw::Fill => self.paint(place, |_, _| colours[0]),
            Draw::Text => self.paint(place, |x, y| {
                let bits = glyphs.rotate_right(x / 3 * 7 + y / 2 * 13) & 7;
                colours[[0, 0, 0, 0, 0, 1, 2, 3][bits as usize]]
            }),
            Draw::Slope => self.paint(place, |x, y| {
                let shade = ((x * slope_x + y * slope_y) / 4) as u8;
                [shade, shade, 255 - shade]
            }),
            Draw::Photo => self.paint(place, |x, y| {
                let grain = (next() % 5) as u8;
                [(x as u8).wrapping_add(grain), (y * slope_x) as u8 / 2 + grain, ((x + y) as u8) ^ grain]
            }),
            Draw::Noise => self.paint(place, |_, _| {
                let bytes = next().to_le_bytes();
                [bytes[0], bytes[1], bytes[2]]
            }),
            Draw::Move(dx, dy) => moves.extend(self.shift(place, dx, dy)),
        }
    }

    fn paint(&mut self, rect: Rect, mut colour: impl FnMut(u32, u32) -> [u8; 3]) {
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                self.rgb[(y * self.format.width_px + x) as usize] = colour(x, y);
            }
        }
    }

    /// Moves what is in a rectangle; what falls off the screen is lost.
    fn shift(&mut self, rect: Rect, dx: i32, dy: i32) -> Option<CopyRect> {
        let (width, height) = (self.format.width_px, self.format.height_px);
        let to_x = rect.x.saturating_add_signed(dx).min(width - rect.width);
        let to_y = rect.y.saturating_add_signed(dy).min(height - rect.height);
        let before = self.rgb.clone();
        let at = |x: u32, y: u32| (y * width + x) as usize;
        for row in 0..rect.height {
            let from = at(rect.x, rect.y + row)..at(rect.x, rect.y + row) + rect.width as usize;
            let to = at(to_x, to_y + row);
            self.rgb[to..to + from.len()].copy_from_slice(&before[from]);
        }
        let to = Rect::new(to_x, to_y, rect.width, rect.height);
        (to != rect).then_some(CopyRect { from_x: rect.x, from_y: rect.y, to })
    }

    fn captured(&self) -> Frame {
        let FrameFormat { width_px, height_px, .. } = self.format;
        let source = FrameFormat::new(PixelFormat::Rgb24, width_px, height_px);
        let screen = Frame::packed(source, Bytes::from(self.rgb.as_flattened().to_vec())).unwrap();
        let mut bytes = Vec::new();
        Converter::new().convert(&screen.image().unwrap(), self.format, &mut bytes);
        Frame::packed(self.format, Bytes::from(bytes))
            .unwrap()
            .with_timestamp(Timestamp::from_micros(self.frames * 16_667))
            .with_sequence(self.frames)
    }
}
