//! Desktops: windows over a photo, a pointer, a window that is moved.

use super::random::Random;
use super::text::{pixels, sentence};
use crate::canvas::{Canvas, Rgb};

const TITLE_PX: u32 = 24;
const TITLE: Rgb = [52, 84, 140];
const WINDOW: Rgb = [246, 246, 244];
const INK: Rgb = [20, 20, 24];

/// A desktop of which only the pointer moves.
#[derive(Debug)]
pub(super) struct Desktop {
    photo: Photo,
    windows: Vec<Window>,
    still: Option<Canvas>,
}

impl Desktop {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let photo = Photo::new(&mut random);
        let windows = (0..3).map(|_| Window::new(&mut random)).collect();
        Self { photo, windows, still: None }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas, index: u64) {
        let still = self.still.get_or_insert_with(|| {
            let mut still = canvas.clone();
            self.photo.draw(&mut still);
            let (width, height) = (canvas.width_px(), canvas.height_px());
            for (window, place) in self.windows.iter().zip(1..) {
                let (x, y) = (pixels(width * place / 8), pixels(height * place / 9));
                window.draw(&mut still, x, y, width * 2 / 5, height * 2 / 5);
            }
            still
        });
        canvas.clone_from(still);
        let step = u32::try_from(index * 13 % u64::from(canvas.width_px())).unwrap_or(0);
        canvas.pointer(pixels(step), pixels(step * canvas.height_px() / canvas.width_px()));
    }
}

/// A window of text moved over a photo.
#[derive(Debug)]
pub(super) struct Drag {
    photo: Photo,
    window: Window,
    background: Option<Canvas>,
}

impl Drag {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self { photo: Photo::new(&mut random), window: Window::new(&mut random), background: None }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas, index: u64) {
        let background = self.background.get_or_insert_with(|| {
            let mut background = canvas.clone();
            self.photo.draw(&mut background);
            background
        });
        canvas.clone_from(background);
        let (width, height) = (canvas.width_px(), canvas.height_px());
        // There and back, 11 pixels a frame across and 5 down.
        let turn = u64::from(width / 2);
        let way = index * 11 % (turn * 2);
        let across = pixels(u32::try_from(way.min(turn * 2 - way)).unwrap_or(0));
        let down = across * 5 / 11;
        self.window.draw(canvas, across, down, width * 2 / 5, height * 2 / 5);
        canvas.pointer(across + pixels(width / 5), down + 10);
    }
}

/// A picture whose detail falls off with frequency, as photos do: some waves of seeded direction and length.
#[derive(Debug)]
struct Photo {
    waves: Vec<Wave>,
}

#[derive(Debug)]
struct Wave {
    across: f32,
    down: f32,
    phase: f32,
    tint: [f32; 3],
}

impl Photo {
    fn new(random: &mut Random) -> Self {
        let mut unit = || f32::from(u16::try_from(random.below(1000)).unwrap_or(0)) / 1000.0;
        let waves = (1..=6_u8)
            .map(|octave| {
                let frequency = 0.002 * f32::from(1_u16 << octave);
                let strength = 40.0 / f32::from(octave);
                Wave {
                    across: frequency * (unit() - 0.5) * 2.0,
                    down: frequency * (unit() - 0.5) * 2.0,
                    phase: unit() * 6.3,
                    tint: [unit() * strength, unit() * strength, unit() * strength],
                }
            })
            .collect();
        Self { waves }
    }

    fn draw(&self, canvas: &mut Canvas) {
        let size = (canvas.width_px(), canvas.height_px());
        canvas.shade((0, 0), size, |x, y| {
            let mut colour = [110.0_f32, 120.0, 130.0];
            for wave in &self.waves {
                let height = (x as f32 * wave.across + y as f32 * wave.down + wave.phase).sin();
                for (part, tint) in colour.iter_mut().zip(wave.tint) {
                    *part += tint * height;
                }
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float cast saturates"
            )]
            let colour = colour.map(|part| part as u8);
            colour
        });
    }
}

/// A window with a title bar and lines of text.
#[derive(Debug)]
struct Window {
    title: String,
    lines: Vec<String>,
}

impl Window {
    fn new(random: &mut Random) -> Self {
        let lines = (0..60).map(|_| sentence(random)).collect();
        Self { title: format!("window {}", random.below(100)), lines }
    }

    fn draw(&self, canvas: &mut Canvas, x: i32, y: i32, width: u32, height: u32) {
        canvas.fill(x, y, width, height, WINDOW);
        canvas.fill(x, y, width, TITLE_PX, TITLE);
        canvas.text(x + 8, y + 4, &self.title, [255; 3], None);
        let rows = height.saturating_sub(TITLE_PX + 8) / Canvas::CHAR_HEIGHT_PX;
        let columns = (width.saturating_sub(16) / Canvas::CHAR_WIDTH_PX) as usize;
        for (line, row) in self.lines.iter().zip(0..rows) {
            let top = y + pixels(TITLE_PX + 4 + row * Canvas::CHAR_HEIGHT_PX);
            let visible: String = line.chars().take(columns).collect();
            canvas.text(x + 8, top, &visible, INK, None);
        }
        canvas.outline(x, y, width, height, INK);
    }
}
