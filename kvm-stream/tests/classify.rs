//! Areas with a label are told apart, in the formats that sources deliver.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on")]

use bytes::Bytes;
use kvm_capture::canvas::{Canvas, Rgb};
use kvm_capture::convert::Converter;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Colour, Frame, FrameFormat, FrameSource, PixelFormat, Timestamp};
use kvm_stream::{Class, Damage, FilmFinder, Rect, TileDiff, classify};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

const FORMATS: [PixelFormat; 6] = [
    PixelFormat::Uyvy,
    PixelFormat::Yuyv,
    PixelFormat::Nv12,
    PixelFormat::I420,
    PixelFormat::Rgb24,
    PixelFormat::Bgrx,
];

const TEXT: &str = "The quick brown fox jumps over the lazy dog; 0123456789 {}[]() -> /dev/ttyUSB0";

fn canvas() -> Canvas {
    Canvas::new(WIDTH, HEIGHT).unwrap()
}

fn lines(canvas: &mut Canvas, ink: Rgb, paper: Rgb) {
    canvas.fill(0, 0, WIDTH, HEIGHT, paper);
    for line in 0..28 {
        let from = usize::try_from(line * 5 % 40).unwrap();
        canvas.text(8, 8 + line * 16, &TEXT[from..], ink, Some(paper));
    }
}

fn firmware() -> Canvas {
    let mut canvas = canvas();
    lines(&mut canvas, [170; 3], [0, 0, 170]);
    canvas.fill(0, 0, WIDTH, 18, [170; 3]);
    canvas.outline(4, 20, WIDTH - 8, HEIGHT - 24, [255; 3]);
    canvas.text(200, 1, "BIOS SETUP UTILITY", [0; 3], None);
    canvas
}

fn terminal() -> Canvas {
    let mut canvas = canvas();
    lines(&mut canvas, [200, 255, 200], [12; 3]);
    canvas
}

/// The rows of a picture as red, green and blue.
fn rgb_of(canvas: &Canvas) -> Vec<u8> {
    let frame = canvas.to_frame(PixelFormat::Bgrx, Colour::RGB);
    let format = FrameFormat::new(PixelFormat::Rgb24, canvas.width_px(), canvas.height_px());
    let mut out = Vec::new();
    Converter::new().convert(&frame.image().unwrap(), format, &mut out);
    out
}

/// Text at 11/8 of its size, its edges blended as anti-aliasing does.
fn document() -> Canvas {
    let mut small = canvas();
    lines(&mut small, [25, 25, 30], [255, 253, 250]);
    let pixels = rgb_of(&small);
    let mut canvas = canvas();
    canvas.shade((0, 0), (WIDTH, HEIGHT), |x, y| {
        let (x, y) = (x * 256 * 8 / 11, y * 256 * 8 / 11);
        let at = |column: u32, row: u32, part: usize| {
            let pixel = row.min(HEIGHT - 1) * WIDTH + column.min(WIDTH - 1);
            u32::from(pixels[pixel as usize * 3 + part])
        };
        // Steeper than linear, as glyphs drawn to fit the pixels are.
        let steep = |part: u32| (part.saturating_sub(64) * 2).min(256);
        let (right, down) = (steep(x % 256), steep(y % 256));
        std::array::from_fn(|part| {
            let (column, row) = (x / 256, y / 256);
            let blend = |one: u32, other: u32, share: u32| (one * (256 - share) + other * share) / 256;
            let upper = blend(at(column, row, part), at(column + 1, row, part), right);
            let lower = blend(at(column, row + 1, part), at(column + 1, row + 1, part), right);
            u8::try_from(blend(upper, lower, down)).unwrap()
        })
    });
    canvas
}

fn gradient() -> Canvas {
    let mut canvas = canvas();
    canvas.shade((0, 0), (WIDTH, HEIGHT), |x, y| {
        let level = |value: u32| u8::try_from(value.min(255)).unwrap();
        [level((x + y) * 255 / 1120), level(x * 200 / 640), level(255 - (x / 2 + y) * 255 / 900)]
    });
    canvas
}

fn flat() -> Canvas {
    let mut canvas = canvas();
    canvas.fill(0, 0, WIDTH, HEIGHT, [58, 110, 165]);
    canvas
}

fn frames(pattern: Pattern, format: FrameFormat) -> impl Iterator<Item = Frame> {
    let mut source = PatternSource::new(pattern, format, 3).unwrap();
    std::iter::from_fn(move || match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => Some(frame),
        other => unreachable!("a pattern always has a frame, not {other:?}"),
    })
}

/// Parts of a picture the size of what is damaged at once: from a few glyphs to half the screen.
fn areas(within: Rect) -> Vec<Rect> {
    let mut areas = vec![within];
    for (width, height) in [(32, 16), (48, 48), (64, 64), (160, 32), (256, 128)] {
        for step in 0..6 {
            let x = within.x + (within.width - width) * step / 5;
            let y = within.y + (within.height - height) * (step * 3 % 6) / 5;
            areas.push(Rect::new(x & !1, y & !1, width, height));
        }
    }
    areas
}

#[test]
fn the_table_of_confusion_has_a_heavy_diagonal() {
    let whole = Rect::new(0, 0, WIDTH, HEIGHT);
    let inner = Rect::new(16, 32, WIDTH - 64, HEIGHT - 96);
    let drawn =
        |canvas: &Canvas, pixel| canvas.to_frame(pixel, FrameFormat::new(pixel, WIDTH, HEIGHT).colour);
    let shown = |pattern, pixel| frames(pattern, FrameFormat::new(pixel, WIDTH, HEIGHT)).nth(3).unwrap();
    let photo = Rect::new(WIDTH / 2, HEIGHT / 2, WIDTH / 2, HEIGHT / 2);
    let film = Rect::new(WIDTH / 6, HEIGHT / 6, WIDTH * 2 / 3, HEIGHT * 2 / 3);
    let (firmware, terminal, document, gradient, flat) =
        (firmware(), terminal(), document(), gradient(), flat());
    let mut table = Vec::new();
    for (label, wanted) in [
        ("firmware", Class::Text),
        ("terminal", Class::Text),
        ("document", Class::Text),
        ("gradient", Class::Photo),
        ("photo", Class::Photo),
        ("film", Class::Photo),
        ("flat", Class::Flat),
    ] {
        let (mut right, mut wrong) = (0_u32, 0_u32);
        for pixel in FORMATS {
            let (frame, within) = match label {
                "firmware" => (drawn(&firmware, pixel), inner),
                "terminal" => (drawn(&terminal, pixel), inner),
                "document" => (drawn(&document, pixel), whole),
                "gradient" => (drawn(&gradient, pixel), whole),
                "photo" => (shown(Pattern::Drag, pixel), photo),
                "film" => (shown(Pattern::Film, pixel), film),
                _ => (drawn(&flat, pixel), whole),
            };
            let image = frame.image().unwrap();
            for area in areas(within) {
                // A spot between two lines of text is flat, and may be said to be.
                let class = classify(&image, area);
                let is_right = class == wanted || (wanted == Class::Text && class == Class::Flat);
                *if is_right { &mut right } else { &mut wrong } += 1;
            }
        }
        println!("{label}: {right} right, {wrong} wrong");
        table.push((label, right, wrong));
    }
    for (label, right, wrong) in table {
        let most_wrong = match label {
            "firmware" | "terminal" | "flat" => 0,
            _ => (right + wrong) / 50,
        };
        assert!(wrong <= most_wrong, "{label}: {right} right, {wrong} wrong");
    }
}

#[test]
fn one_odd_byte_is_not_flat() {
    for pixel in FORMATS {
        let format = FrameFormat::new(pixel, 33, 17);
        for odd in 0..format.len_bytes() {
            let mut bytes = vec![90; format.len_bytes()];
            bytes[odd] = 91;
            let frame = Frame::packed(format, Bytes::from(bytes)).unwrap();
            let class = classify(&frame.image().unwrap(), Rect::new(0, 0, 33, 17));
            assert_ne!(class, Class::Flat, "{pixel}: byte {odd}");
        }
    }
}

#[test]
fn areas_outside_the_picture_are_cut_off() {
    let frame = terminal().to_frame(PixelFormat::Yuyv, Colour::VIDEO);
    let image = frame.image().unwrap();
    assert_eq!(classify(&image, Rect::new(WIDTH, 0, 10, 10)), Class::Flat);
    assert_eq!(classify(&image, Rect::new(0, 0, u32::MAX, u32::MAX)), Class::Text);
    assert_eq!(classify(&image, Rect::new(31, 31, 1, 1)), classify(&image, Rect::new(30, 31, 2, 1)));
}

#[test]
fn a_film_is_found_follows_and_is_forgotten() {
    let format = FrameFormat::new(PixelFormat::Nv12, WIDTH, HEIGHT);
    let (mut diff, mut finder) = (TileDiff::new(), FilmFinder::new());
    let mut found = Vec::new();
    let (mut now, mut last) = (Timestamp::default(), None);
    for frame in frames(Pattern::Film, format).take(90) {
        now = frame.timestamp();
        found.push(finder.observe(&diff.compare(frame.clone()), &frame.image().unwrap(), now));
        last = Some(frame);
    }
    let film = found[89].unwrap();
    let drawn = Rect::new(WIDTH / 6, HEIGHT / 6, WIDTH * 2 / 3, HEIGHT * 2 / 3);
    assert_eq!(film.union(drawn), film, "{film:?} is around {drawn:?}");
    let grown = Rect::new(drawn.x - 15, drawn.y - 15, drawn.width + 30, drawn.height + 30);
    assert_eq!(film.union(grown), grown, "{film:?} is close around {drawn:?}");
    assert_eq!((film.x % 16, film.y % 16, film.width % 2, film.height % 2), (0, 0, 0, 0));
    let first = found.iter().position(Option::is_some).unwrap();
    assert!((30..40).contains(&first), "found after {first} frames of 16.7 ms");
    assert!(found[first..].iter().all(|found| *found == Some(film)), "the rectangle does not flicker");

    // It stands still for 200 ms.
    let last = last.unwrap();
    for _ in 0..12 {
        now = Timestamp::from_micros(now.as_micros() + 16_667);
        finder.observe(&Damage::NONE, &last.image().unwrap(), now);
    }
    assert_eq!(finder.film(), None);
}

#[test]
fn what_scrolls_blinks_or_is_typed_is_no_film() {
    for pattern in [Pattern::Scroll, Pattern::Text, Pattern::Desktop] {
        let (mut diff, mut finder) = (TileDiff::new(), FilmFinder::new());
        for frame in frames(pattern, FrameFormat::new(PixelFormat::Bgrx, WIDTH, HEIGHT)).take(90) {
            let now = frame.timestamp();
            let found = finder.observe(&diff.compare(frame.clone()), &frame.image().unwrap(), now);
            assert_eq!(found, None, "{pattern}");
        }
    }
}

/// A text screen of 320 × 200 pixels, magnified by 2.4 as a capture card does without smoothing, on which new lines
/// come in with every frame. Whatever the number of lines, few tiles are found again.
fn running_text(frame: u32) -> Canvas {
    let mut small = Canvas::new(320, 200).unwrap();
    for (line, number) in (0..13).zip(frame * 3..) {
        let from = usize::try_from(number * 7 % 30).unwrap();
        small.text(
            0,
            line * 16,
            &format!("[{number:5}.{:03}] {}", number * 37 % 1000, &TEXT[from..]),
            [170; 3],
            None,
        );
    }
    let pixels = rgb_of(&small);
    let mut canvas = canvas();
    canvas.shade((0, 0), (WIDTH, HEIGHT), |x, y| {
        let (x, y) = (x * 5 / 12, y * 5 / 12);
        let at = (y.min(199) * 320 + x.min(319)) as usize * 3;
        [pixels[at], pixels[at + 1], pixels[at + 2]]
    });
    canvas
}

#[test]
fn text_that_runs_through_is_no_film() {
    for pixel in FORMATS {
        let (mut diff, mut finder) = (TileDiff::new(), FilmFinder::new());
        let mut painted = 0;
        for number in 0..60 {
            let now = Timestamp::from_micros(u64::from(number) * 33_333);
            let frame = running_text(number).to_frame(pixel, FrameFormat::new(pixel, WIDTH, HEIGHT).colour);
            let damage = diff.compare(frame.clone());
            painted += damage.area();
            assert_eq!(finder.observe(&damage, &frame.image().unwrap(), now), None, "{pixel}: {number}");
        }
        // By what is painted alone it would be one.
        assert!(painted > u64::from(WIDTH * HEIGHT) * 60 * 2 / 5, "{pixel}: {painted} px painted");
    }
}
