//! The picture thread: it drives the pipelines, and waits when there is nothing to do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kvm_capture::{Captured, Frame, FrameFormat, Timestamp};
use kvm_examples::inbox::{Inbox, Outbox, WokenBy, inbox};
use kvm_examples::report::{chain, complain};
use kvm_stream::Tiles;
use rustix::event::PollFlags;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{oneshot, watch};

use crate::state::{Format, PictureStats, Signal};
use crate::tracks::{Round, Tracks};

/// What is known about the picture, for the sockets.
#[derive(Debug, Clone)]
pub(crate) struct PictureState {
    pub(crate) signal: Signal,
    pub(crate) format: Option<Format>,
    pub(crate) stats: PictureStats,
}

/// What others ask of the thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// A viewer asks for a picture that decoding can start at; its pipeline sees to it.
    Look,
    /// Somebody wants the newest frame, for a moment: it is one of the source's buffers.
    Frame(oneshot::Sender<Frame>),
    /// The thread ends.
    Stop,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) commands: Outbox<Command>,
    pub(crate) state: watch::Receiver<PictureState>,
    pub(crate) newest: Newest,
    thread: JoinHandle<()>,
}

impl Picture {
    /// Starts the thread.
    pub(crate) fn start(tracks: Tracks) -> io::Result<Self> {
        let (commands, inbox) = inbox()?;
        let (publish, state) = watch::channel(PictureState {
            signal: Signal::waiting(),
            format: None,
            stats: PictureStats::default(),
        });
        let newest = Newest::default();
        let projection =
            Projection { tracks, publish, newest: newest.clone(), tally: Tally::new(Instant::now()) };
        let thread =
            thread::Builder::new().name("picture".to_owned()).spawn(move || projection.run(&inbox))?;
        Ok(Self { commands, state, newest, thread })
    }

    /// Ends the thread and waits until the source is closed. Answers whether it ended well.
    pub(crate) fn wait_end(self) -> bool {
        self.commands.send(Command::Stop);
        self.thread.join().is_ok()
    }
}

/// When the newest frame was captured, changed or not: up to then, the picture that was sent last is what the
/// screen showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Newest(Arc<AtomicU64>);

impl Newest {
    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn is(&self, frame: &Frame) {
        self.0.store(frame.timestamp().as_micros(), Ordering::Relaxed);
    }
}

/// The capture drivers' clock, CLOCK_MONOTONIC, now.
pub(crate) fn capture_clock() -> Timestamp {
    let now = clock_gettime(ClockId::Monotonic);
    // The clock starts at zero and its nanoseconds are fewer than a billion.
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    Timestamp::from_micros(seconds.saturating_mul(1_000_000) + nanos / 1000)
}

/// The thread's own state.
#[derive(Debug)]
struct Projection {
    tracks: Tracks,
    publish: watch::Sender<PictureState>,
    newest: Newest,
    tally: Tally,
}

impl Projection {
    fn run(mut self, inbox: &Inbox<Command>) {
        // Where there is one processor, keys go before pictures. That it is refused changes only that.
        let _ = rustix::process::nice(NICE);
        let mut false_alarms = 0;
        loop {
            while let Some(command) = inbox.next() {
                match command {
                    // The step below looks.
                    Command::Look => {}
                    Command::Frame(answer) => {
                        // Without a picture the answer is dropped, which is an answer; whoever asked may be gone.
                        if let Some(frame) = self.tracks.frame() {
                            let _ = answer.send(frame.clone());
                        }
                    }
                    Command::Stop => return,
                }
            }
            let rest = match self.tracks.step() {
                Ok(None) => Some(POLL),
                Ok(Some(round)) => {
                    false_alarms = 0;
                    self.note(round);
                    None
                }
                Err(error) => {
                    self.fail(chain(&error));
                    Some(AFTER_FAILURE)
                }
            };
            self.tally.close_second(Instant::now(), &self.publish);
            let Some(rest) = rest else { continue };
            let woken = match self.tracks.readiness() {
                Some(source) if rest == POLL && false_alarms < FALSE_ALARMS => {
                    inbox.wait([(source, PollFlags::IN | PollFlags::PRI)], Some(SECOND))
                }
                _ => {
                    false_alarms = 0;
                    inbox.wait([], Some(rest))
                }
            };
            match woken {
                // A source that says "ready" and has nothing would have this thread spin.
                Ok(WokenBy::Device | WokenBy::BrokenDevice) => false_alarms += 1,
                Ok(WokenBy::Time | WokenBy::Command) => {}
                Err(error) => {
                    self.fail(error.to_string());
                    thread::sleep(AFTER_FAILURE);
                }
            }
        }
    }

    fn note(&mut self, round: Round) {
        if round.is_compared {
            self.tally.add(&round);
        }
        match round.captured {
            Some(Captured::Frame(frame)) => {
                self.newest.is(&frame);
                self.tally.captured += 1;
                self.tally.tiles = tiles(frame.format());
                // There are frames, so there is a signal, whether the source says so first or not.
                self.show(Signal::LIVE, Some(frame.format()));
            }
            Some(Captured::SignalChanged(format)) => self.show(Signal::LIVE, Some(format)),
            Some(Captured::SignalLost(loss)) => self.show(Signal::lost(loss), None),
            Some(Captured::Starved { .. }) => self.tally.starved += 1,
            _ => {}
        }
    }

    fn fail(&mut self, chain: String) {
        let signal = Signal::failed(chain);
        if self.publish.borrow().signal != signal {
            complain("picture", signal.reason.as_deref().unwrap_or_default());
        }
        self.show(signal, None);
    }

    fn show(&self, signal: Signal, format: Option<FrameFormat>) {
        let format = format.map(Format::from);
        self.publish.send_if_modified(|state| {
            let changed = state.signal != signal || state.format != format;
            (state.signal, state.format) = (signal, format);
            changed
        });
    }
}

/// What is counted, and published once a second.
#[derive(Debug)]
struct Tally {
    since: Instant,
    captured: u32,
    compared: u32,
    sent: u32,
    bytes: u64,
    diff: Duration,
    encode: Duration,
    changed_tiles: u64,
    tiles: u64,
    unchanged: u64,
    starved: u64,
}

impl Tally {
    fn new(since: Instant) -> Self {
        Self {
            since,
            captured: 0,
            compared: 0,
            sent: 0,
            bytes: 0,
            diff: Duration::ZERO,
            encode: Duration::ZERO,
            changed_tiles: 0,
            tiles: 0,
            unchanged: 0,
            starved: 0,
        }
    }

    fn add(&mut self, round: &Round) {
        self.compared += 1;
        self.diff += round.times.diff;
        if round.is_encoded {
            self.changed_tiles = round.changed_tiles;
            self.sent += 1;
            self.bytes += round.bytes as u64;
            self.encode += round.times.encode;
        } else {
            self.unchanged += 1;
        }
    }

    fn close_second(&mut self, now: Instant, publish: &watch::Sender<PictureState>) {
        let past = now.saturating_duration_since(self.since);
        if past < SECOND {
            return;
        }
        let per_second = |count: u32| (f64::from(count) / past.as_secs_f64() * 10.0).round() / 10.0;
        let mean = |total: Duration, count: u32| micros(total.checked_div(count).unwrap_or_default());
        let stats = PictureStats {
            captured_fps: per_second(self.captured),
            sent_fps: per_second(self.sent),
            bytes_per_s: self.bytes * 1_000_000 / micros(past).max(1),
            changed_tiles: self.changed_tiles,
            tiles: self.tiles,
            diff_us: mean(self.diff, self.compared),
            encode_us: mean(self.encode, self.sent),
            unchanged: self.unchanged,
            starved: self.starved,
        };
        publish.send_modify(|state| state.stats = stats);
        *self = Self {
            tiles: self.tiles,
            changed_tiles: self.changed_tiles,
            unchanged: self.unchanged,
            starved: self.starved,
            ..Self::new(now)
        };
    }
}

/// Microseconds as the statistics have them.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn tiles(format: FrameFormat) -> u64 {
    let across = |side: u32| u64::from(side.div_ceil(Tiles::TILE_PX));
    across(format.width_px) * across(format.height_px)
}

/// How soon a source is asked again that has no descriptor to wait on.
const POLL: Duration = Duration::from_millis(4);
const SECOND: Duration = Duration::from_secs(1);
/// How soon is gone on after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How much this thread stands back, on the scale of nice(1).
const NICE: i32 = 10;
/// Times that a source may say "ready" in vain before it is asked at the pace of one without a descriptor.
const FALSE_ALARMS: u32 = 4;
