//! Whether a source is noisy.

use kvm_capture::ImageView;

use super::exact::{Vector, has_moved};
use super::measure::{MEAN_ONE, measure_tile};
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
    /// A frame speaks for noise if more than half of all tiles differ from the frame before by 1 to 16 steps of 256.
    /// So does one in which something plays before a noisy background: nine tenths of the tiles differ, and those
    /// that differ least, a third of all, do so alike: by no more than 3 steps in the mean, and none of them by less
    /// than half as much as any other. One that differs otherwise speaks against it, and one that is equal, as
    /// grabbers repeat them, says nothing. The source is noisy when eight frames more spoke for it than against it
    /// since it last seemed clean. It is clean again after eight frames in a row in each of which three quarters of
    /// the tiles are equal to those before.
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
        if count * 2 <= all || !Sample::take(before, now, changed).is_noise() {
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
        let (mut seen, mut equal) = (0, 0);
        for (column, row) in spread(tiles) {
            seen += 1;
            equal += u32::from(has_moved(before, now, Vector::ZERO, tiles.rect_of(column, row)));
        }
        self.frames = if equal * 4 >= seen * 3 { self.frames + 1 } else { 0 };
        if self.frames < FRAMES {
            return false;
        }
        self.frames = 0;
        true
    }
}

/// By how much tiles all over the picture differ.
#[derive(Debug)]
struct Sample {
    /// How many differ by no more than [`SMALL_STEPS`].
    small: usize,
    /// The mean differences, the smallest first.
    means: [u16; SAMPLED],
}

impl Sample {
    fn take(before: &ImageView<'_>, now: &ImageView<'_>, changed: &Tiles) -> Self {
        let mut sample = Self { small: 0, means: [0; SAMPLED] };
        for (mean, (column, row)) in sample.means.iter_mut().zip(spread(changed)) {
            let difference = measure_tile(before, now, column, row);
            *mean = difference.mean();
            sample.small += usize::from((1..=SMALL_STEPS).contains(&difference.most()));
        }
        sample.means.sort_unstable();
        sample
    }

    fn is_noise(&self) -> bool {
        // A few tiles may be at the end of the range, where noise is cut off.
        let (least, most) = (self.means[SAMPLED / 10], self.means[SAMPLED / 10 + SAMPLED / 3]);
        let is_alike = least > 0 && most <= least.saturating_mul(2) && u32::from(most) <= MOST_STILL_MEAN;
        self.small * 2 > SAMPLED || is_alike
    }
}

/// [`SAMPLED`] tiles, spread over all rows and columns.
fn spread(tiles: &Tiles) -> impl Iterator<Item = (u32, u32)> + use<> {
    let (columns, rows) = (tiles.columns(), tiles.rows());
    let all = u64::from(columns) * u64::from(rows);
    (0..SAMPLED).map(move |turn| {
        // Multiples of the golden ratio, less their whole parts, are spread evenly.
        let part = u64::try_from(turn).unwrap_or(0).wrapping_mul(GOLDEN_RATIO) % (1 << 32);
        let place = u32::try_from((part * all) >> 32).unwrap_or(0);
        (place % columns, place / columns)
    })
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
const SAMPLED: usize = 96;
const SMALL_STEPS: u8 = 16;
/// How much the tiles that differ least may do so.
const MOST_STILL_MEAN: u32 = 3 * MEAN_ONE;
/// Of the ratio's fraction, 32 bits.
const GOLDEN_RATIO: u64 = 0x9e37_79b9;
