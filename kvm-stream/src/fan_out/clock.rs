//! The time that a fan-out and its viewers share.

use std::sync::atomic::{AtomicU64, Ordering};

use kvm_capture::Timestamp;

/// The latest moment anybody told, on the clock of the packets.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    /// Takes note of a moment. An earlier one changes nothing.
    pub(super) fn advance(&self, now: Timestamp) {
        self.0.fetch_max(now.as_micros(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}
