//! Whether a source is noisy.

use kvm_capture::ImageView;

use super::exact::{Vector, has_moved};
use super::measure::measure_tile;
use crate::Tiles;

/// How a source is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Sensitivity {
    /// Every difference counts. Right for digital sources without loss.
    #[default]
    Exact,
    /// Differences count if they are more than the noise that is measured. Right for analogue sources and for grabbers
    /// that deliver MJPEG.
    Noisy,
    /// Exact until the source turns out to be noisy, and again when it does not any more.
    ///
    /// A frame speaks for noise if more than half of all tiles differ from the frame before by 1 to 16 steps of 256;
    /// one that differs otherwise speaks against it, and one that is equal, as grabbers repeat them, says nothing. The
    /// source is noisy when eight frames more spoke for it than against it since it last seemed clean. It is clean
    /// again after eight frames in a row in each of which three quarters of the tiles are equal to those before.
    Automatic,
}

/// Chooses by the rule of [`Sensitivity::Automatic`].
#[derive(Debug, Default)]
pub(super) struct Choice {
    frames: u32,
}

impl Choice {
    /// Takes note of a frame that was compared exactly. Whether it differs as noise does, and whether noise was seen
    /// often enough.
    pub(super) fn see_exact(&mut self, before: &ImageView<'_>, now: &ImageView<'_>, changed: &Tiles) -> Seen {
        let (count, all) = (changed.len(), changed.columns() as usize * changed.rows() as usize);
        if count == 0 {
            return Seen::Picture;
        }
        let (mut seen, mut small) = (0, 0);
        if count * 2 > all {
            for (column, row) in changed.iter().step_by(count.div_ceil(SAMPLED)) {
                seen += 1;
                small += usize::from(measure_tile(before, now, column, row).most() <= SMALL_STEPS);
            }
        }
        if small * count * 2 <= seen * all {
            self.frames = self.frames.saturating_sub(1);
            return Seen::Picture;
        }
        self.frames += 1;
        if self.frames < FRAMES {
            return Seen::Noise;
        }
        self.frames = 0;
        Seen::NoiseForLong
    }

    /// Takes note of a frame of a noisy source, and tells whether it was equal to the one before often enough.
    pub(super) fn see_noisy(&mut self, before: &ImageView<'_>, now: &ImageView<'_>, tiles: &Tiles) -> bool {
        let count = tiles.columns() * tiles.rows();
        let step = count.div_ceil(u32::try_from(SAMPLED).unwrap_or(u32::MAX)).max(1) as usize;
        let (mut seen, mut equal) = (0, 0);
        for place in (0..count).step_by(step) {
            let rect = tiles.rect_of(place % tiles.columns(), place / tiles.columns());
            seen += 1;
            equal += u32::from(has_moved(before, now, Vector::ZERO, rect));
        }
        self.frames = if equal * 4 >= seen * 3 { self.frames + 1 } else { 0 };
        if self.frames < FRAMES {
            return false;
        }
        self.frames = 0;
        true
    }
}

/// What a difference looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Picture,
    Noise,
    NoiseForLong,
}

/// How many frames it takes to choose.
const FRAMES: u32 = 8;
/// How many tiles of a frame are looked at.
const SAMPLED: usize = 67;
const SMALL_STEPS: u8 = 16;
