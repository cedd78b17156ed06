//! One viewer of a fan-out.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use kvm_capture::Timestamp;

use super::clock::Clock;
use super::lock;
use super::policy::Drops;
use super::queue::Queue;
use crate::Packet;

/// One viewer of a [`FanOut`](crate::FanOut); dropping it leaves.
pub struct Viewer {
    queue: Arc<Mutex<Queue>>,
    clock: Arc<Clock>,
}

impl Viewer {
    pub(super) fn new(queue: Arc<Mutex<Queue>>, clock: Arc<Clock>) -> Self {
        Self { queue, clock }
    }

    /// Takes the next packet, if there is one and it may be handed out.
    pub fn try_packet(&mut self) -> Option<Packet> {
        lock(&self.queue).take()
    }

    /// Takes the next packet, or leaves word to be woken for it. `None` when nothing will come any more, for a
    /// [reason](Self::end).
    pub fn poll_packet(&mut self, cx: &mut Context<'_>) -> Poll<Option<Packet>> {
        let mut queue = lock(&self.queue);
        match queue.take() {
            Some(packet) => Poll::Ready(Some(packet)),
            None if queue.ending().is_some() && queue.waiting().0 == 0 => Poll::Ready(None),
            None => {
                queue.wake_by(cx.waker());
                Poll::Pending
            }
        }
    }

    /// Tells the time, on the clock of the packets: [`Timestamp`]s of the capturing driver, which for V4L2 is
    /// `CLOCK_MONOTONIC`. What has waited too long by then is dropped. Told before each packet is taken, it makes the
    /// bound on age exact; otherwise it holds as of the newest frame that was captured.
    pub fn advance(&mut self, now: Timestamp) {
        self.clock.advance(now);
        lock(&self.queue).drop_aged();
    }

    /// Takes note that the packet with this number has arrived at `now`, and with it all that were handed out before.
    ///
    /// What it tells is what a [`RateControl`](crate::RateControl) goes by. `None` if no packet of this number is on its way, as
    /// when it was acknowledged before or the peer made it up, and under policies that do not count.
    pub fn acknowledge(&mut self, sequence: u64, now: Timestamp) -> Option<Acknowledged> {
        self.clock.advance(now);
        let mut queue = lock(&self.queue);
        let acknowledged = queue.acknowledge(sequence)?;
        let waker = queue.take_waker();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(Acknowledged { at: now, ..acknowledged })
    }

    /// Allows so many bytes on their way, as [`RateControl::window_bytes`](crate::RateControl::window_bytes) has it. Nothing
    /// under policies that do not count them.
    pub fn set_window(&mut self, bytes: usize) {
        let waker = lock(&self.queue).set_window(bytes);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Asks for a picture that decoding can start at, as a decoder does that has lost its way. What waits is dropped
    /// up to the next key picture.
    pub fn request_keyframe(&mut self) {
        lock(&self.queue).start_over();
    }

    /// How many packets this viewer lost because it was slow.
    pub fn dropped(&self) -> u64 {
        self.drops().total()
    }

    /// The same, by reason.
    pub fn drops(&self) -> Drops {
        lock(&self.queue).drops()
    }

    /// Whether and why nothing comes after what waits.
    pub fn end(&self) -> Option<ViewerEnd> {
        lock(&self.queue).ending()
    }
}

#[cfg(test)]
impl Viewer {
    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue).waiting().0
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = lock(&self.queue);
        let (packets, bytes) = queue.waiting();
        f.debug_struct("Viewer")
            .field("waiting_packets", &packets)
            .field("waiting_bytes", &bytes)
            .field("drops", &queue.drops())
            .field("end", &queue.ending())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "futures")]
impl futures_core::Stream for Viewer {
    type Item = Packet;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Packet>> {
        self.poll_packet(cx)
    }
}

/// Why nothing more comes to a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewerEnd {
    /// Every handle of the fan-out is gone.
    Over,
    /// The viewer must not lose anything and let too much wait.
    Overrun,
}

/// What arrived at a viewer, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledged {
    /// When the packet was handed out.
    pub handed_at: Timestamp,
    /// When its acknowledgement came.
    pub at: Timestamp,
    /// Bytes of it and of those before it that were not acknowledged yet.
    pub bytes: usize,
    /// Bytes that were handed out after it.
    pub left_bytes: usize,
}

impl Acknowledged {
    /// What a transport that counts for itself found out.
    pub fn new(handed_at: Timestamp, at: Timestamp, bytes: usize, left_bytes: usize) -> Self {
        Self { handed_at, at, bytes, left_bytes }
    }

    /// The time from handing out to acknowledgement.
    pub fn round_trip(&self) -> Duration {
        self.at.saturating_since(self.handed_at)
    }
}
