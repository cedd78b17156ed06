//! One moment on the three clocks that WebRTC goes by.

use std::time::{Duration, Instant, SystemTime};

use kvm_capture::Timestamp;

/// One moment on three clocks: the program's, that of the captured frames, and the one on the wall.
///
/// Times are told to a viewer as [`Instant`]s; pictures carry [`Timestamp`]s of the capturing driver; and peers want to
/// know when something was captured as time of day. Told once how these belong together, a viewer needs no clock.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    instant: Instant,
    captured: Timestamp,
    wall: SystemTime,
}

impl Clocks {
    /// The same moment on all three. `captured` is on the clock of the packets, for V4L2 `CLOCK_MONOTONIC`.
    pub fn new(instant: Instant, captured: Timestamp, wall: SystemTime) -> Self {
        Self { instant, captured, wall }
    }

    /// On the clock of the packets.
    pub(super) fn captured(&self, at: Instant) -> Timestamp {
        let here = self.captured.as_micros();
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Timestamp::from_micros(match at.checked_duration_since(self.instant) {
            Some(later) => here.saturating_add(micros(later)),
            None => here.saturating_sub(micros(self.instant.saturating_duration_since(at))),
        })
    }

    /// On the program's clock; the moment that was told if it has no such time.
    pub(super) fn instant(&self, captured: Timestamp) -> Instant {
        match self.offset(captured) {
            Offset::Later(by) => self.instant.checked_add(by),
            Offset::Earlier(by) => self.instant.checked_sub(by),
        }
        .unwrap_or(self.instant)
    }

    /// On the wall.
    pub(super) fn wall(&self, captured: Timestamp) -> SystemTime {
        match self.offset(captured) {
            Offset::Later(by) => self.wall.checked_add(by),
            Offset::Earlier(by) => self.wall.checked_sub(by),
        }
        .unwrap_or(self.wall)
    }

    fn offset(&self, captured: Timestamp) -> Offset {
        if captured >= self.captured {
            Offset::Later(captured.saturating_since(self.captured))
        } else {
            Offset::Earlier(self.captured.saturating_since(captured))
        }
    }
}

enum Offset {
    Later(Duration),
    Earlier(Duration),
}

/// On the clock of RTP video (RFC 6184, section 8.2.1), 90 kHz, which starts anew every thirteen hours.
pub(super) fn rtp_time(captured: Timestamp) -> u32 {
    let ticks = u128::from(captured.as_micros()) * 9 / 100;
    u32::try_from(ticks & u128::from(u32::MAX)).expect("the mask leaves 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_same_on_every_clock() {
        let (instant, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
        let clocks = Clocks::new(instant, Timestamp::from_micros(5_000_000), wall);
        for (micros, offset) in [(6_500_000, 1_500_i64), (5_000_000, 0), (4_000_000, -1_000)] {
            let captured = Timestamp::from_micros(micros);
            let by = Duration::from_millis(offset.unsigned_abs());
            let (expected, day) =
                if offset < 0 { (instant - by, wall - by) } else { (instant + by, wall + by) };
            assert_eq!((clocks.instant(captured), clocks.wall(captured)), (expected, day));
            assert_eq!(clocks.captured(expected), captured);
        }
    }

    #[test]
    fn the_clock_of_rtp_runs_at_90_khz_and_starts_anew() {
        assert_eq!(rtp_time(Timestamp::from_micros(1_000_000)), 90_000);
        assert_eq!(rtp_time(Timestamp::from_micros(1_000)), 90);
        let around = u64::from(u32::MAX) * 100 / 9 + 100;
        assert!(rtp_time(Timestamp::from_micros(around)) < 10);
    }
}
