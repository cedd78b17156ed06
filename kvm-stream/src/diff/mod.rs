//! Which tiles of a frame differ from the frame before.

mod choice;
mod exact;
mod measure;
mod noise;

use std::time::Duration;

use kvm_capture::{Frame, FrameFormat, ImageView, Timestamp};

use crate::cover::cover_with;
use crate::motion::MotionSearch;
use crate::{Damage, Tiles};

use choice::{Choice, Seen};
use noise::NoiseFilter;

pub use choice::Sensitivity;
pub(crate) use exact::{Vector, has_moved, mark_differing, mark_plainly_differing};
pub use noise::Noise;

/// Finds what changed since the frame before, in the capture's own format.
///
/// The frame before is *held*, not copied: for a captured frame that is one of the driver's buffers. Both frames
/// are read once, front to back; an unchanged frame costs one comparison of memory and nothing else.
///
/// Where much changed, the change is searched for motion: text that was scrolled, windows that were dragged. What is
/// found, and verified pixel by pixel, is a [copy](Damage::copies) instead of a rectangle to paint; an encoder that
/// cannot copy takes [`Damage::without_copies`]. The edges of rectangles and copies are at even pixels where the
/// format's pixels share colour differences.
///
/// A noisy source changes all over in every frame. [`Sensitivity`] chooses whether differences that are no more than
/// its noise are let go; the documentation of [`REFRESH`](Self::REFRESH) tells for how long.
///
/// The unused byte of 32-bit formats is compared like any other: a source that writes noise there would be seen
/// as changing.
#[derive(Debug)]
pub struct TileDiff {
    previous: Option<Frame>,
    motion: Option<MotionSearch>,
    threads: usize,
    sensitivity: Sensitivity,
    choice: Choice,
    filter: NoiseFilter,
    // Whether the source is taken for noisy, and whether `filter` then knows what was shown.
    is_noisy: bool,
    is_filtering: bool,
    // The tiles of the last frame that differ; kept for its memory.
    changed: Tiles,
}

impl TileDiff {
    /// No damage has more rectangles to paint than these before copies are taken out of it. Where more would be
    /// needed, unchanged tiles among the changed ones are painted too.
    pub const MOST_RECTS: usize = 128;

    /// Within which time every tile of a noisy source is shown anew: by the timestamps of the frames, all tiles count
    /// as changed in turn, some of them in each frame. Until then no byte of it differs from the source by more than
    /// 2¼ times the [peak](Noise::peak_steps) of the noise, or by 3 steps more than the peak.
    ///
    /// What changes by more, as typed text and pointers do, is found at once, and followed until it stood still for
    /// two frames. In a noisy picture no motion is searched for.
    pub const REFRESH: Duration = NoiseFilter::REFRESH;

    /// Creates a difference engine that has not seen a frame. It is exact and searches for motion.
    pub fn new() -> Self {
        Self {
            previous: None,
            motion: Some(MotionSearch::default()),
            threads: 1,
            sensitivity: Sensitivity::Exact,
            choice: Choice::default(),
            filter: NoiseFilter::default(),
            is_noisy: false,
            is_filtering: false,
            changed: Tiles::default(),
        }
    }

    /// The same without the search for motion, when nothing that gets the damage can copy.
    #[must_use]
    pub fn without_motion(mut self) -> Self {
        self.motion = None;
        self
    }

    /// The same with [hints](Damage::hints) about what moved though its pixels are not the same, for encoders that
    /// correct what they predict. They change nothing of what is copied and painted, and cost a further search where
    /// no copy explains the change. Without a search for motion there are none.
    #[must_use]
    pub fn with_hints(mut self) -> Self {
        self.motion = self.motion.map(MotionSearch::with_hints);
        self
    }

    /// The same with so many threads to compare with, at least one: the calling one and others that live for one
    /// comparison. One otherwise.
    ///
    /// Measured on two cores of an AMD EPYC: two threads took 0.27 ms instead of 0.36 ms for a still 1080p UYVY frame
    /// (medians of elapsed time), so starting the thread costs much of what it saves.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The same with another sensitivity; [`Sensitivity::Exact`] otherwise.
    #[must_use]
    pub fn with_sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = sensitivity;
        self.is_noisy = sensitivity == Sensitivity::Noisy;
        self
    }

    /// The noise of the source, while it is taken for noisy and as soon as it was measured.
    pub fn noise(&self) -> Option<Noise> {
        self.filter.noise().filter(|_| self.is_noisy)
    }

    /// What changed from the frame before to this one, which takes its place.
    ///
    /// All of it when there is no frame before, or one of another format. A compressed frame is either equal to
    /// the one before, byte for byte, or changed all over.
    pub fn compare(&mut self, frame: Frame) -> Damage {
        let format = frame.format();
        let previous = self.previous.take().filter(|previous| previous.format() == format);
        let damage = match &previous {
            None => {
                self.start_over();
                Damage::full(format.width_px, format.height_px)
            }
            Some(previous) => match (previous.image(), frame.image()) {
                (Some(before), Some(now)) => {
                    self.compare_images((&before, previous.timestamp()), (&now, frame.timestamp()))
                }
                _ if previous.compressed() == frame.compressed() => Damage::NONE,
                _ => Damage::full(format.width_px, format.height_px),
            },
        };
        self.previous = Some(frame);
        damage
    }

    /// Takes a frame without comparing it, when nobody asks what changed.
    pub fn hold(&mut self, frame: Frame) {
        self.is_filtering = false;
        self.previous = Some(frame);
    }

    /// The frame that the next one will be compared with.
    pub fn previous(&self) -> Option<&Frame> {
        self.previous.as_ref()
    }

    /// Forgets the frame before and gives its buffer back; the next frame is changed all over.
    pub fn forget(&mut self) {
        self.start_over();
        self.previous = None;
    }

    /// How many tiles a frame of this format has.
    pub fn tiles(format: FrameFormat) -> u32 {
        format.width_px.div_ceil(Tiles::TILE_PX) * format.height_px.div_ceil(Tiles::TILE_PX)
    }

    fn start_over(&mut self) {
        self.is_noisy = self.sensitivity == Sensitivity::Noisy;
        self.is_filtering = false;
        self.choice = Choice::default();
    }

    fn compare_images(
        &mut self,
        (before, before_at): (&ImageView<'_>, Timestamp),
        (now, at): (&ImageView<'_>, Timestamp),
    ) -> Damage {
        let format = now.format();
        self.changed.reset((format.width_px, format.height_px));
        if self.is_noisy {
            if !self.is_filtering {
                self.filter.start(before, before_at);
                self.is_filtering = true;
            }
            let is_clean = self.sensitivity == Sensitivity::Automatic
                && self.choice.see_noisy(before, now, &self.changed);
            if is_clean {
                self.start_over();
                self.filter.find_exactly(now, &mut self.changed);
            } else {
                self.filter.find(now, at, &mut self.changed);
            }
            return self.painted();
        }
        mark_changed(before, now, self.threads, &mut self.changed);
        if self.sensitivity == Sensitivity::Automatic {
            match self.choice.see_exact(before, now, &self.changed) {
                Seen::Picture => {}
                Seen::Noise => return self.painted(),
                Seen::NoiseForLong => {
                    self.is_noisy = true;
                    self.filter.start(now, at);
                    self.is_filtering = true;
                    return self.painted();
                }
            }
        }
        let moved = self.motion.as_mut().and_then(|motion| motion.find(before, now, &self.changed));
        let hints = self.motion.as_ref().map_or(&[][..], MotionSearch::hints);
        moved.unwrap_or_else(|| self.painted()).with_hints(hints.iter().copied())
    }

    /// The changed tiles, all of them to be painted.
    fn painted(&self) -> Damage {
        cover_with(Self::MOST_RECTS, &self.changed).into_iter().collect()
    }
}

impl Default for TileDiff {
    fn default() -> Self {
        Self::new()
    }
}

/// Puts the tiles that differ into an empty set, in bands of rows on so many threads.
fn mark_changed(before: &ImageView<'_>, now: &ImageView<'_>, threads: usize, changed: &mut Tiles) {
    let rows = changed.rows();
    let threads = u32::try_from(threads).unwrap_or(u32::MAX).min(rows);
    let words = Tiles::words_per_row(now.format().width_px);
    let band_rows = rows.div_ceil(threads);
    let marks = changed.rows_mut(0..rows);
    let bands = marks.chunks_mut(band_rows as usize * words);
    let starts = (0..rows).step_by(band_rows as usize);
    let mut bands = bands.zip(starts).map(|(marks, start)| (marks, start..(start + band_rows).min(rows)));
    let Some((own, own_rows)) = bands.next() else { return };
    if threads == 1 {
        return mark_differing(before, now, Vector::ZERO, own_rows, own);
    }
    std::thread::scope(|scope| {
        for (marks, rows) in bands {
            scope.spawn(move || mark_differing(before, now, Vector::ZERO, rows, marks));
        }
        mark_differing(before, now, Vector::ZERO, own_rows, own);
    });
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kvm_capture::PixelFormat;
    use proptest::prelude::*;

    use super::*;

    fn frame(format: FrameFormat, bytes: &[u8]) -> Frame {
        Frame::packed(format, Bytes::copy_from_slice(bytes)).unwrap()
    }

    /// The pixels that byte `offset` of a packed frame belongs to, by asking which pixels' bytes it is.
    fn pixels_of_byte(format: FrameFormat, offset: usize) -> Vec<(u32, u32)> {
        let mut start = 0;
        let (shift_x, shift_y) = format.pixel.chroma_shifts();
        for (index, size) in format.pixel.planes(format.width_px, format.height_px).enumerate() {
            let len = size.row_bytes * size.rows;
            if offset < start + len {
                let row = u32::try_from((offset - start) / size.row_bytes).unwrap();
                let column = u32::try_from((offset - start) % size.row_bytes).unwrap();
                let (per_pixel, shifts) = match (format.pixel, index) {
                    (PixelFormat::Rgb24 | PixelFormat::Bgr24, _) => (3, (0, 0)),
                    (PixelFormat::Bgrx | PixelFormat::Xrgb, _) => (4, (0, 0)),
                    (PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Yvyu | PixelFormat::Vyuy, _) => {
                        (4, (1, 0))
                    }
                    (_, 0) | (PixelFormat::I420, _) => (1, if index == 0 { (0, 0) } else { (1, 1) }),
                    (_, _) => (2, (shift_x, shift_y)),
                };
                let (x, y) = ((column / per_pixel) << shifts.0, row << shifts.1);
                return (y..y + (1 << shifts.1))
                    .flat_map(|y| (x..x + (1 << shifts.0)).map(move |x| (x, y)))
                    .filter(|&(x, y)| x < format.width_px && y < format.height_px)
                    .collect();
            }
            start += len;
        }
        unreachable!("offset beyond the frame")
    }

    proptest! {
        #[test]
        fn damage_covers_every_change_and_only_changed_tiles(
            index in 0..PixelFormat::ALL.len() - 1,
            (width, height) in (1_u32..70, 1_u32..50),
            changes in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        ) {
            let format = FrameFormat::new(PixelFormat::ALL[index], width, height);
            let before = vec![100; format.len_bytes()];
            let mut now = before.clone();
            let mut touched = Vec::new();
            for change in changes {
                let offset = change.index(now.len());
                now[offset] = 101;
                touched.extend(pixels_of_byte(format, offset));
            }
            let mut diff = TileDiff::new();
            prop_assert_eq!(diff.compare(frame(format, &before)), Damage::full(width, height));
            let mut threaded = TileDiff::new().with_threads(3);
            threaded.hold(frame(format, &before));
            let damage_by_threads = threaded.compare(frame(format, &now));
            let damage = diff.compare(frame(format, &now));
            prop_assert_eq!(&damage, &damage_by_threads);
            for &(x, y) in &touched {
                prop_assert!(damage.contains(x, y), "{x},{y} changed outside {damage:?}");
            }
            let tile = |x: u32, y: u32| (x / Tiles::TILE_PX, y / Tiles::TILE_PX);
            let touched_tiles: std::collections::HashSet<_> = touched.iter().map(|&(x, y)| tile(x, y)).collect();
            let mut area = 0;
            for y in 0..height {
                for x in 0..width {
                    if damage.contains(x, y) {
                        area += 1;
                        prop_assert!(touched_tiles.contains(&tile(x, y)), "{x},{y} did not change");
                    }
                }
            }
            prop_assert_eq!(damage.area(), area, "rectangles overlap");
        }
    }

    #[test]
    fn the_same_picture_with_other_padding_is_the_same() {
        let format = FrameFormat::new(PixelFormat::Grey, 20, 20);
        let with_padding = |padding: u8| {
            let bytes: Vec<u8> =
                (0..20).flat_map(|row| [vec![row; 20], vec![padding; 12]].concat()).collect();
            Frame::contiguous(format, &Bytes::from(bytes), [32]).unwrap()
        };
        let mut diff = TileDiff::new();
        diff.compare(with_padding(1));
        assert!(diff.compare(with_padding(2)).is_empty());
    }

    #[test]
    fn another_format_is_changed_all_over() {
        let mut diff = TileDiff::new();
        diff.compare(frame(FrameFormat::new(PixelFormat::Grey, 16, 16), &[0; 256]));
        let damage = diff.compare(frame(FrameFormat::new(PixelFormat::Grey, 32, 8), &[0; 256]));
        assert_eq!(damage, Damage::full(32, 8));
        diff.forget();
        assert!(diff.previous().is_none());
    }

    #[test]
    fn compressed_frames_are_equal_or_not() {
        let format = FrameFormat::new(PixelFormat::Mjpeg, 64, 48);
        let mut diff = TileDiff::new();
        diff.compare(frame(format, b"one"));
        assert!(diff.compare(frame(format, b"one")).is_empty());
        assert_eq!(diff.compare(frame(format, b"two")), Damage::full(64, 48));
    }
}
