//! When a frame was captured.

use std::time::Duration;

/// A moment of the capturing driver's monotonic clock, in microseconds from an arbitrary start.
///
/// V4L2 drivers stamp frames with `CLOCK_MONOTONIC` (`V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC`). Two timestamps of
/// one source can be compared; a timestamp says nothing about the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    micros: u64,
}

impl Timestamp {
    /// The moment this many microseconds after the clock's start.
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// Microseconds since the clock's start.
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// The time from an earlier moment to this one; zero if that one is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }
}
