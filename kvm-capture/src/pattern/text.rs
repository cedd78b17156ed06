//! Text: a console that is typed on, and a page that scrolls.

use super::random::Random;
use crate::canvas::{Canvas, Rgb};

const PAPER: Rgb = [12, 12, 16];
const INK: Rgb = [204, 204, 204];
const HIGHLIGHT: Rgb = [120, 200, 120];
const LINE_PX: u32 = Canvas::CHAR_HEIGHT_PX;

/// A console filled with text, then one character every third frame.
#[derive(Debug)]
pub(super) struct Console {
    random: Random,
    line: Vec<char>,
    typed: u32,
}

impl Console {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), line: Vec::new(), typed: 0 }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas, index: u64) {
        if index == 0 {
            canvas.fill(0, 0, canvas.width_px(), canvas.height_px(), PAPER);
            for row in 0..canvas.height_px() / LINE_PX - 1 {
                let ink = if row % 7 == 0 { HIGHLIGHT } else { INK };
                canvas.text(0, pixels(row * LINE_PX), &sentence(&mut self.random), ink, None);
            }
        }
        if index % 3 != 0 {
            return;
        }
        let row = canvas.height_px() / LINE_PX - 1;
        let columns = canvas.width_px() / Canvas::CHAR_WIDTH_PX;
        let next = (self.typed < columns).then(|| self.line.get(self.typed as usize)).flatten();
        match next {
            Some(&character) => {
                let x = pixels(self.typed * Canvas::CHAR_WIDTH_PX);
                canvas.text(x, pixels(row * LINE_PX), &format!("{character}█"), INK, Some(PAPER));
                self.typed += 1;
            }
            None => {
                self.line = sentence(&mut self.random).chars().collect();
                self.typed = 0;
                canvas.fill(0, pixels(row * LINE_PX), canvas.width_px(), LINE_PX, PAPER);
                canvas.text(0, pixels(row * LINE_PX), "█", INK, None);
            }
        }
    }
}

/// A page of text that moves up by one line a frame.
#[derive(Debug)]
pub(super) struct Page {
    random: Random,
}

impl Page {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas, index: u64) {
        let lines = if index == 0 { canvas.height_px() / LINE_PX } else { 1 };
        for _ in 0..lines {
            canvas.scroll_up(LINE_PX, PAPER);
            let bottom = pixels(canvas.height_px()) - pixels(LINE_PX);
            canvas.text(0, bottom, &sentence(&mut self.random), INK, None);
        }
    }
}

/// A line of words and numbers, as logs and listings are.
pub(super) fn sentence(random: &mut Random) -> String {
    let mut line = format!("{:>6}  ", random.below(100_000));
    for _ in 0..6 + random.below(12) {
        line.push_str(random.pick(&WORDS));
        line.push(' ');
    }
    line
}

/// A coordinate of a picture, whose sides are far below the limit.
pub(super) fn pixels(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

const WORDS: [&str; 24] = [
    "boot",
    "device",
    "memory",
    "0x7ffe42c0",
    "page",
    "ready",
    "(ok)",
    "/usr/lib",
    "mount",
    "warning:",
    "thread",
    "kernel",
    "eth0",
    "link",
    "up",
    "1000Mbps",
    "queue",
    "[  12.204417]",
    "irq",
    "enabled",
    "while",
    "return",
    "loading",
    "firmware",
];
