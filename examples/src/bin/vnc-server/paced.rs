//! Frames of a file at the pace they were recorded at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{CaptureError, Captured, Frame, FrameSource, Provenance, SignalLoss, Timestamp};

/// Hands on each frame of a source when it is due; the last one stays, again and again, as it would on a screen.
///
/// The first frame is there at once, so that whoever comes first knows the size; the time begins when somebody is
/// there.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    source: S,
    is_watched: Arc<AtomicBool>,
    /// The clock's time of the frames' time 0.
    begun: Option<Instant>,
    next: Option<Frame>,
    last: Option<Frame>,
}

impl<S: FrameSource> Paced<S> {
    /// Begins once somebody is there, which others say.
    pub(crate) fn new(source: S, is_watched: Arc<AtomicBool>) -> Self {
        Self { source, is_watched, begun: None, next: None, last: None }
    }
}

impl<S: FrameSource> FrameSource for Paced<S> {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        if self.begun.is_none() && self.is_watched.load(Ordering::Relaxed) {
            self.begun = Some(Instant::now());
        }
        let frame = match self.next.take() {
            Some(frame) => frame,
            None => match self.source.poll_capture()? {
                Some(Captured::Frame(frame)) => frame,
                Some(Captured::SignalLost(SignalLoss::Ended)) | None => match &self.last {
                    Some(last) => later(last),
                    None => return Ok(None),
                },
                other => return Ok(other),
            },
        };
        let is_due = match self.begun {
            Some(begun) => u128::from(frame.timestamp().as_micros()) <= begun.elapsed().as_micros(),
            None => self.last.is_none(),
        };
        if is_due {
            self.last = Some(frame.clone());
            return Ok(Some(Captured::Frame(frame)));
        }
        self.next = Some(frame);
        Ok(None)
    }
}

impl<S: Declare> Declare for Paced<S> {
    fn capabilities(&self) -> CapabilitySet {
        self.source.capabilities()
    }
}

/// The same picture once more.
fn later(frame: &Frame) -> Frame {
    let timestamp = Timestamp::from_micros(frame.timestamp().as_micros() + INTERVAL_MICROS);
    frame.clone().with_timestamp(timestamp).with_provenance(Provenance::Repeated)
}

const INTERVAL_MICROS: u64 = 33_333;
