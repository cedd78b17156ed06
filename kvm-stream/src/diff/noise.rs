//! Comparison with a source that is never quite still.

use std::time::Duration;

use kvm_capture::{ImageView, Timestamp};

use super::measure::{Difference, MEAN_ONE, measure};
use crate::Tiles;
use crate::layout::PlaneLayout;

/// How much a source changes while its picture stands still, as measured.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Noise {
    /// The mean difference of two bytes, in steps of 256 for the whole range.
    pub mean_steps: f32,
    /// The largest difference of two bytes within a tile, in nine of ten tiles that stand still.
    pub peak_steps: u8,
}

/// Finds the tiles that changed by more than noise.
///
/// Compares with what each tile was when it was last said to have changed, so that small changes add up until they
/// are seen.
#[derive(Debug, Default)]
pub(super) struct NoiseFilter {
    // The rows of each plane, without gaps, as they were when their tiles last changed.
    shown: Vec<Vec<u8>>,
    tiles: Vec<TileNoise>,
    measured: Vec<Difference>,
    level: Option<Level>,
    sweep: Sweep,
}

/// The noise of the whole picture.
#[derive(Debug, Clone, Copy)]
struct Level {
    mean: u16,
    peak: u8,
}

/// The noise of one tile, where it is more than the picture's, and whether it moves.
#[derive(Debug, Clone, Copy)]
struct TileNoise {
    mean: u16,
    peak: u8,
    /// Frames since something moved, up to [`CALM_FRAMES`].
    calm: u8,
}

impl NoiseFilter {
    /// Within which time everything is shown anew, changed or not.
    pub(super) const REFRESH: Duration = Duration::from_secs(4);

    /// Begins with a picture that was shown as a whole.
    pub(super) fn start(&mut self, shown: &ImageView<'_>, at: Timestamp) {
        self.shown.resize(shown.planes().len(), Vec::new());
        for (copy, plane) in self.shown.iter_mut().zip(shown.planes()) {
            copy.clear();
            plane.rows().for_each(|row| copy.extend_from_slice(row));
        }
        let format = shown.format();
        let tiles = Tiles::new(format.width_px, format.height_px);
        let count = tiles.columns() as usize * tiles.rows() as usize;
        self.tiles.clear();
        self.tiles.resize(count, TileNoise { mean: 0, peak: 0, calm: CALM_FRAMES });
        self.sweep = Sweep { last: at, ..Sweep::default() };
    }

    /// Puts the tiles that changed, and those whose turn it is to be refreshed, into an empty set; they count as
    /// shown. The picture has the format of the one that was started with.
    pub(super) fn find(&mut self, now: &ImageView<'_>, at: Timestamp, changed: &mut Tiles) {
        self.measure(now);
        self.estimate();
        let Some(level) = self.level else { return };
        let columns = changed.columns();
        for (place, (tile, difference)) in (0..).zip(self.tiles.iter_mut().zip(&self.measured)) {
            if tile.has_changed(level, difference) {
                changed.insert(place % columns, place / columns);
            }
        }
        for place in self.sweep.due(at, self.tiles.len()) {
            // A tile that got noisier for a while is tried with less again.
            self.tiles[place].peak = self.measured[place].most().min(level.peak);
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            changed.insert(place % columns, place / columns);
        }
        self.show(now, changed);
    }

    /// Puts all tiles that differ from what was shown of them into an empty set.
    pub(super) fn find_exactly(&mut self, now: &ImageView<'_>, changed: &mut Tiles) {
        self.measure(now);
        let columns = changed.columns();
        for (place, difference) in (0..).zip(&self.measured) {
            if difference.most() > 0 {
                changed.insert(place % columns, place / columns);
            }
        }
    }

    /// The noise measured so far.
    pub(super) fn noise(&self) -> Option<Noise> {
        self.level.map(|level| Noise {
            mean_steps: f32::from(level.mean) / MEAN_ONE as f32,
            peak_steps: level.peak,
        })
    }

    fn measure(&mut self, now: &ImageView<'_>) {
        let sizes: [usize; 3] =
            std::array::from_fn(|plane| now.planes().get(plane).map_or(0, |plane| plane.size().row_bytes));
        let shown = &self.shown;
        let row = |plane: usize, row: usize| &shown[plane][row * sizes[plane]..][..sizes[plane]];
        measure(row, now, &mut self.measured);
    }

    /// Estimates the noise of the picture: the median of what the tiles differ by, which is that of tiles that
    /// stand still as long as half of them do. It may fall fast and rises slowly, so that a film that fills the
    /// screen is not soon taken for noise.
    fn estimate(&mut self) {
        let mut means = [0_u32; MEAN_BINS];
        for difference in &self.measured {
            means[usize::from(difference.mean() / MEAN_BIN).min(MEAN_BINS - 1)] += 1;
        }
        let mean = (u16::try_from(percentile(&means, 50)).unwrap_or(0) + 1) * MEAN_BIN;
        let old_mean = self.level.map_or(mean, |level| level.mean);
        let mean = approached(old_mean, mean).min(MOST_MEAN);
        let mut peaks = [0_u32; 256];
        for difference in self.measured.iter().filter(|difference| difference.mean() <= mean + mean / 2) {
            peaks[usize::from(difference.most())] += 1;
        }
        let peak = u16::try_from(percentile(&peaks, 90)).unwrap_or(0);
        let old_peak = self.level.map_or(peak, |level| u16::from(level.peak));
        let peak = u8::try_from(approached(old_peak, peak).min(MOST_PEAK)).unwrap_or(u8::MAX);
        self.level = Some(Level { mean, peak });
    }

    fn show(&mut self, now: &ImageView<'_>, changed: &Tiles) {
        let format = now.format();
        for (index, (plane, shown)) in now.planes().iter().zip(&mut self.shown).enumerate() {
            let layout = PlaneLayout::new(format.pixel, index);
            let row_bytes = plane.size().row_bytes;
            for tile_row in 0..changed.rows() {
                for run in changed.runs(tile_row) {
                    let tiles =
                        changed.rect_of(run.start, tile_row).union(changed.rect_of(run.end - 1, tile_row));
                    let bytes = layout.columns(tiles.x..tiles.right(), plane);
                    for row in layout.rows(tiles.y..tiles.bottom()) {
                        shown[row * row_bytes..][..row_bytes][bytes.clone()]
                            .copy_from_slice(&plane.row(row)[bytes.clone()]);
                    }
                }
            }
        }
    }
}

impl TileNoise {
    /// Whether the tile changed, by a difference that is more than noise, or still does: what moves is believed to
    /// move until it differed by no more than noise for some frames.
    fn has_changed(&mut self, level: Level, difference: &Difference) -> bool {
        let (most, mean) = (difference.most(), difference.mean());
        let usual_peak = self.peak.clamp(level.peak, level.peak + level.peak / 2);
        let usual_mean = self.mean.clamp(level.mean, level.mean * 2);
        let starts = most > usual_peak.saturating_add((usual_peak / 2).max(LEAST_MARGIN))
            || mean > usual_mean + usual_mean / 2 + MEAN_MARGIN;
        let stays = most > usual_peak || mean > usual_mean + usual_mean / 4 + MEAN_MARGIN / 2;
        let moved = self.calm < CALM_FRAMES;
        if starts || (moved && stays) {
            self.calm = 0;
            return true;
        }
        if moved {
            self.calm += 1;
            return true;
        }
        self.peak = self.peak.max(most);
        self.mean = if mean > self.mean {
            self.mean + (mean - self.mean).div_ceil(64)
        } else {
            self.mean.saturating_sub(1)
        };
        false
    }
}

/// Takes all tiles in turn, at an even pace.
#[derive(Debug, Clone, Copy, Default)]
struct Sweep {
    next: usize,
    last: Timestamp,
    /// Microseconds times tiles that were not due yet.
    rest: u64,
}

impl Sweep {
    /// The places whose turn it is by now.
    fn due(&mut self, now: Timestamp, tiles: usize) -> impl Iterator<Item = usize> + use<> {
        let period = u64::try_from(NoiseFilter::REFRESH.as_micros()).unwrap_or(u64::MAX);
        let since = now.as_micros().saturating_sub(self.last.as_micros()).min(period);
        self.last = now;
        self.rest += since * tiles as u64;
        let count = usize::try_from(self.rest / period).unwrap_or(tiles).min(tiles);
        self.rest %= period;
        let first = self.next;
        self.next = (first + count) % tiles.max(1);
        (first..first + count).map(move |place| place % tiles)
    }
}

/// The estimate with what was measured now taken into account.
fn approached(old: u16, new: u16) -> u16 {
    if new > old { old + (new - old).div_ceil(32) } else { old - (old - new).div_ceil(4) }
}

/// The first bin that so many of a hundred are not above.
fn percentile(bins: &[u32], percent: u32) -> usize {
    let all: u32 = bins.iter().sum();
    let mut below = 0;
    let reaches = |count: &u32| {
        below += count;
        u64::from(below) * 100 >= u64::from(all) * u64::from(percent)
    };
    bins.iter().position(reaches).unwrap_or(0)
}

/// For how many frames a tile that moved is shown after it stopped.
const CALM_FRAMES: u8 = 2;
/// By how many steps more than in noise a byte differs at least where something changed.
const LEAST_MARGIN: u8 = 3;
/// The same of the mean: a quarter of a step.
const MEAN_MARGIN: u16 = 16;
/// Means are counted by quarters of a step.
const MEAN_BIN: u16 = 16;
const MEAN_BINS: usize = 64;
/// More than these is not noise: a mean of 3 steps, a peak of 12.
const MOST_MEAN: u16 = 192;
const MOST_PEAK: u16 = 12;
