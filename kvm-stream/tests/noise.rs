//! Noise is let go, what changes in it is found, and nothing drifts away.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on")]

use bytes::Bytes;
use kvm_capture::canvas::Canvas;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat, Timestamp};
use kvm_stream::{Damage, Rect, Sensitivity, TileDiff};

const WIDTH: u32 = 330;
const HEIGHT: u32 = 250;
const INTERVAL_MICROS: u64 = 33_333;

fn console() -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT).unwrap();
    canvas.fill(0, 0, WIDTH, HEIGHT, [40, 44, 52]);
    for line in 0..12 {
        canvas.text(4, 4 + line * 18, "login: root  # tail -f /var/log/messages", [210; 3], None);
    }
    canvas
}

/// Frames of a screen behind a noisy wire, and what somebody sees who paints what is damaged.
struct Rig {
    pixel: PixelFormat,
    diff: TileDiff,
    noise_steps: u64,
    state: u64,
    frames: u64,
    clean: Vec<u8>,
    now: Vec<u8>,
    seen: Vec<u8>,
}

impl Rig {
    fn new(pixel: PixelFormat, sensitivity: Sensitivity) -> Self {
        Self {
            pixel,
            diff: TileDiff::new().with_sensitivity(sensitivity),
            noise_steps: 2,
            state: 7,
            frames: 0,
            clean: Vec::new(),
            now: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Shows a screen for one frame.
    fn show(&mut self, canvas: &Canvas) -> Damage {
        let format = FrameFormat::new(self.pixel, WIDTH, HEIGHT);
        let image = canvas.to_frame(self.pixel, format.colour);
        let planes = image.image().unwrap();
        self.clean = planes.planes().iter().flat_map(|plane| plane.rows().flatten().copied()).collect();
        self.now = self.clean.clone();
        for byte in &mut self.now {
            self.state =
                self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let step = (self.state >> 33) % (self.noise_steps * 2 + 1);
            let noisy = u64::from(*byte) + step;
            *byte = u8::try_from(noisy.saturating_sub(self.noise_steps).min(255)).unwrap();
        }
        let frame = Frame::packed(format, Bytes::from(self.now.clone()))
            .unwrap()
            .with_timestamp(Timestamp::from_micros(self.frames * INTERVAL_MICROS));
        self.frames += 1;
        let damage = self.diff.compare(frame);
        assert_eq!(damage.copies(), []);
        self.seen.resize(self.now.len(), 0);
        for rect in damage.rects() {
            self.paint(format, *rect);
        }
        damage
    }

    fn paint(&mut self, format: FrameFormat, rect: Rect) {
        let mut start = 0;
        for (index, size) in format.pixel.planes(WIDTH, HEIGHT).enumerate() {
            let shift = if index == 0 { 0 } else { format.pixel.chroma_shifts().1 };
            let bytes = |x: u32| format.pixel.planes(x, 1).nth(index).unwrap().row_bytes;
            for row in (rect.y >> shift) as usize..rect.bottom().div_ceil(1 << shift) as usize {
                let from = start + row * size.row_bytes + bytes(rect.x);
                let until = start + row * size.row_bytes + bytes(rect.right());
                self.seen[from..until].copy_from_slice(&self.now[from..until]);
            }
            start += size.row_bytes * size.rows;
        }
    }

    /// By how many steps what is seen differs at most from the screen without noise.
    fn error(&self) -> u8 {
        self.seen.iter().zip(&self.clean).map(|(seen, clean)| seen.abs_diff(*clean)).max().unwrap()
    }

    fn area() -> u64 {
        u64::from(WIDTH * HEIGHT)
    }
}

const FORMATS: [PixelFormat; 6] = [
    PixelFormat::Uyvy,
    PixelFormat::Nv12,
    PixelFormat::Nv16,
    PixelFormat::I420,
    PixelFormat::Rgb24,
    PixelFormat::Bgrx,
];

#[test]
fn a_noisy_source_is_noticed_and_its_noise_is_let_go() {
    for pixel in FORMATS {
        let mut rig = Rig::new(pixel, Sensitivity::Automatic);
        let canvas = console();
        for frame in 0..=8 {
            assert!(rig.diff.noise().is_none(), "{pixel}: {frame}");
            assert_eq!(rig.show(&canvas).area(), Rig::area(), "{pixel}: {frame}");
        }
        let mut painted = 0;
        for _ in 0..60 {
            painted += rig.show(&canvas).area();
        }
        let noise = rig.diff.noise().unwrap();
        assert!((1.0..2.5).contains(&noise.mean_steps), "{noise:?}");
        assert!((3..=5).contains(&noise.peak_steps), "{noise:?}");
        // The turn of every tile comes once in 120 frames, so half of the picture's does.
        let turns = Rig::area() / 2;
        assert!(painted >= turns * 9 / 10 && painted <= turns * 3 / 2, "{pixel}: {painted} of {turns} px");
    }
}

#[test]
fn a_glyph_in_noise_is_found_at_once_and_seen_until_it_stands() {
    for pixel in FORMATS {
        let mut rig = Rig::new(pixel, Sensitivity::Automatic);
        let mut canvas = console();
        for _ in 0..20 {
            rig.show(&canvas);
        }
        for (column, glyph) in (0..).zip(["a", "-", ".", "i", "_"]) {
            let x = 100 + column * 16;
            canvas.text(x, 225, glyph, [210; 3], None);
            rig.show(&canvas);
            assert!(rig.error() <= 8, "{pixel}: {glyph} is seen as it is to {} steps", rig.error());
        }
        // Back to the sweep and nothing else, soon.
        for _ in 0..4 {
            rig.show(&canvas);
        }
        let quiet: u64 = (0..10).map(|_| rig.show(&canvas).area()).sum();
        assert!(quiet < Rig::area() / 6, "{pixel}: {quiet} px");
    }
}

#[test]
fn a_slow_fade_is_followed_and_everything_is_refreshed_in_time() {
    for pixel in [PixelFormat::Uyvy, PixelFormat::I420, PixelFormat::Bgrx] {
        let mut rig = Rig::new(pixel, Sensitivity::Noisy);
        let mut canvas = console();
        rig.show(&canvas);
        let tiles = (WIDTH.div_ceil(16) * HEIGHT.div_ceil(16)) as usize;
        let mut refreshed = vec![0; tiles];
        for frame in 1..600_u64 {
            // Part of the screen gets brighter by a step every eight frames, then stays.
            let level = u8::try_from(44 + (frame / 8).min(60)).unwrap();
            canvas.fill(40, 228, 200, 20, [level; 3]);
            let damage = rig.show(&canvas);
            // No more than was promised, and the noise of the frame that was shown.
            let peak = rig.diff.noise().map_or(0, |noise| noise.peak_steps);
            assert!(peak <= 7, "{peak} steps, of which the fade has no part");
            let bound = (peak * 9 / 4).max(peak + 3) + 2;
            assert!(rig.error() <= bound, "{pixel}, frame {frame}: {} of {bound} steps", rig.error());
            for (place, seen) in (0_u32..).zip(&mut refreshed) {
                let (x, y) = (place % WIDTH.div_ceil(16) * 16, place / WIDTH.div_ceil(16) * 16);
                if damage.contains(x, y) {
                    *seen = frame;
                }
                let age = (frame - *seen) * INTERVAL_MICROS;
                let bound = u64::try_from(TileDiff::REFRESH.as_micros()).unwrap() + INTERVAL_MICROS;
                assert!(age <= bound, "{pixel}: {x},{y} not seen for {age} us");
            }
        }
    }
}

#[test]
fn when_the_noise_ends_the_picture_gets_exact() {
    for pixel in FORMATS {
        let mut rig = Rig::new(pixel, Sensitivity::Automatic);
        let canvas = console();
        for _ in 0..20 {
            rig.show(&canvas);
        }
        assert!(rig.diff.noise().is_some());
        rig.noise_steps = 0;
        for _ in 0..10 {
            rig.show(&canvas);
        }
        assert!(rig.diff.noise().is_none());
        assert_eq!(rig.seen, rig.now, "{pixel}");
        assert!(rig.show(&canvas).is_empty());
    }
}

#[test]
fn a_source_without_noise_is_compared_exactly() {
    for pattern in Pattern::ALL {
        let format = FrameFormat::new(PixelFormat::Uyvy, 640, 360);
        let mut source = PatternSource::new(pattern, format, 5).unwrap();
        let mut exact = TileDiff::new();
        let mut automatic = TileDiff::new().with_sensitivity(Sensitivity::Automatic);
        for _ in 0..30 {
            let Ok(Some(Captured::Frame(frame))) = source.poll_capture() else { panic!("no frame") };
            assert_eq!(automatic.compare(frame.clone()), exact.compare(frame), "{pattern}");
            assert!(automatic.noise().is_none());
        }
    }
}

#[test]
fn frames_nobody_asked_about_are_not_missed() {
    let mut rig = Rig::new(PixelFormat::Nv12, Sensitivity::Noisy);
    let mut canvas = console();
    for _ in 0..20 {
        rig.show(&canvas);
    }
    // While nobody watches, the screen changes; whoever comes back is shown all of it, and then what changes.
    canvas.fill(16, 16, 160, 64, [200, 30, 30]);
    let held = canvas.to_frame(PixelFormat::Nv12, FrameFormat::new(PixelFormat::Nv12, WIDTH, HEIGHT).colour);
    rig.diff.hold(held.with_timestamp(Timestamp::from_micros(rig.frames * INTERVAL_MICROS)));
    canvas.fill(16, 160, 160, 64, [200, 30, 30]);
    let damage = rig.show(&canvas);
    assert!(!damage.contains(80, 40), "this was in the frame that was held");
    assert!(damage.contains(80, 180));
}

/// A film over more than half of the console's tiles: soft waves that travel by many steps a frame.
fn console_with_film(moment: u32) -> Canvas {
    let mut canvas = console();
    canvas.shade((16, 16), (256, 176), |x, y| {
        let wave = |at: u32| u8::try_from((at % 160).min(160 - at % 160) * 2 + 40).unwrap();
        [wave(x + moment * 23), wave(y * 2 + moment * 31), wave(x + y + moment * 17)]
    });
    canvas
}

#[test]
fn a_film_before_a_noisy_background_does_not_hide_the_noise() {
    for pixel in FORMATS {
        let mut rig = Rig::new(pixel, Sensitivity::Automatic);
        for moment in 0..9 {
            rig.show(&console_with_film(moment));
        }
        assert!(rig.diff.noise().is_none());
        for moment in 9..60 {
            let damage = rig.show(&console_with_film(moment));
            let peak = rig.diff.noise().unwrap().peak_steps;
            assert!((3..=5).contains(&peak), "{pixel}: {peak} steps");
            assert!(damage.area() < Rig::area() * 3 / 4, "{pixel}: {} px", damage.area());
            assert!(rig.error() <= 9, "{pixel}: {} steps", rig.error());
        }
    }
}

#[test]
fn a_film_without_noise_is_compared_exactly() {
    for pixel in FORMATS {
        let mut rig = Rig::new(pixel, Sensitivity::Automatic);
        rig.noise_steps = 0;
        for moment in 0..60 {
            rig.show(&console_with_film(moment));
            assert!(rig.diff.noise().is_none());
            assert_eq!(rig.seen, rig.now, "{pixel}");
        }
    }
}
