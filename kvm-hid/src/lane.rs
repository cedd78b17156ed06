//! One interface of a seat: its sink, what waits for it, and whether anybody listens.

use std::time::{Duration, Instant};

use crate::{HidError, Leds, Report, ReportQueue, ReportSink, Reports, Sent};

/// Whether anybody listens at an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a viewer is told one of these three")]
pub enum LinkState {
    /// The host fetches reports, as far as is known.
    Ready,
    /// A report has waited for longer than hosts take. The host sleeps, or has no driver for the interface.
    NotPolling,
    /// No host is there: the gadget is unbound or the cable is out.
    Detached,
}

/// A sink with its queue.
#[derive(Debug)]
pub(crate) struct Lane {
    sink: Box<dyn ReportSink>,
    queue: ReportQueue,
    link: LinkState,
    /// When the report at the front was first refused.
    busy_since: Option<Instant>,
    /// When a detached sink is asked again.
    retry_at: Option<Instant>,
}

impl Lane {
    /// A lane that first tells the host that nothing is down, because whoever used the sink before may have
    /// died with a key down.
    pub(crate) fn new(sink: Box<dyn ReportSink>, at_rest: AtRest) -> Self {
        let mut lane = Self {
            sink,
            queue: ReportQueue::with_capacity(CAPACITY),
            link: LinkState::Ready,
            busy_since: None,
            retry_at: None,
        };
        lane.start_over(at_rest);
        lane
    }

    pub(crate) fn sink(&self) -> &dyn ReportSink {
        &*self.sink
    }

    pub(crate) fn link(&self) -> LinkState {
        self.link
    }

    pub(crate) fn queue(&self) -> &ReportQueue {
        &self.queue
    }

    pub(crate) fn push(&mut self, change: Reports) {
        self.queue.push(change);
    }

    /// Asks for the lights, and whether the host is still there; see [`flush`](Self::flush) for when it is not.
    pub(crate) fn listen(&mut self, at_rest: AtRest, now: Instant) -> (Option<Leds>, Link) {
        match self.sink.try_leds() {
            Ok(_) if !self.sink.is_attached() && self.link != LinkState::Detached => {
                self.detach(at_rest, now);
                (None, Link::Broken(None))
            }
            Ok(leds) => (leds, Link::Intact),
            Err(error) => {
                self.detach(at_rest, now);
                (None, Link::Broken(Some(error)))
            }
        }
    }

    /// Whether nothing waits that the host could still be told.
    pub(crate) fn is_idle(&self) -> bool {
        self.link == LinkState::Detached || self.queue.is_empty()
    }

    /// Whether a report waits for the host to become ready.
    pub(crate) fn is_waiting(&self) -> bool {
        self.busy_since.is_some()
    }

    /// Hands the sink as much as it takes.
    ///
    /// When that shows that no host is there, what was down is so no longer, and the first thing the host hears
    /// when it is back is `at_rest`.
    pub(crate) fn flush(&mut self, at_rest: AtRest, now: Instant) -> Link {
        if self.link == LinkState::Detached && self.retry_at.is_some_and(|at| now < at) {
            return Link::Intact;
        }
        while let Some(report) = self.queue.front() {
            match self.sink.try_send(&report) {
                Ok(Sent::Accepted) => {
                    self.queue.advance();
                    self.link = LinkState::Ready;
                    self.busy_since = None;
                    self.retry_at = None;
                }
                Ok(Sent::Busy) => {
                    let since = *self.busy_since.get_or_insert(now);
                    let stalled = now.saturating_duration_since(since) >= NOT_POLLING_AFTER;
                    self.link = if stalled { LinkState::NotPolling } else { LinkState::Ready };
                    self.retry_at = Some(now + RETRY_BUSY);
                    return Link::Intact;
                }
                Ok(Sent::Detached) => {
                    self.detach(at_rest, now);
                    return Link::Broken(None);
                }
                // A sink that failed is treated as one that is away, whatever it told the host.
                Err(error) => {
                    self.detach(at_rest, now);
                    return Link::Broken(Some(error));
                }
            }
        }
        Link::Intact
    }

    /// When [`flush`](Self::flush) has to be called again, if no readiness tells of it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let Some(since) = self.busy_since else { return self.retry_at };
        let stalled = (self.link == LinkState::Ready).then(|| since + NOT_POLLING_AFTER);
        match self.sink.readiness() {
            Some(_) => stalled,
            None => self.retry_at,
        }
    }

    /// Tells the host that nothing is down, past everything that waits, as far as the sink takes it.
    pub(crate) fn abandon(&mut self, at_rest: AtRest) {
        self.start_over(at_rest);
        while let Some(report) = self.queue.front() {
            // Nothing can be done any more about a sink that refuses.
            if !matches!(self.sink.try_send(&report), Ok(Sent::Accepted)) {
                return;
            }
            self.queue.advance();
        }
    }

    fn detach(&mut self, at_rest: AtRest, now: Instant) {
        self.link = LinkState::Detached;
        self.busy_since = None;
        self.retry_at = Some(now + RETRY_DETACHED);
        self.start_over(at_rest);
    }

    fn start_over(&mut self, at_rest: AtRest) {
        self.queue.clear();
        for report in at_rest.into_iter().flatten() {
            self.queue.push(Reports::edge(report));
        }
    }
}

/// The reports that say that nothing is down on an interface.
pub(crate) type AtRest = [Option<Report>; 3];

/// What became of a lane's link.
#[derive(Debug)]
pub(crate) enum Link {
    Intact,
    Broken(Option<HidError>),
}

/// Changes a lane keeps for a host that does not fetch them: a few seconds of fast typing.
const CAPACITY: usize = 128;

/// A host polls a keyboard every 10 ms or faster. Ten polls missed is a host that does not poll.
const NOT_POLLING_AFTER: Duration = Duration::from_millis(100);

/// How soon a busy sink without a descriptor to wait on is asked again.
const RETRY_BUSY: Duration = Duration::from_millis(4);

/// How soon a sink is asked again whether its host is back.
const RETRY_DETACHED: Duration = Duration::from_millis(250);
