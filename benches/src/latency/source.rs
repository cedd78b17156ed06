//! Frames that come when they are put there, as from a driver's queue.

use std::sync::{Arc, Mutex, PoisonError};

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{CaptureError, Captured, Frame, FrameSource, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// A place for one captured frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Frame>>>);

impl Slot {
    pub(crate) fn put(&self, frame: Frame) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn take(&self) -> Option<Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Takes frames out of a slot, and says that they were captured when they are taken.
#[derive(Debug)]
pub(crate) struct SlotSource(pub(crate) Slot);

impl Declare for SlotSource {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for SlotSource {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        Ok(self.0.take().map(|frame| Captured::Frame(frame.with_timestamp(now()))))
    }
}

/// The clock of capturing drivers: `CLOCK_MONOTONIC`, which all threads share.
pub(crate) fn now() -> Timestamp {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000;
    Timestamp::from_micros(micros)
}
