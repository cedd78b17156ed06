//! Pictures that change all over: noise, and a film in a window.

use super::random::Random;
use crate::canvas::Canvas;

/// Every pixel new in every frame.
#[derive(Debug)]
pub(super) struct Noise {
    random: Random,
}

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas) {
        let size = (canvas.width_px(), canvas.height_px());
        canvas.shade((0, 0), size, |_, _| {
            let [red, green, blue, ..] = self.random.next().to_le_bytes();
            [red, green, blue]
        });
    }
}

/// A film in the middle of a plain desktop: soft shapes that drift, with some grain, new in every frame.
#[derive(Debug)]
pub(super) struct Film {
    random: Random,
    phase: f32,
}

impl Film {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let phase = random.below(6283) as f32 / 1000.0;
        Self { random, phase }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas, index: u64) {
        let (width, height) = (canvas.width_px(), canvas.height_px());
        if index == 0 {
            canvas.fill(0, 0, width, height, [48, 56, 64]);
        }
        let (film_width, film_height) = (width * 2 / 3, height * 2 / 3);
        let corner = (super::text::pixels(width / 6), super::text::pixels(height / 6));
        // The drift repeats after 10,000 frames, where a float still tells one frame from the next.
        let time = (index % 10_000) as f32 * 0.05 + self.phase;
        canvas.shade(corner, (film_width, film_height), |x, y| {
            let (x, y) = (x as f32 * 0.01, y as f32 * 0.01);
            let shape = (x + time).sin() + (y * 1.3 - time * 0.7).sin() + ((x + y) * 0.7 + time * 1.1).cos();
            let grain = self.random.below(6) as f32;
            let level = |base: f32, slope: f32| base + shape * slope + grain;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float cast saturates"
            )]
            let colour = [level(120.0, 30.0) as u8, level(110.0, 24.0) as u8, level(130.0, -28.0) as u8];
            colour
        });
    }
}
