//! Seeded pictures that stand for what a KVM really shows.

mod film;
mod random;
mod text;
mod window;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use kvm_audit::{CapabilitySet, Declare};

use crate::canvas::Canvas;
use crate::{CaptureError, Captured, FrameError, FrameFormat, FrameSource, Provenance, Timestamp};

/// What a [`PatternSource`] shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pattern {
    /// A console on which somebody types: one character every third frame.
    Text,
    /// A desktop with windows of text over a photo, of which only the pointer moves.
    Desktop,
    /// A page of text that scrolls by one line a frame.
    Scroll,
    /// A window moved over a photo, diagonally and back.
    Drag,
    /// Every pixel new in every frame: the worst case.
    Noise,
    /// A film playing in a window of a still desktop.
    Film,
}

impl Pattern {
    /// Every pattern.
    pub const ALL: [Self; 6] = [Self::Text, Self::Desktop, Self::Scroll, Self::Drag, Self::Noise, Self::Film];

    /// The pattern's name, as [`FromStr`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Desktop => "desktop",
            Self::Scroll => "scroll",
            Self::Drag => "drag",
            Self::Noise => "noise",
            Self::Film => "film",
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no pattern's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is none of the patterns text, desktop, scroll, drag, noise, film")]
pub struct UnknownPattern {
    /// The name as it was written.
    pub name: String,
}

impl FromStr for Pattern {
    type Err = UnknownPattern;

    fn from_str(name: &str) -> Result<Self, UnknownPattern> {
        Self::ALL
            .into_iter()
            .find(|pattern| pattern.name() == name)
            .ok_or_else(|| UnknownPattern { name: name.to_owned() })
    }
}

/// Endless pictures of one [`Pattern`], the same for the same seed.
///
/// Each poll draws the next frame at once, so whoever polls sets the pace. Timestamps go by the frame interval.
///
/// ```
/// use kvm_capture::pattern::{Pattern, PatternSource};
/// use kvm_capture::{Captured, FrameFormat, FrameSource, PixelFormat};
///
/// let format = FrameFormat::new(PixelFormat::Uyvy, 1280, 720);
/// let mut source = PatternSource::new(Pattern::Text, format, 1)?;
/// let Some(Captured::Frame(frame)) = source.poll_capture()? else { panic!("no frame") };
/// assert_eq!(frame.format(), format);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PatternSource {
    scene: Scene,
    canvas: Canvas,
    format: FrameFormat,
    interval: Duration,
    next: u64,
}

impl PatternSource {
    /// Starts a pattern.
    ///
    /// # Errors
    ///
    /// The format is compressed, or its size is none a frame can have.
    pub fn new(pattern: Pattern, format: FrameFormat, seed: u64) -> Result<Self, FrameError> {
        if format.pixel.is_compressed() {
            return Err(FrameError::PlaneCount { format });
        }
        let canvas = Canvas::new(format.width_px, format.height_px)?;
        let scene = Scene::new(pattern, seed);
        Ok(Self { scene, canvas, format, interval: Duration::from_micros(16_667), next: 0 })
    }

    /// The same with another time from frame to frame; 16,667 µs otherwise.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }
}

impl Declare for PatternSource {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for PatternSource {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        self.scene.draw(&mut self.canvas, self.next);
        let interval = u64::try_from(self.interval.as_micros()).unwrap_or(u64::MAX);
        let frame = self
            .canvas
            .to_frame(self.format.pixel, self.format.colour)
            .with_timestamp(Timestamp::from_micros(self.next.saturating_mul(interval)))
            .with_sequence(self.next)
            .with_provenance(Provenance::Pattern);
        self.next += 1;
        Ok(Some(Captured::Frame(frame)))
    }
}

/// A pattern's own state; draws frame after frame onto the same canvas.
#[derive(Debug)]
enum Scene {
    Console(text::Console),
    Page(text::Page),
    Desktop(window::Desktop),
    Drag(window::Drag),
    Noise(film::Noise),
    Film(film::Film),
}

impl Scene {
    fn new(pattern: Pattern, seed: u64) -> Self {
        match pattern {
            Pattern::Text => Self::Console(text::Console::new(seed)),
            Pattern::Scroll => Self::Page(text::Page::new(seed)),
            Pattern::Desktop => Self::Desktop(window::Desktop::new(seed)),
            Pattern::Drag => Self::Drag(window::Drag::new(seed)),
            Pattern::Noise => Self::Noise(film::Noise::new(seed)),
            Pattern::Film => Self::Film(film::Film::new(seed)),
        }
    }

    /// Draws frame `index`; called with 0, 1, 2 …
    fn draw(&mut self, canvas: &mut Canvas, index: u64) {
        match self {
            Self::Console(console) => console.draw(canvas, index),
            Self::Page(page) => page.draw(canvas, index),
            Self::Desktop(desktop) => desktop.draw(canvas, index),
            Self::Drag(drag) => drag.draw(canvas, index),
            Self::Noise(noise) => noise.draw(canvas),
            Self::Film(film) => film.draw(canvas, index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, PixelFormat};

    fn frames(pattern: Pattern, seed: u64, count: usize) -> Vec<Frame> {
        let format = FrameFormat::new(PixelFormat::Yuyv, 640, 360);
        let mut source = PatternSource::new(pattern, format, seed).unwrap();
        let mut next = || match source.poll_capture() {
            Ok(Some(Captured::Frame(frame))) => frame,
            other => panic!("{other:?}"),
        };
        (0..count).map(|_| next()).collect()
    }

    fn share_that_differs(one: &Frame, other: &Frame) -> f64 {
        let (one, other) = (one.image().unwrap(), other.image().unwrap());
        let rows = one.plane(0).rows().zip(other.plane(0).rows());
        let differing: usize =
            rows.map(|(one, other)| one.iter().zip(other).filter(|(one, other)| one != other).count()).sum();
        differing as f64 / one.format().len_bytes() as f64
    }

    #[test]
    fn the_same_seed_is_the_same_picture_and_another_is_not() {
        for pattern in Pattern::ALL {
            let (one, same, other) = (frames(pattern, 1, 3), frames(pattern, 1, 3), frames(pattern, 2, 3));
            assert_eq!(share_that_differs(&one[2], &same[2]), 0.0, "{pattern}");
            assert!(share_that_differs(&one[2], &other[2]) > 0.001, "{pattern}");
        }
    }

    #[test]
    fn each_pattern_changes_as_much_as_it_says() {
        for (pattern, least, most) in [
            (Pattern::Text, 0.0, 0.002),
            (Pattern::Desktop, 0.0, 0.01),
            (Pattern::Scroll, 0.02, 0.6),
            (Pattern::Drag, 0.001, 0.6),
            (Pattern::Noise, 0.9, 1.0),
            (Pattern::Film, 0.05, 0.6),
        ] {
            let frames = frames(pattern, 1, 10);
            for pair in frames.windows(2) {
                let share = share_that_differs(&pair[0], &pair[1]);
                assert!((least..=most).contains(&share), "{pattern}: {share}");
            }
            assert!(share_that_differs(&frames[0], &frames[9]) > 0.0, "{pattern} stands still");
        }
    }

    #[test]
    fn names_are_read_back() {
        for pattern in Pattern::ALL {
            assert_eq!(pattern.name().parse(), Ok(pattern));
        }
        assert!("plasma".parse::<Pattern>().is_err());
    }
}
