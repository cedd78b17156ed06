//! One source of pictures, and a pipeline for each codec that somebody may watch.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{CaptureError, Captured, Frame, FrameSource};
use kvm_stream::{
    Encoder, FanOut, Pace, Pipeline, PipelineError, Sensitivity, StageTimes, Step, TileDiff, Tiles,
};

use crate::pace::Paces;

/// A source whose pictures go to a pipeline for each codec.
///
/// The pipelines know nothing of each other, so that whoever begins to watch in one codec changes nothing for those
/// who watch in another. One that nobody watches costs nothing but holding the newest frame, which all of them share;
/// for each one more that is watched the frame is compared once more.
#[derive(Debug)]
pub(crate) struct Tracks {
    source: Box<dyn FrameSource>,
    tracks: Vec<Track>,
}

#[derive(Debug)]
struct Track {
    feed: Feed,
    pipeline: Pipeline,
    paces: Paces,
    pace: Pace,
}

/// What one round of [`Tracks::step`] did.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// What the source said.
    pub(crate) captured: Option<Captured>,
    /// Whether a pipeline compared the frame with the one before.
    pub(crate) is_compared: bool,
    /// Whether a pipeline encoded.
    pub(crate) is_encoded: bool,
    /// Tiles that were painted anew, in the codec that painted most.
    pub(crate) changed_tiles: u64,
    /// Bytes of all codecs together.
    pub(crate) bytes: usize,
    /// The stages of all pipelines together.
    pub(crate) times: StageTimes,
}

impl Tracks {
    /// A track for each encoder, with everybody its packets go to and their pace.
    pub(crate) fn new(
        source: Box<dyn FrameSource>,
        encoders: impl IntoIterator<Item = (Box<dyn Encoder>, Vec<FanOut>, Paces)>,
    ) -> Self {
        let track = |(encoder, sinks, paces): (Box<dyn Encoder>, Vec<FanOut>, Paces)| {
            let feed = Feed::default();
            let mut pipeline = Pipeline::new(Box::new(feed.clone()), encoder)
                .with_clock(Instant::now)
                .with_difference(TileDiff::new().with_sensitivity(Sensitivity::Automatic));
            for sink in sinks {
                pipeline.add_sink(Box::new(sink));
            }
            Track { feed, pipeline, paces, pace: Pace::UNLIMITED }
        };
        Self { source, tracks: encoders.into_iter().map(track).collect() }
    }

    /// Takes what the source has and brings each track up to date; `None` when there was nothing to do.
    pub(crate) fn step(&mut self) -> Result<Option<Round>, PipelineError> {
        let captured = self.source.poll_capture()?;
        let mut round = Round::default();
        let mut failure = None;
        for track in &mut self.tracks {
            track.feed.items().extend(captured.clone());
            // Each does what it can: that one fails keeps no other from its frame.
            failure = track.step(&mut round).err().or(failure);
        }
        let is_idle = captured.is_none() && !round.is_encoded;
        round.captured = captured;
        failure.map_or(Ok((!is_idle).then_some(round)), Err)
    }

    /// The newest frame.
    pub(crate) fn frame(&self) -> Option<&Frame> {
        self.tracks.first()?.pipeline.frame()
    }

    /// What to wait on before the next step, as [`FrameSource::readiness`].
    pub(crate) fn readiness(&self) -> Option<BorrowedFd<'_>> {
        self.source.readiness()
    }
}

impl Track {
    fn step(&mut self, round: &mut Round) -> Result<(), PipelineError> {
        let pace = self.paces.pace();
        if pace != self.pace {
            self.pipeline.set_pace(pace);
            self.pace = pace;
        }
        loop {
            match self.pipeline.step()? {
                Step::Idle => return Ok(()),
                Step::Unchanged { times } => {
                    round.is_compared = true;
                    round.times.diff += times.diff;
                }
                Step::Encoded { damage, bytes, times } => {
                    round.is_compared = true;
                    round.is_encoded = true;
                    let tile = u64::from(Tiles::TILE_PX).pow(2);
                    round.changed_tiles = round.changed_tiles.max(damage.area().div_ceil(tile));
                    round.bytes += bytes;
                    round.times.diff += times.diff;
                    round.times.encode += times.encode;
                }
                _ => {}
            }
        }
    }
}

/// A source that gives what was put into it.
#[derive(Debug, Clone, Default)]
struct Feed(Arc<Mutex<VecDeque<Captured>>>);

impl Feed {
    fn items(&self) -> MutexGuard<'_, VecDeque<Captured>> {
        // Items are put in and taken out whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FrameSource for Feed {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        Ok(self.items().pop_front())
    }
}

impl Declare for Feed {
    /// Nothing: what it gives was taken by the source.
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kvm_capture::{FrameFormat, PixelFormat};
    use kvm_stream::JpegEncoder;

    use super::*;

    fn frame(number: u64, value: u8) -> Captured {
        let format = FrameFormat::new(PixelFormat::Grey, 32, 16);
        let frame = Frame::packed(format, Bytes::from(vec![value; 32 * 16])).unwrap();
        Captured::Frame(frame.with_sequence(number))
    }

    fn sequences(viewer: &mut kvm_stream::Viewer) -> Vec<u64> {
        std::iter::from_fn(|| viewer.try_packet()).map(|packet| packet.sequence).collect()
    }

    #[test]
    fn a_track_is_encoded_only_while_somebody_watches_it() {
        let source = Feed::default();
        let (one, other) = (FanOut::new(8), FanOut::new(8));
        let encoder = || Box::new(JpegEncoder::new(80)) as Box<dyn Encoder>;
        let mut tracks = Tracks::new(
            Box::new(source.clone()),
            [&one, &other]
                .map(|viewers| (encoder(), vec![viewers.clone()], Paces::new(viewers.clone(), None))),
        );
        source.items().push_back(frame(1, 10));
        let round = tracks.step().unwrap().unwrap();
        assert!(!round.is_compared && !round.is_encoded, "nobody watches");

        let mut first = one.join();
        source.items().push_back(frame(2, 20));
        let round = tracks.step().unwrap().unwrap();
        assert!(round.is_encoded && round.changed_tiles == 2);
        assert_eq!((sequences(&mut first).last(), other.latest().is_some()), (Some(&2), false));

        // Whoever joins the other gets the newest picture at once, and the first notices nothing.
        let mut second = other.join();
        let round = tracks.step().unwrap().unwrap();
        assert!(round.captured.is_none() && round.is_encoded);
        assert_eq!((sequences(&mut second), sequences(&mut first)), (vec![2], vec![]));

        source.items().push_back(frame(3, 20));
        let round = tracks.step().unwrap().unwrap();
        assert!(round.is_compared && !round.is_encoded, "nothing changed");
        source.items().push_back(frame(4, 30));
        assert!(tracks.step().unwrap().unwrap().is_encoded);
        assert_eq!((sequences(&mut second), sequences(&mut first)), (vec![4], vec![4]));
        assert!(tracks.step().unwrap().is_none());
    }
}
