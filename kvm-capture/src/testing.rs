//! What every source of frames must do, as a function that checks it.
//!
//! For implementations of [`FrameSource`], in this crate and outside. Unlike the rest of the
//! crate it waits and reads a clock, because how long a poll takes is one of the things checked.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use crate::{CaptureError, Captured, Frame, FrameFormat, FrameSource, SignalLoss, Timestamp};

/// How [`check_source`] goes about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Frames to take in each of the parts of the check.
    pub frames: usize,
    /// Frames to hold at most while looking whether the source starves. More than any driver's queue by default.
    pub most_held: usize,
    /// A source that says nothing for longer is taken to be dead.
    pub longest_silence: Duration,
}

impl CheckOptions {
    /// 60 frames, at most 34 held, silence of 5 s.
    pub const fn new() -> Self {
        Self { frames: 60, most_held: 34, longest_silence: Duration::from_secs(5) }
    }

    /// The same with another number of frames.
    #[must_use]
    pub const fn with_frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// The same with another number of frames held at most.
    #[must_use]
    pub const fn with_most_held(self, most_held: usize) -> Self {
        Self { most_held, ..self }
    }
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks that a source does what [`FrameSource`] promises. It must have a signal and not end meanwhile.
///
/// * A poll never blocks, and [`readiness`](FrameSource::readiness) is ready when there is something, and not
///   all the time.
/// * Frames are of the format that was announced, can be read to their last row, and are numbered and dated in
///   order.
/// * A frame that is held does not change while the source goes on, on another thread, and when the source is
///   gone.
/// * A source whose buffers are all held says so, once and with the right number; every buffer comes back when
///   its frame is dropped, on whichever thread, and frames go on.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn check_source(source: Box<dyn FrameSource>, options: &CheckOptions) -> Result<Checked, Violation> {
    let mut check = Check {
        source,
        options,
        checked: Checked::default(),
        begun: Instant::now(),
        blocked: Duration::ZERO,
        announced: None,
        last: None,
        starved: None,
    };
    for _ in 0..options.frames {
        check.next_frame()?;
    }
    // Twice, because a buffer that does not come back is missed the second time.
    let buffers = check.hold_all()?;
    if check.hold_all()? != buffers {
        return Err(Violation::Buffers("not as many frames could be held a second time"));
    }
    check.checked.buffers = buffers;
    check.hold_one_while_others_pass()?;
    check.outlive()
}

/// What [`check_source`] found in passing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Checked {
    /// Frames taken.
    pub frames: usize,
    /// Polls made.
    pub polls: usize,
    /// The longest that one of them slept.
    pub longest_sleep: Duration,
    /// Frames that could be held before the source starved; `None` if it does not.
    pub buffers: Option<usize>,
    /// The format of the last frame.
    pub format: Option<FrameFormat>,
    /// Frames the numbering says were left out.
    pub gaps: u64,
}

/// What a source does wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Polls sleep where they should answer that there is nothing yet.
    #[error("{polls} polls slept for {slept:?}, most of the time there was")]
    Blocked {
        /// Polls made.
        polls: usize,
        /// How long they slept in all.
        slept: Duration,
    },
    /// Nothing comes.
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    /// The descriptor is ready again and again, and a poll gives nothing.
    #[error("it says that it is ready all the time")]
    AlwaysReady,
    /// The source answered an error.
    #[error("a poll failed")]
    Poll(#[from] CaptureError),
    /// There is no signal to check with.
    #[error("the signal is lost: {0}")]
    Lost(SignalLoss),
    /// A frame is not as it should be.
    #[error("{frame:?} {what}")]
    Frame {
        /// The frame.
        frame: Box<Frame>,
        /// What it does.
        what: &'static str,
    },
    /// Buffers do not come and go as they should.
    #[error("{0}")]
    Buffers(&'static str),
}

struct Check<'a> {
    source: Box<dyn FrameSource>,
    options: &'a CheckOptions,
    checked: Checked,
    begun: Instant,
    /// How long polls have slept in all.
    blocked: Duration,
    announced: Option<FrameFormat>,
    /// Number and time of the frame before.
    last: Option<(u64, Timestamp)>,
    /// How many buffers it said were held, since the last frame.
    starved: Option<usize>,
}

impl Check<'_> {
    /// Takes the next frame, and looks at it.
    fn next_frame(&mut self) -> Result<Frame, Violation> {
        match self.next()? {
            Some(frame) => Ok(frame),
            None => Err(Violation::Buffers("it says it starves, and no frame is held")),
        }
    }

    /// Takes the next frame; `None` if the source says that it starves.
    fn next(&mut self) -> Result<Option<Frame>, Violation> {
        let begin = Instant::now();
        let mut idle_wakes = 0;
        loop {
            match self.poll()? {
                Some(Captured::Frame(frame)) => {
                    self.starved = None;
                    return self.look_at(frame).map(Some);
                }
                Some(Captured::SignalChanged(format)) => self.announced = Some(format),
                Some(Captured::SignalLost(reason)) => return Err(Violation::Lost(reason)),
                Some(Captured::Starved { held }) => {
                    if self.starved.replace(held).is_some() {
                        return Err(Violation::Buffers("it says more than once that it starves"));
                    }
                    return Ok(None);
                }
                None => {
                    let left = self.options.longest_silence.checked_sub(begin.elapsed());
                    let left = left.ok_or(Violation::Silent(self.options.longest_silence))?;
                    if self.wait(left) {
                        idle_wakes += 1;
                    }
                    if idle_wakes > MOST_IDLE_WAKES {
                        return Err(Violation::AlwaysReady);
                    }
                }
            }
        }
    }

    fn poll(&mut self) -> Result<Option<Captured>, Violation> {
        let (begin, computing_before, sleeps_before) = (Instant::now(), computing(), sleeps());
        let captured = self.source.poll_capture()?;
        let waited = begin.elapsed().saturating_sub(computing().saturating_sub(computing_before));
        self.checked.polls += 1;
        // A thread that was only put aside for another one has not slept.
        if sleeps().is_none_or(|after| Some(after) != sleeps_before) {
            self.blocked += waited;
            self.checked.longest_sleep = self.checked.longest_sleep.max(waited);
        }
        // A driver may take a lock for a moment. A source that waits for its frames does nothing else.
        if self.checked.polls >= FEWEST_POLLS && self.blocked > self.begun.elapsed() / 2 {
            return Err(Violation::Blocked { polls: self.checked.polls, slept: self.blocked });
        }
        Ok(captured)
    }

    /// Waits until the source is ready; whether its descriptor said so.
    fn wait(&self, at_most: Duration) -> bool {
        let Some(readiness) = self.source.readiness() else {
            std::thread::sleep(Duration::from_millis(1).min(at_most));
            return false;
        };
        let mut waiting = [PollFd::new(&readiness, PollFlags::IN | PollFlags::PRI)];
        let at_most = Timespec::try_from(at_most).ok();
        poll(&mut waiting, at_most.as_ref()).is_ok_and(|ready| ready > 0)
    }

    fn look_at(&mut self, frame: Frame) -> Result<Frame, Violation> {
        let problem = match self.last {
            Some((number, _)) if frame.sequence() <= number => Some("is not numbered above the one before"),
            Some((_, time)) if frame.timestamp() < time => Some("is dated before the one before"),
            _ if self.announced.is_some_and(|format| format != frame.format()) => {
                Some("is not of the format that was announced")
            }
            _ if frame.format().pixel.is_compressed() != frame.image().is_none() => {
                Some("has an image although compressed, or none although raw")
            }
            _ if frame.compressed().is_some_and(|bytes| !bytes.starts_with(&[0xff, 0xd8])) => {
                Some("is no JPEG picture")
            }
            _ => None,
        };
        if let Some(what) = problem {
            return Err(Violation::Frame { frame: Box::new(frame), what });
        }
        if let Some((number, _)) = self.last {
            self.checked.gaps += frame.sequence() - number - 1;
        }
        self.last = Some((frame.sequence(), frame.timestamp()));
        self.checked.frames += 1;
        self.checked.format = Some(frame.format());
        Ok(frame)
    }

    /// Holds frames until the source starves, then drops them, half of them on another thread.
    fn hold_all(&mut self) -> Result<Option<usize>, Violation> {
        let mut held = Vec::new();
        while held.len() < self.options.most_held {
            let Some(frame) = self.next()? else { break };
            held.push(Print::of(frame));
        }
        let starved = self.starved;
        if starved.is_some_and(|said| said != held.len()) {
            return Err(Violation::Buffers("it says that another number of frames is held than is"));
        }
        if starved.is_some() {
            for _ in 0..10 {
                match self.poll()? {
                    None => {}
                    Some(Captured::Frame(_)) => {
                        return Err(Violation::Buffers("it starves, and frames come all the same"));
                    }
                    Some(_) => return Err(Violation::Buffers("it says more than once that it starves")),
                }
            }
        }
        // The first frame that is dropped must be enough to wake the source and to get another one.
        Print::check_all(&held)?;
        if let Some(Print { frame, .. }) = held.pop() {
            drop(frame);
            self.next_frame()?;
        }
        let rest = held.split_off(held.len() / 2);
        let checked = std::thread::spawn(move || Print::check_all(&rest)).join();
        checked.map_err(|_| Violation::Buffers("a frame cannot be read on another thread"))??;
        drop(held);
        for _ in 0..self.options.frames {
            self.next_frame()?;
        }
        Ok(starved)
    }

    /// Holds one frame while many others are taken and dropped, which must neither change it nor stop them.
    fn hold_one_while_others_pass(&mut self) -> Result<(), Violation> {
        let held = [Print::of(self.next_frame()?)];
        for _ in 0..self.options.frames {
            if self.next()?.is_none() && self.checked.buffers != Some(1) {
                return Err(Violation::Buffers("one frame held starves it"));
            }
        }
        Print::check_all(&held)
    }

    /// Drops the source while a frame is held.
    fn outlive(mut self) -> Result<Checked, Violation> {
        let held = Print::of(self.next_frame()?);
        let clone = held.clone();
        drop(self.source);
        Print::check_all(&[held])?;
        let checked = std::thread::spawn(move || Print::check_all(&[clone])).join();
        checked.map_err(|_| Violation::Buffers("a frame cannot be read on another thread"))??;
        Ok(self.checked)
    }
}

impl fmt::Debug for Check<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("checked", &self.checked).finish_non_exhaustive()
    }
}

/// A frame and what its bytes were when it came.
#[derive(Clone)]
struct Print {
    frame: Frame,
    bytes: Vec<u8>,
}

impl Print {
    fn of(frame: Frame) -> Self {
        let mut bytes = Vec::with_capacity(frame.format().len_bytes());
        runs(&frame).for_each(|run| bytes.extend_from_slice(run));
        Self { frame, bytes }
    }

    fn is_unchanged(&self) -> bool {
        let mut rest = self.bytes.as_slice();
        runs(&self.frame).all(|run| {
            let as_it_was = rest.strip_prefix(run);
            rest = as_it_was.unwrap_or_default();
            as_it_was.is_some()
        })
    }

    fn check_all(prints: &[Self]) -> Result<(), Violation> {
        match prints.iter().find(|print| !print.is_unchanged()) {
            None => Ok(()),
            Some(changed) => Err(Violation::Frame {
                frame: Box::new(changed.frame.clone()),
                what: "changed while it was held",
            }),
        }
    }
}

/// Every byte of a picture: row by row without padding, or the compressed whole.
fn runs(frame: &Frame) -> impl Iterator<Item = &[u8]> {
    let planes = frame.image().into_iter().flat_map(|image| image.planes().to_vec());
    planes.flat_map(|plane| plane.rows()).chain(frame.compressed().map(|bytes| bytes.as_ref()))
}

/// How long this thread has computed. What a poll takes beyond that it has waited.
fn computing() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// How often this thread went to sleep, where the system tells (`proc_pid_status(5)`).
fn sleeps() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    count.trim().parse().ok()
}

/// Polls before it can be said that they block.
const FEWEST_POLLS: usize = 30;

/// A descriptor may be ready for nothing now and then: a tick, a buffer that came back, a damaged frame.
const MOST_IDLE_WAKES: usize = 200;
