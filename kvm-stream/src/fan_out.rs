//! One stream of packets to many viewers.

mod clock;
mod policy;
mod queue;
mod viewer;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kvm_capture::Timestamp;

use crate::{Lacking, Packet, PacketSink, SinkError};

use clock::Clock;
pub use policy::{Drops, ViewerPolicy};
use queue::Queue;
pub use viewer::{Acknowledged, Viewer, ViewerEnd};

/// One stream of packets to any number of viewers that come and go.
///
/// A packet is encoded once and its payload shared. Each viewer has a queue of its own with a bound: one that is
/// slow loses packets of its own and never delays another. What it lost it gets again as one
/// [refresh](crate::Packet::is_refresh), made of the newest frame, when it has room for it.
///
/// A clone is another handle to the same viewers; when the last handle is gone, the viewers' streams end.
///
/// # What a viewer that loses packets gets
///
/// Packets may build on each other, so one that is lost makes those after it useless. From then on the queue keeps
/// account of what the viewer *lacks*: the tiles that the lost packets changed
/// ([`Packet::changes`]), and of those that come meanwhile. When the reader comes for a packet and finds none, that
/// is, when it has room again, the fan-out asks the encoder for a [refresh](crate::Encoder::encode_refresh) of exactly these
/// tiles, made from the newest frame. The viewer takes the refresh and goes on with the stream; those who lack
/// nothing leave the refresh out. A newcomer lacks everything. Where the codec knows no refreshes, a key picture
/// takes their place.
///
/// Refreshes cost encoding time. A newcomer is served at once; all viewers that fell behind are served together, and
/// not more often than every [`FanOut::REFRESH_PAUSE`], however slow they are.
///
/// # Time
///
/// The fan-out's clock is the packets' own: it is as late as the newest frame it heard of, by a packet or by
/// [`PacketSink::advance`] (which a pipeline calls for each frame, changed or not), and as what its viewers
/// [tell](Viewer::advance). Where a source pauses as a whole, viewers must tell the time, or what waits does not age and
/// refreshes stay asked for.
#[derive(Clone)]
pub struct FanOut {
    audience: Arc<Mutex<Audience>>,
    clock: Arc<Clock>,
    policy: ViewerPolicy,
    // The queues at hand; kept between packets for its memory.
    queues: Vec<Arc<Mutex<Queue>>>,
}

impl FanOut {
    /// The least time between two refreshes for viewers that fell behind.
    pub const REFRESH_PAUSE: Duration = Duration::from_millis(100);

    /// Creates a fan-out whose viewers, unless they [join with another policy](Self::join_with), are never more
    /// than `bound` packets behind (at least one), and none of them by more than [`ViewerPolicy::DEFAULT_MAX_AGE`].
    pub fn new(bound: usize) -> Self {
        Self {
            audience: Arc::default(),
            clock: Arc::default(),
            policy: ViewerPolicy::latest_wins(bound),
            queues: Vec::new(),
        }
    }

    /// Adds a viewer. It starts with the newest picture at once if decoding can start there, or with a refresh or
    /// key picture, which is then asked for.
    pub fn join(&self) -> Viewer {
        self.join_with(self.policy)
    }

    /// As [`join`](Self::join), with another policy.
    pub fn join_with(&self, policy: ViewerPolicy) -> Viewer {
        let mut audience = lock(&self.audience);
        let mut queue = Queue::new(policy, Arc::clone(&self.clock));
        if let Some(latest) = audience.latest.as_ref().filter(|latest| latest.is_keyframe) {
            queue.push(latest);
        }
        let queue = Arc::new(Mutex::new(queue));
        audience.queues.push(Arc::downgrade(&queue));
        Viewer::new(queue, Arc::clone(&self.clock))
    }

    /// How many viewers there are.
    pub fn viewers(&self) -> usize {
        lock(&self.audience).queues.iter().filter(|queue| queue.strong_count() > 0).count()
    }

    /// The newest packet, leaving out refreshes of parts of the picture.
    pub fn latest(&self) -> Option<Packet> {
        lock(&self.audience).latest.clone()
    }

    /// Calls `each` for the queue of every viewer, without the lock that joining takes: it may wake a viewer, and a
    /// waker is foreign code, which may well come back here.
    fn for_each(&mut self, mut each: impl FnMut(&Mutex<Queue>)) {
        let mut queues = std::mem::take(&mut self.queues);
        queues.extend(lock(&self.audience).queues.iter().filter_map(Weak::upgrade));
        for queue in queues.drain(..) {
            each(&queue);
        }
        self.queues = queues;
    }
}

impl PacketSink for FanOut {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        self.clock.advance(packet.timestamp);
        let mut audience = lock(&self.audience);
        audience.queues.retain(|queue| queue.strong_count() > 0);
        if packet.is_keyframe || !packet.is_refresh {
            audience.latest = Some(packet.clone());
        }
        drop(audience);
        self.for_each(|queue| {
            let waker = lock(queue).push(&packet);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
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

    /// What newcomers lack, which is everything; if there are none, what all that fell behind lack together.
    fn take_refresh_request(&mut self) -> Option<Lacking> {
        let mut newcomers = false;
        let mut any_lacks = false;
        self.for_each(|queue| {
            let mut queue = lock(queue);
            newcomers |= queue.take_first_request();
            any_lacks |= queue.wants_refresh();
        });
        if newcomers {
            return Some(Lacking::Everything);
        }
        let now = self.clock.now();
        let is_due = any_lacks && lock(&self.audience).may_refresh(now);
        let mut together: Option<Lacking> = None;
        if is_due {
            self.for_each(|queue| {
                let lacking = lock(queue).take_request();
                together = match (together.take(), lacking) {
                    (Some(one), Some(other)) => Some(one.union(other)),
                    (one, other) => one.or(other),
                };
            });
        }
        together
    }

    fn advance(&mut self, now: Timestamp) -> Result<(), SinkError> {
        self.clock.advance(now);
        Ok(())
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("viewers", &self.viewers())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The viewers and what a newcomer starts with.
#[derive(Default)]
struct Audience {
    queues: Vec<Weak<Mutex<Queue>>>,
    latest: Option<Packet>,
    // When a refresh was last asked for, for viewers that fell behind.
    refreshed_at: Option<Timestamp>,
}

impl Audience {
    /// Whether it is time for another refresh, which then counts as asked for.
    fn may_refresh(&mut self, now: Timestamp) -> bool {
        let is_due = self.refreshed_at.is_none_or(|at| now.saturating_since(at) >= FanOut::REFRESH_PAUSE);
        if is_due {
            self.refreshed_at = Some(now);
        }
        is_due
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        for queue in self.queues.iter().filter_map(Weak::upgrade) {
            let waker = lock(&queue).end();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
