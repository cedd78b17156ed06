//! One stream of packets to many viewers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use crate::{Codec, Lacking, Packet, PacketSink, SinkError};

/// One stream of packets to any number of viewers that come and go.
///
/// A packet is encoded once and its payload shared. Each viewer has a queue of its own with a bound: one that is
/// slow loses packets of its own and never delays another. What it loses is the oldest, so that what it shows next
/// is the newest there is. Where pictures build on each other (H.264) that means everything up to the next key
/// picture, which is then asked for.
///
/// A clone is another handle to the same viewers; when the last handle is gone, the viewers' streams end.
#[derive(Clone)]
pub struct FanOut {
    audience: Arc<Mutex<Audience>>,
    bound: usize,
}

impl FanOut {
    /// Creates a fan-out whose viewers are never more than `bound` packets behind; at least one.
    pub fn new(bound: usize) -> Self {
        Self { audience: Arc::default(), bound: bound.max(1) }
    }

    /// Adds a viewer. It starts with the newest picture at once if decoding can start there, or with the next key
    /// picture, which is then asked for.
    pub fn join(&self) -> Viewer {
        let mut audience = lock(&self.audience);
        let mut queue = Queue::new(self.bound);
        if let Some(latest) = audience.latest.as_ref().filter(|latest| latest.is_keyframe) {
            queue.push(latest);
        }
        let queue = Arc::new(Mutex::new(queue));
        audience.queues.push(Arc::downgrade(&queue));
        Viewer { queue }
    }

    /// How many viewers there are.
    pub fn viewers(&self) -> usize {
        lock(&self.audience).queues.iter().filter(|queue| queue.strong_count() > 0).count()
    }

    /// The newest packet.
    pub fn latest(&self) -> Option<Packet> {
        lock(&self.audience).latest.clone()
    }
}

impl PacketSink for FanOut {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        let mut audience = lock(&self.audience);
        audience.queues.retain(|queue| queue.strong_count() > 0);
        let queues: Vec<_> = audience.queues.iter().filter_map(Weak::upgrade).collect();
        audience.latest = Some(packet.clone());
        // A waker is foreign code, which may well come back here.
        drop(audience);
        for queue in queues {
            let waker = lock(&queue).push(&packet);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        Ok(())
    }

    fn is_watched(&mut self) -> bool {
        let mut audience = lock(&self.audience);
        audience.queues.retain(|queue| queue.strong_count() > 0);
        if audience.queues.is_empty() {
            // By the time somebody comes, this is not what the screen shows any more.
            audience.latest = None;
        }
        !audience.queues.is_empty()
    }

    fn take_refresh_request(&mut self) -> Option<Lacking> {
        let queues: Vec<_> = lock(&self.audience).queues.iter().filter_map(Weak::upgrade).collect();
        // Every queue is asked, not just up to the first that asks.
        let asking = queues.iter().filter(|queue| std::mem::take(&mut lock(queue).asks)).count();
        (asking > 0).then_some(Lacking::Everything)
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("viewers", &self.viewers())
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

/// One viewer of a [`FanOut`]; dropping it leaves.
pub struct Viewer {
    queue: Arc<Mutex<Queue>>,
}

impl Viewer {
    /// Takes the next packet, if there is one.
    pub fn try_packet(&mut self) -> Option<Packet> {
        lock(&self.queue).packets.pop_front()
    }

    /// Takes the next packet, or leaves word to be woken for it. `None` when nothing will come any more, because
    /// every handle of the fan-out is gone.
    pub fn poll_packet(&mut self, cx: &mut Context<'_>) -> Poll<Option<Packet>> {
        let mut queue = lock(&self.queue);
        match queue.packets.pop_front() {
            Some(packet) => Poll::Ready(Some(packet)),
            None if queue.is_over => Poll::Ready(None),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Asks for a picture that decoding can start at, as a decoder does that has lost its way.
    pub fn request_keyframe(&mut self) {
        lock(&self.queue).await_keyframe();
    }

    /// How many packets this viewer lost because it was slow.
    pub fn dropped(&self) -> u64 {
        lock(&self.queue).dropped
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = lock(&self.queue);
        f.debug_struct("Viewer")
            .field("behind", &queue.packets.len())
            .field("dropped", &queue.dropped)
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

/// The viewers and what a newcomer starts with.
#[derive(Default)]
struct Audience {
    queues: Vec<Weak<Mutex<Queue>>>,
    latest: Option<Packet>,
}

impl Drop for Audience {
    fn drop(&mut self) {
        for queue in self.queues.iter().filter_map(Weak::upgrade) {
            let waker = {
                let mut queue = lock(&queue);
                queue.is_over = true;
                queue.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// What one viewer has not taken yet.
struct Queue {
    packets: VecDeque<Packet>,
    bound: usize,
    waker: Option<Waker>,
    dropped: u64,
    /// Whether only a key picture is of use to the viewer now.
    awaits_keyframe: bool,
    /// Whether a key picture is wanted and nobody has been told yet.
    asks: bool,
    is_over: bool,
}

impl Queue {
    fn new(bound: usize) -> Self {
        Self {
            packets: VecDeque::with_capacity(bound),
            bound,
            waker: None,
            dropped: 0,
            awaits_keyframe: true,
            asks: true,
            is_over: false,
        }
    }

    fn push(&mut self, packet: &Packet) -> Option<Waker> {
        if packet.is_keyframe {
            self.awaits_keyframe = false;
            self.asks = false;
            // What a key picture replaces, a viewer that is behind anyway need not see.
            if packet.codec == Codec::H264 && self.packets.len() == self.bound {
                self.drop_all();
            }
        } else if self.awaits_keyframe {
            return None;
        }
        if self.packets.len() == self.bound {
            if packet.is_keyframe {
                self.packets.pop_front();
                self.dropped += 1;
            } else {
                self.dropped += 1;
                self.drop_all();
                self.await_keyframe();
                return None;
            }
        }
        self.packets.push_back(packet.clone());
        self.waker.take()
    }

    fn await_keyframe(&mut self) {
        self.awaits_keyframe = true;
        self.asks = true;
    }

    fn drop_all(&mut self) {
        self.dropped += self.packets.len() as u64;
        self.packets.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kvm_capture::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn packet(codec: Codec, sequence: u64, is_keyframe: bool) -> Packet {
        Packet {
            codec,
            payload: Bytes::from_static(b"picture"),
            is_keyframe,
            is_refresh: false,
            changes: None,
            width_px: 16,
            height_px: 16,
            timestamp: Timestamp::default(),
            sequence,
        }
    }

    fn taken(viewer: &mut Viewer) -> Vec<u64> {
        std::iter::from_fn(|| viewer.try_packet()).map(|packet| packet.sequence).collect()
    }

    #[test]
    fn a_slow_viewer_gets_the_newest_and_delays_nobody() {
        let mut fan_out = FanOut::new(2);
        let (mut fast, mut slow) = (fan_out.join(), fan_out.join());
        for sequence in 0..10 {
            fan_out.push(packet(Codec::Jpeg, sequence, true)).unwrap();
            assert_eq!(taken(&mut fast), [sequence]);
        }
        assert_eq!(taken(&mut slow), [8, 9]);
        assert_eq!((fast.dropped(), slow.dropped()), (0, 8));
    }

    #[test]
    fn a_newcomer_starts_with_the_newest_key_picture() {
        let mut fan_out = FanOut::new(2);
        fan_out.push(packet(Codec::Jpeg, 7, true)).unwrap();
        let mut viewer = fan_out.join();
        assert!(fan_out.take_refresh_request().is_none());
        assert_eq!(taken(&mut viewer), [7]);

        fan_out.push(packet(Codec::H264, 8, false)).unwrap();
        let mut late = fan_out.join();
        assert!(fan_out.take_refresh_request().is_some());
        assert!(fan_out.take_refresh_request().is_none());
        fan_out.push(packet(Codec::H264, 9, false)).unwrap();
        assert!(taken(&mut late).is_empty());
        fan_out.push(packet(Codec::H264, 10, true)).unwrap();
        assert_eq!(taken(&mut late), [10]);
    }

    #[test]
    fn an_audience_of_nobody_keeps_no_picture() {
        let mut fan_out = FanOut::new(2);
        let viewer = fan_out.join();
        fan_out.push(packet(Codec::Jpeg, 1, true)).unwrap();
        assert!(fan_out.is_watched() && fan_out.latest().is_some());
        drop(viewer);
        assert!(!fan_out.is_watched() && fan_out.latest().is_none());
        let _late = fan_out.join();
        assert!(fan_out.take_refresh_request().is_some());
    }

    #[test]
    fn viewers_leave_and_streams_end() {
        let fan_out = FanOut::new(1);
        let mut viewer = fan_out.join();
        drop(fan_out.join());
        assert_eq!(fan_out.viewers(), 1);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(viewer.poll_packet(&mut cx).is_pending());
        drop(fan_out);
        assert!(matches!(viewer.poll_packet(&mut cx), Poll::Ready(None)));
    }

    proptest! {
        /// Whatever a viewer of H.264 misses, what it gets can be decoded: each picture is a key picture or
        /// follows the one before it without a gap.
        #[test]
        fn a_viewer_never_gets_a_picture_it_cannot_decode(
            bound in 1_usize..5,
            steps in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 0..200),
        ) {
            let mut fan_out = FanOut::new(bound);
            let mut viewer = fan_out.join();
            let (mut last, mut lost) = (None, true);
            for (sequence, (spontaneous, takes, asks)) in (0..).zip(steps) {
                let is_keyframe = fan_out.take_refresh_request().is_some() || spontaneous;
                fan_out.push(packet(Codec::H264, sequence, is_keyframe)).unwrap();
                prop_assert!(lock(&viewer.queue).packets.len() <= bound);
                if takes {
                    while let Some(packet) = viewer.try_packet() {
                        prop_assert!(packet.is_keyframe || (!lost && last == Some(packet.sequence - 1)));
                        (last, lost) = (Some(packet.sequence), false);
                    }
                }
                if asks {
                    viewer.request_keyframe();
                }
            }
        }
    }
}
