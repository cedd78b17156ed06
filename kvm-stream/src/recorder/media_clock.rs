//! From the capturing driver's clock to the time in the file.

use kvm_capture::Timestamp;

/// Places pictures on the file's time line, in microseconds from the first picture.
///
/// A picture's tick is its timestamp less the first one's, exactly, as long as timestamps rise. Since a file's time
/// cannot run backwards, a picture that is not later than what is written comes right after it; and if the clock
/// itself was set back, as happens when the source is another one, the time goes on from there.
#[derive(Debug, Default)]
pub(super) struct MediaClock {
    // A moment of the driver's clock and its tick.
    anchor: Option<(Timestamp, u64)>,
    newest: Timestamp,
    // The first tick that the next picture can have.
    free_from: u64,
    written_until: u64,
}

impl MediaClock {
    /// The tick of the next picture.
    pub(super) fn place(&mut self, timestamp: Timestamp) -> u64 {
        let anchor = match self.anchor {
            Some(anchor) if timestamp >= self.newest => anchor,
            _ => (timestamp, self.free_from),
        };
        self.anchor = Some(anchor);
        self.newest = timestamp;
        let tick = self.at(timestamp).max(self.free_from);
        self.free_from = tick.saturating_add(1);
        tick
    }

    /// The tick of a moment.
    pub(super) fn at(&self, now: Timestamp) -> u64 {
        let Some((then, tick)) = self.anchor else { return 0 };
        tick.saturating_add(now.as_micros().saturating_sub(then.as_micros())).min(END_OF_TIME)
    }

    /// Takes note that pictures are written which are shown until this tick.
    pub(super) fn has_written(&mut self, until: u64) {
        self.written_until = until;
        self.free_from = self.free_from.max(until);
    }

    /// The end of what is written.
    pub(super) fn written_until(&self) -> u64 {
        self.written_until
    }
}

/// What no clock reaches, 146,000 years: far enough below the largest tick that what follows can still be counted.
const END_OF_TIME: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn rising_timestamps_keep_their_distances() {
        let mut clock = MediaClock::default();
        let ticks = [1_000_007, 1_016_674, 1_033_341, 9_000_000].map(|micros| clock.place(at(micros)));
        assert_eq!(ticks, [0, 16_667, 33_334, 7_999_993]);
    }

    #[test]
    fn a_picture_older_than_what_is_written_comes_right_after_and_moves_no_other() {
        let mut clock = MediaClock::default();
        clock.place(at(100));
        clock.has_written(50);
        assert_eq!(clock.place(at(120)), 50);
        assert_eq!(clock.place(at(200)), 100);
    }

    #[test]
    fn a_clock_set_back_goes_on_from_there() {
        let mut clock = MediaClock::default();
        assert_eq!(clock.place(at(1_000_000)), 0);
        assert_eq!(clock.place(at(1_500_000)), 500_000);
        assert_eq!(clock.place(at(40)), 500_001);
        assert_eq!(clock.place(at(1_040)), 501_001);
    }

    #[test]
    fn no_timestamp_overflows() {
        let mut clock = MediaClock::default();
        clock.place(at(0));
        assert_eq!(clock.place(at(u64::MAX)), END_OF_TIME);
        assert_eq!(clock.place(at(u64::MAX)), END_OF_TIME + 1);
        assert_eq!(clock.place(at(0)), END_OF_TIME + 2);
    }
}
