//! The pace of a codec: that of the fastest line of those who watch in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kvm_hid::Holder;
use kvm_stream::{FanOut, Pace, RateControl, Viewer};

/// The paces of all who watch in one codec. A clone is another handle to them.
#[derive(Debug, Clone)]
pub(crate) struct Paces {
    told: Arc<Mutex<BTreeMap<Holder, Pace>>>,
    viewers: FanOut,
    tape: Option<FanOut>,
}

impl Paces {
    /// Of nobody yet; `tape` is what is recorded of this codec.
    pub(crate) fn new(viewers: FanOut, tape: Option<FanOut>) -> Self {
        Self { told: Arc::default(), viewers, tape }
    }

    /// What the stream has to keep to. There is no limit while somebody watches who tells nothing of what arrives, or
    /// while it is recorded.
    pub(crate) fn pace(&self) -> Pace {
        let told = self.told();
        let is_recorded = self.tape.as_ref().is_some_and(|tape| tape.viewers() > 0);
        if is_recorded || told.len() < self.viewers.viewers() {
            return Pace::UNLIMITED;
        }
        told.values().copied().reduce(Pace::faster).unwrap_or(Pace::UNLIMITED)
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<Holder, Pace>> {
        // Every change is one of a single entry.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who watches, with what is known of the line; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Watcher {
    holder: Holder,
    pub(crate) viewer: Viewer,
    control: RateControl,
    paces: Paces,
}

impl Watcher {
    pub(crate) fn new(holder: Holder, viewer: Viewer, paces: Paces) -> Self {
        paces.told().insert(holder, Pace::UNLIMITED);
        Self { holder, viewer, control: RateControl::new(FRAME_INTERVAL), paces }
    }

    /// The page is done with the picture of this number, and with all before it. Gives how long it was on its way.
    pub(crate) fn acknowledge(&mut self, sequence: u64, now: kvm_capture::Timestamp) -> Option<Duration> {
        let acknowledged = self.viewer.acknowledge(sequence, now)?;
        self.control.acknowledged(&acknowledged);
        self.control.dropped(self.viewer.drops(), now);
        self.viewer.set_window(self.control.window_bytes());
        self.paces.told().insert(self.holder, self.control.pace());
        Some(acknowledged.round_trip())
    }

    /// Bytes a second that the line carries, as far as it has shown a limit.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.control.limit()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.paces.told().remove(&self.holder);
    }
}

/// One who watches through a transport that estimates its line by itself; dropping it leaves.
#[cfg(feature = "webrtc")]
#[derive(Debug)]
pub(crate) struct Estimates {
    holder: Holder,
    control: RateControl,
    paces: Paces,
}

#[cfg(feature = "webrtc")]
impl Estimates {
    pub(crate) fn new(holder: Holder, paces: Paces) -> Self {
        paces.told().insert(holder, Pace::UNLIMITED);
        Self { holder, control: RateControl::new(FRAME_INTERVAL), paces }
    }

    /// The line is held to carry so much.
    pub(crate) fn tell(&mut self, bytes_per_s: u64, picture_bytes: u64) {
        self.control.estimated(bytes_per_s, picture_bytes);
        self.paces.told().insert(self.holder, self.control.pace());
    }
}

#[cfg(feature = "webrtc")]
impl Drop for Estimates {
    fn drop(&mut self) {
        self.paces.told().remove(&self.holder);
    }
}

/// Of 60 Hz, which a capture device gives at most.
const FRAME_INTERVAL: Duration = Duration::from_micros(16_667);

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
    use kvm_stream::{Codec, Packet, PacketSink, ViewerPolicy};

    use super::*;

    /// Sends a picture of 50 kB every 16 ms, which arrives after so long.
    fn play(viewers: &mut FanOut, watcher: &mut Watcher, delays_ms: impl Iterator<Item = u64>) {
        let mut arrivals = std::collections::VecDeque::new();
        for (sequence, delay) in (1..).zip(delays_ms) {
            let now = Timestamp::from_micros(sequence * 16_000);
            let frame = Frame::packed(FrameFormat::new(PixelFormat::Grey, 1, 1), Bytes::from_static(b"x"));
            let frame = frame.unwrap().with_sequence(sequence).with_timestamp(now);
            viewers.push(Packet::of(&frame, Codec::Jpeg, Bytes::from(vec![0; 50_000]), true)).unwrap();
            watcher.viewer.advance(now);
            while let Some(packet) = watcher.viewer.try_packet() {
                arrivals.push_back((packet.sequence, sequence * 16_000 + delay * 1000));
            }
            while let Some(&(arrived, at)) = arrivals.front().filter(|(_, at)| *at <= (sequence + 1) * 16_000)
            {
                watcher.acknowledge(arrived, Timestamp::from_micros(at));
                arrivals.pop_front();
            }
        }
    }

    #[test]
    fn the_fastest_line_sets_the_pace_unless_somebody_tells_nothing_or_records() {
        let (mut viewers, tape) = (FanOut::new(2), FanOut::new(2));
        let paces = Paces::new(viewers.clone(), Some(tape.clone()));
        assert_eq!(paces.pace(), Pace::UNLIMITED);
        let join = |number: u64, viewers: &FanOut| {
            Watcher::new(Holder(number), viewers.join_with(ViewerPolicy::window(12)), paces.clone())
        };
        let mut slow = join(1, &viewers);
        play(&mut viewers, &mut slow, (0..200).map(|step| 20 + step * 10));
        assert!(slow.limit().is_some() && paces.pace().picture_bytes < Pace::UNLIMITED.picture_bytes);

        let recording = tape.join();
        assert_eq!(paces.pace(), Pace::UNLIMITED, "recorded");
        drop(recording);
        let silent = viewers.join();
        assert_eq!(paces.pace(), Pace::UNLIMITED, "somebody tells nothing");
        drop(silent);
        let fast = join(2, &viewers);
        assert_eq!(paces.pace(), Pace::UNLIMITED, "a line that has shown no limit");
        drop(fast);
        assert_ne!(paces.pace(), Pace::UNLIMITED);
    }
}
