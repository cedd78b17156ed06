//! When the next picture is due.

use std::time::{Duration, Instant};

use kvm_capture::Timestamp;

/// Keeps a least time between pictures, on the average: a picture that comes late by less than the interval does not
/// delay those after it.
#[derive(Debug, Default)]
pub(super) struct Metronome {
    interval: Duration,
    // When the last picture was and the next is due, on the frames' clock; and by the pipeline's.
    beat: Option<(Timestamp, Timestamp)>,
    due_by_clock: Option<Instant>,
    is_hurried: bool,
}

impl Metronome {
    pub(super) fn set_interval(&mut self, interval: Duration) {
        if interval != self.interval {
            self.interval = interval;
            self.beat = self.beat.map(|(at, _)| (at, later(at, interval)));
        }
    }

    /// Whether a frame of this time may be encoded. A clock that was set back says yes.
    pub(super) fn is_due(&self, frame: Timestamp) -> bool {
        self.is_hurried || self.beat.is_none_or(|(at, due)| frame >= due || frame < at)
    }

    /// Whether a frame that waits may be encoded, where there is a clock to tell.
    pub(super) fn is_due_by(&self, now: Option<Instant>) -> bool {
        self.is_hurried || now.zip(self.due_by_clock).is_some_and(|(now, due)| now >= due)
    }

    /// The next frame is due whenever it comes.
    pub(super) fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// Takes note that a frame of this time was encoded.
    pub(super) fn beat(&mut self, frame: Timestamp, now: Option<Instant>) {
        self.is_hurried = false;
        let on_time = self.beat.map(|(_, due)| later(due, self.interval)).filter(|due| {
            let ahead = due.saturating_since(frame);
            !ahead.is_zero() && ahead <= self.interval
        });
        let due = on_time.unwrap_or_else(|| later(frame, self.interval));
        self.beat = Some((frame, due));
        self.due_by_clock = now.and_then(|now| now.checked_add(due.saturating_since(frame)));
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    /// Which of the frames, by their times in milliseconds, are encoded.
    fn encoded(interval: u64, frames: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut metronome = Metronome::default();
        metronome.set_interval(Duration::from_millis(interval));
        let mut due = |frame: &u64| {
            let is_due = metronome.is_due(at(*frame));
            if is_due {
                metronome.beat(at(*frame), None);
            }
            is_due
        };
        frames.into_iter().filter(&mut due).collect()
    }

    #[test]
    fn the_average_is_kept() {
        let frames = (0..1000).map(|index| index * 10);
        let taken = encoded(25, frames.clone());
        assert_eq!(taken[..6], [0, 30, 50, 80, 100, 130]);
        assert_eq!(encoded(0, frames).len(), 1000);
        assert_eq!(taken.len(), 400);
    }

    #[test]
    fn after_a_pause_there_is_no_burst_and_a_clock_set_back_stops_nothing() {
        assert_eq!(encoded(100, [0, 10, 1000, 1010, 1090, 1100]), [0, 1000, 1100]);
        assert_eq!(encoded(100, [5000, 3, 4, 103]), [5000, 3, 103]);
    }
}
