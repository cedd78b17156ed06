//! How much a line carries, and what to take back where that is less than the pictures need.

use std::collections::VecDeque;
use std::time::Duration;

use kvm_capture::Timestamp;

use crate::{Acknowledged, Drops};

/// Adapts the stream to what a viewer's line carries, by its acknowledgements. In short: no limit until queues show one,
/// 85 % of what is delivered then, and growth while none shows.
///
/// # What is measured
///
/// Each acknowledgement tells how long a packet was on its way (*round trip*) and, if the line was busy all along,
/// how fast it *delivers*: the bytes that arrived since the acknowledgement before, by the time between. Of the last nine
/// such measurements the median counts, so that one stall says nothing about what comes after it. A round trip less
/// the time that the packet's own bytes take at that speed is the line's delay and time in queues; the least of the
/// last ten to twenty seconds is the delay.
///
/// # The law
///
/// There is no limit until the line shows one. With `queued` the time in queues, `base` the line's delay and `delivered` the
/// median:
///
/// * `queued` > 50 ms + `base` / 4, or less and the viewer's queue dropped packets: the limit becomes 85 % of
///   `delivered`, times 500 ms / (500 ms + `queued`) but no less than half of it, and at most 95 % of
///   what it was. Then it stays until a packet comes back that was handed out after that.
/// * `queued` below half of that, and the limit is used: it grows, by e⁴ a second up to 90 % of `delivered`, beyond
///   that, where it only tries, by a quarter a second and more with the square of the seconds without a queue.
///   Beyond [`RateControl::UNLIMITED`] there is none any more.
/// * Else it stays.
///
/// The longer the queue, the more room is left to empty it, so that it is gone in half a second or so; growth is slow
/// near what was delivered last, and fast far below it, as after a stall. So on a steady line the limit swings between
/// 85 % of what it carries (less for a moment) and where the next queue shows, and on a fast one it never comes into being.
///
/// The bytes that may be on their way (the *window*) begin at 256 KiB, so that a line of which nothing is known is not
/// filled for seconds. Each packet that comes back without having queued adds its own bytes, which doubles the window in a
/// round trip; a limit makes it what the line carries in `base` + 150 ms,
/// but at least three of the smallest pictures, or no queue would ever tell that the limit is too high.
///
/// # What is taken back
///
/// The limit, divided by the source's frame rate, is the budget of a picture. Below 96 kB a picture, in steps down to
/// 24 kB, the quality of photos goes down; when that is used up the frame rate does, down to four a second; only then does
/// the budget shrink further. *Text is never blurred*: an encoder sends it exactly whatever its
/// [budget](crate::Encoder::set_budget), and catches up with photos later.
#[derive(Debug, Clone)]
pub struct RateControl {
    frame_interval: Duration,
    /// Bytes a second; none while the line has shown no limit.
    limit: Option<u64>,
    base: LeastRoundTrip,
    delivered: Delivered,
    drops: u64,
    /// Packets handed out before this tell of the limit before.
    lowered_at: Timestamp,
    grown_at: Timestamp,
    arrived_since_growth: u64,
    newest: Option<Acknowledged>,
    /// What the newest packet to come back spent in queues.
    queued: Duration,
    window: u64,
    quality_step: usize,
    /// A picture below which frames are left out rather than made smaller.
    smallest: u64,
}

impl RateControl {
    /// Bytes a second from which on a limit is none: a gigabit.
    pub const UNLIMITED: u64 = 125_000_000;
    /// Bytes a second below which no limit goes: a still screen's worth of text.
    pub const LEAST: u64 = 4_000;

    /// Creates a control for a source with so much time between its frames.
    pub fn new(frame_interval: Duration) -> Self {
        Self {
            frame_interval,
            limit: None,
            base: LeastRoundTrip::default(),
            delivered: Delivered::default(),
            drops: 0,
            lowered_at: Timestamp::default(),
            grown_at: Timestamp::default(),
            arrived_since_growth: 0,
            newest: None,
            queued: Duration::ZERO,
            window: FIRST_WINDOW,
            quality_step: 0,
            smallest: SMALLEST_BYTES,
        }
    }

    /// Learns from what a viewer [acknowledged](crate::Viewer::acknowledge).
    pub fn acknowledged(&mut self, arrived: &Acknowledged) {
        let now = arrived.at;
        self.delivered.learn(arrived, self.base.known());
        // What the packet itself takes at that speed is neither the line's delay nor a queue.
        let own = self.delivered.median().map_or(Duration::ZERO, |rate| time_of(arrived.bytes as u64, rate));
        let round_trip = arrived.round_trip().saturating_sub(own);
        // Beyond a second, and as long as nothing better is known, it is no line's own delay.
        let base = self.base.learn(now, round_trip).min(LONGEST_DELAY);
        self.arrived_since_growth += arrived.bytes as u64;
        self.newest = Some(*arrived);
        let tolerated = TOLERATED + base / 4;
        let queued = round_trip.saturating_sub(base);
        self.queued = queued;
        if queued > tolerated {
            if arrived.handed_at >= self.lowered_at {
                self.lower(now, queued);
            }
            (self.grown_at, self.arrived_since_growth) = (now, 0);
        } else if queued < tolerated / 2 {
            self.window = self.window.saturating_add(arrived.bytes as u64).min(LARGEST_WINDOW);
            self.grow(now);
        }
        if let Some(limit) = self.limit {
            self.window = bytes_in(limit, base + WINDOW_SLACK).max(SMALLEST_BYTES * 3);
        }
        self.step_quality();
    }

    /// Learns from the [drops](crate::Viewer::drops) of the viewer's queue so far: it was behind by more than it may be.
    pub fn dropped(&mut self, drops: Drops, now: Timestamp) {
        // What only depended on those says nothing new.
        let dropped = drops.aged + drops.crowded;
        let is_more = dropped > self.drops;
        self.drops = dropped;
        // With nothing back that was handed out under the newest limit, nothing is known of it.
        let is_judged = self.newest.is_some_and(|newest| newest.handed_at >= self.lowered_at);
        // Without queues on the way, it was the window that held packets back, and that grows.
        if is_more && is_judged && self.queued >= TOLERATED / 2 {
            self.lower(now, self.queued);
            self.step_quality();
        }
    }

    /// Takes over what a transport that estimates by itself holds the line to carry, in bytes a second, and what a
    /// picture has of late. The law above plays no part then, but that frames are left out when the line does not
    /// carry them as they are; below 24 kB they can be that small.
    pub fn estimated(&mut self, bytes_per_s: u64, picture_bytes: u64) {
        self.smallest = picture_bytes.clamp(1, SMALLEST_BYTES);
        self.limit = Some(bytes_per_s.max(Self::LEAST)).filter(|limit| *limit < Self::UNLIMITED);
        self.step_quality();
    }

    /// Bytes a second that the line carries; `None` while it has shown no limit.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Bytes that may be on their way, for [`Viewer::set_window`](crate::Viewer::set_window).
    pub fn window_bytes(&self) -> usize {
        usize::try_from(self.window).unwrap_or(usize::MAX)
    }

    /// What the stream has to keep to.
    pub fn pace(&self) -> Pace {
        let Some(limit) = self.limit else { return Pace::UNLIMITED };
        let needed = time_of(self.smallest, limit);
        let frame_interval = needed.clamp(self.frame_interval, self.frame_interval.max(LONGEST_INTERVAL));
        let is_limited = frame_interval > self.frame_interval;
        Pace {
            picture_bytes: usize::try_from(bytes_in(limit, frame_interval)).unwrap_or(usize::MAX),
            photo_quality: STEPS[self.quality_step].0,
            frame_interval: if is_limited { frame_interval } else { Duration::ZERO },
        }
    }

    fn lower(&mut self, now: Timestamp, queued: Duration) {
        let delivered = self.delivered.median().or_else(|| {
            // A line on which only one packet is on its way at a time was never busy; then this is the best guess.
            self.newest.map(|newest| per_second(newest.bytes as u64, newest.round_trip()))
        });
        if let Some(delivered) = delivered {
            // The longer the queue, the more room to empty it.
            let drain = u128::from(delivered) * DRAIN.as_micros() * 85
                / (DRAIN + queued.min(DRAIN)).as_micros()
                / 100;
            let drain = u64::try_from(drain).unwrap_or(u64::MAX);
            let lower = self.limit.map_or(u64::MAX, |limit| limit / 100 * 95);
            self.limit = Some(drain.min(lower).max(Self::LEAST));
            self.lowered_at = now;
        }
        (self.grown_at, self.arrived_since_growth) = (now, 0);
    }

    fn grow(&mut self, now: Timestamp) {
        let Some(limit) = self.limit else { return };
        let elapsed = now.saturating_since(self.grown_at);
        if elapsed < GROWTH_PAUSE {
            return;
        }
        let is_used = self.arrived_since_growth * 3 >= bytes_in(limit, elapsed);
        (self.grown_at, self.arrived_since_growth) = (now, 0);
        if !is_used {
            return;
        }
        let known = self.delivered.median().map(|delivered| delivered.saturating_mul(90) / 100);
        let step = elapsed.min(GROWTH_PAUSE * 4);
        let grown = match known {
            Some(known) if limit < known => {
                limit.saturating_add(bytes_in(limit.saturating_mul(4), step)).min(known)
            }
            Some(_) => {
                // The longer no queue shows, the less is what was delivered once worth.
                let seconds = now.saturating_since(self.lowered_at).as_secs().min(8);
                limit.saturating_add(bytes_in(limit / 16 * (4 + seconds * seconds), step).max(1))
            }
            None => limit.saturating_add(bytes_in(limit.saturating_mul(4), step)),
        };
        self.limit = Some(grown).filter(|grown| *grown < Self::UNLIMITED);
    }

    /// Takes the quality that the budget is worth; a better one only when there is some to spare, so that it does not
    /// change to and fro.
    fn step_quality(&mut self) {
        let budget = self.limit.map_or(u64::MAX, |limit| bytes_in(limit, self.frame_interval));
        let wanted =
            |budget: u64| STEPS.iter().position(|(_, bytes)| budget >= *bytes).unwrap_or(STEPS.len() - 1);
        let (at_least, at_most) = (wanted(budget.saturating_mul(5) / 6), wanted(budget));
        self.quality_step = self.quality_step.clamp(at_most, at_least);
    }
}

/// What a stream has to keep to for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// About how many bytes a picture may have, as [`Encoder::set_budget`](crate::Encoder::set_budget) takes them; `usize::MAX` without a limit.
    pub picture_bytes: usize,
    /// The quality for photos, on the scale of JPEG encoders, where the encoder does not choose its own by the
    /// budget.
    pub photo_quality: u8,
    /// The least time between pictures; zero without a limit.
    pub frame_interval: Duration,
}

impl Pace {
    /// Everything the source gives, at the best quality.
    pub const UNLIMITED: Self =
        Self { picture_bytes: usize::MAX, photo_quality: STEPS[0].0, frame_interval: Duration::ZERO };

    /// The pace that suits the faster of two lines. A stream that keeps to the fastest of its viewers' paces delays none of
    /// them; slower ones drop by their own policy.
    #[must_use]
    pub fn faster(self, other: Self) -> Self {
        Self {
            picture_bytes: self.picture_bytes.max(other.picture_bytes),
            photo_quality: self.photo_quality.max(other.photo_quality),
            frame_interval: self.frame_interval.min(other.frame_interval),
        }
    }
}

/// The least round trip, over the time since the middle of the window before.
#[derive(Debug, Clone, Default)]
struct LeastRoundTrip {
    since: Option<Timestamp>,
    current: Option<Duration>,
    before: Option<Duration>,
}

impl LeastRoundTrip {
    fn learn(&mut self, now: Timestamp, round_trip: Duration) -> Duration {
        let since = *self.since.get_or_insert(now);
        if now.saturating_since(since) >= BASE_WINDOW {
            (self.since, self.before) = (Some(now), self.current.take());
        }
        let current = self.current.map_or(round_trip, |least| least.min(round_trip));
        self.current = Some(current);
        self.known()
    }

    fn known(&self) -> Duration {
        [self.before, self.current].into_iter().flatten().min().unwrap_or(Duration::ZERO)
    }
}

/// How fast a busy line delivered, a few times.
#[derive(Debug, Clone, Default)]
struct Delivered {
    rates: VecDeque<u64>,
    // The acknowledgement that the measurement at hand starts with, and what came since.
    since: Option<Timestamp>,
    bytes: u64,
}

impl Delivered {
    fn learn(&mut self, arrived: &Acknowledged, delay: Duration) {
        // The line was still busy with the packet before when it got this one: it was so for as long as that
        // packet's acknowledgement came later than the delay.
        let was_busy = self.since.is_some_and(|since| since.saturating_since(arrived.handed_at) > delay);
        if !was_busy {
            (self.since, self.bytes) = (Some(arrived.at), 0);
            return;
        }
        self.bytes += arrived.bytes as u64;
        let elapsed = self.since.map_or(Duration::ZERO, |since| arrived.at.saturating_since(since));
        // Acknowledgements that come in a bunch are one.
        if elapsed >= SHORTEST_MEASUREMENT {
            if self.rates.len() == MEASUREMENTS {
                self.rates.pop_front();
            }
            self.rates.push_back(per_second(self.bytes, elapsed));
            (self.since, self.bytes) = (Some(arrived.at), 0);
        }
    }

    fn median(&self) -> Option<u64> {
        let mut rates = [0; MEASUREMENTS];
        let rates = rates.get_mut(..self.rates.len())?;
        rates.iter_mut().zip(&self.rates).for_each(|(slot, rate)| *slot = *rate);
        rates.sort_unstable();
        rates.get(rates.len() / 2).copied()
    }
}

fn bytes_in(per_second: u64, time: Duration) -> u64 {
    let bytes = u128::from(per_second) * time.as_micros() / 1_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(bytes) * 1_000_000 / time.as_micros().max(1)).unwrap_or(u64::MAX)
}

fn time_of(bytes: u64, per_second: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / per_second.max(1))
}

/// Time in queues that is no sign of too much, on a line without delay.
const TOLERATED: Duration = Duration::from_millis(50);
/// About how long it may take to empty a queue.
const DRAIN: Duration = Duration::from_millis(500);
const FIRST_WINDOW: u64 = 256 << 10;
const LARGEST_WINDOW: u64 = 16 << 20;
const WINDOW_SLACK: Duration = Duration::from_millis(150);
const LONGEST_DELAY: Duration = Duration::from_secs(1);
const GROWTH_PAUSE: Duration = Duration::from_millis(50);
const BASE_WINDOW: Duration = Duration::from_secs(10);
const SHORTEST_MEASUREMENT: Duration = Duration::from_millis(2);
const MEASUREMENTS: usize = 9;
/// Quality of photos, and the budget of a picture from which on it is right.
const STEPS: [(u8, u64); 6] =
    [(85, 96_000), (75, 72_000), (65, 54_000), (55, 40_000), (45, 30_000), (35, SMALLEST_BYTES)];
/// A picture below which frames are left out rather than made smaller.
const SMALLEST_BYTES: u64 = 24_000;
const LONGEST_INTERVAL: Duration = Duration::from_millis(250);
