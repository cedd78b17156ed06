//! From a source over the difference and an encoder to sinks.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{CaptureError, Captured, Frame, FrameFormat, FrameSource, SignalLoss, Timestamp};

use crate::{Damage, EncodeError, Encoder, Lacking, Pace, Packet, PacketSink, SinkError, TileDiff};

mod metronome;

use metronome::Metronome;

/// The way of a frame: source → difference → encoder → sinks.
///
/// Driven by [`step`](Self::step), which never blocks; whoever drives waits on [`readiness`](Self::readiness). A
/// frame that does not differ from the one before is neither encoded nor sent, and while nobody watches none is even
/// compared. A sink that breaks is taken out and told; the others go on.
///
/// With a [pace](Self::set_pace) that leaves frames out, the newest wins: a frame that comes too early is held
/// unseen until its turn or until a newer one takes its place. What is compared is always the frame at hand with the last one
/// that was *encoded*, so what happened in between is in the damage, exactly and for the price of one comparison.
pub struct Pipeline {
    source: Box<dyn FrameSource>,
    diff: TileDiff,
    encoder: Box<dyn Encoder>,
    sinks: Sinks,
    clock: Option<fn() -> Instant>,
    metronome: Metronome,
    /// A frame that came before its turn.
    early: Option<Frame>,
    /// Whether the encoder's view of the screen may be out of date, so that everything has to be encoded.
    is_stale: bool,
}

impl Pipeline {
    /// Joins a source and an encoder.
    pub fn new(source: Box<dyn FrameSource>, encoder: Box<dyn Encoder>) -> Self {
        Self {
            source,
            diff: TileDiff::new(),
            encoder,
            sinks: Sinks::default(),
            clock: None,
            metronome: Metronome::default(),
            early: None,
            is_stale: false,
        }
    }

    /// The same with a clock by which its stages are timed; without one their times are zero.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Instant) -> Self {
        self.clock = Some(clock);
        self.sinks.clock = Some(clock);
        self
    }

    /// The same with a comparison that was told something, such as to
    /// [let noise go](crate::Sensitivity::Automatic); exact and with motion otherwise.
    #[must_use]
    pub fn with_difference(mut self, diff: TileDiff) -> Self {
        self.diff = diff;
        self
    }

    /// Adds a sink. It gets packets from the next picture on, and the pictures it asks for.
    pub fn add_sink(&mut self, sink: Box<dyn PacketSink>) -> SinkId {
        let id = SinkId(self.sinks.next_id);
        self.sinks.next_id += 1;
        self.sinks.attached.push((id, sink));
        id
    }

    /// Takes a sink out; `None` if it is not there any more, because it broke.
    pub fn remove_sink(&mut self, id: SinkId) -> Option<Box<dyn PacketSink>> {
        let index = self.sinks.attached.iter().position(|(attached, _)| *attached == id)?;
        Some(self.sinks.attached.remove(index).1)
    }

    /// Keeps to a pace: a budget for the encoder, and a least time between pictures, by the frames' own timestamps.
    ///
    /// Where a source pauses as a whole, the last frame before the pause may be one that came too early. With a
    /// [clock](Self::with_clock) it is encoded when its turn has come; without one, when the next frame comes.
    pub fn set_pace(&mut self, pace: Pace) {
        self.encoder.set_budget(pace.picture_bytes);
        self.metronome.set_interval(pace.frame_interval);
    }

    /// About how many bytes each of the next pictures may have; see [`Encoder::set_budget`].
    pub fn set_budget(&mut self, picture_bytes: usize) {
        self.encoder.set_budget(picture_bytes);
    }

    /// The newest frame. To hold a clone of it is to hold one of the source's buffers.
    pub fn frame(&self) -> Option<&Frame> {
        self.early.as_ref().or(self.diff.previous())
    }

    /// What to wait on before the next step, as [`FrameSource::readiness`].
    pub fn readiness(&self) -> Option<BorrowedFd<'_>> {
        self.source.readiness()
    }

    /// Takes what the source has, encodes what changed and pushes it to the sinks.
    ///
    /// One of the sinks asking for a key picture makes one at once, from the newest frame, even if no new one
    /// came.
    ///
    /// # Errors
    ///
    /// The source failed, the encoder failed or a sink broke and was taken out. The next step may be made.
    pub fn step(&mut self) -> Result<Step, PipelineError> {
        if let Some(lacking) = self.sinks.take_refresh_request() {
            match self.diff.previous().cloned() {
                Some(frame) if !self.is_stale => return self.refresh(&frame, &lacking),
                Some(frame) => {
                    let format = frame.format();
                    self.encoder.request_keyframe();
                    let damage = Damage::full(format.width_px, format.height_px);
                    return self.encode(&frame, damage, Duration::ZERO);
                }
                None => self.encoder.request_keyframe(),
            }
        }
        if let Some(frame) = self.early.take_if(|_| self.metronome.is_due_by(self.clock.map(|clock| clock())))
        {
            return self.take(frame);
        }
        let step = match self.source.poll_capture()? {
            None => return Ok(Step::Idle),
            Some(Captured::Frame(frame)) => {
                self.sinks.tell_time(frame.timestamp());
                return match self.sinks.broken.pop() {
                    // The frame is not lost: it is the first that comes next.
                    Some((id, source)) => {
                        self.metronome.hurry();
                        self.early = Some(frame);
                        Err(PipelineError::Sink { id, source })
                    }
                    None => self.arrive(frame),
                };
            }
            Some(Captured::SignalChanged(format)) => Step::SignalChanged(format),
            Some(Captured::SignalLost(loss)) => Step::SignalLost(loss),
            Some(Captured::Starved { held }) => {
                // One of the buffers is held for a frame that waits for its turn: it waits no longer.
                self.metronome.hurry();
                return Ok(Step::Starved { held });
            }
            // A word that a later kvm-capture adds says nothing about pictures this pipeline holds.
            Some(_) => return Ok(Step::Idle),
        };
        self.diff.forget();
        self.early = None;
        Ok(step)
    }

    fn arrive(&mut self, frame: Frame) -> Result<Step, PipelineError> {
        if self.metronome.is_due(frame.timestamp()) {
            self.early = None;
            return self.take(frame);
        }
        self.early = Some(frame);
        Ok(Step::Deferred)
    }

    fn take(&mut self, frame: Frame) -> Result<Step, PipelineError> {
        if !self.sinks.is_watched() {
            self.diff.hold(frame);
            self.is_stale = true;
            return Ok(Step::Unwatched);
        }
        let start = self.now();
        let mut damage = self.diff.compare(frame.clone());
        let diff = self.since(start);
        if self.is_stale {
            let format = frame.format();
            damage = Damage::full(format.width_px, format.height_px);
        } else if damage.is_empty() && !self.encoder.has_backlog() {
            let times = StageTimes { captured: frame.timestamp(), diff, ..StageTimes::default() };
            return Ok(Step::Unchanged { times });
        }
        self.encode(&frame, damage, diff)
    }

    fn encode(&mut self, frame: &Frame, damage: Damage, diff: Duration) -> Result<Step, PipelineError> {
        let start = self.now();
        self.is_stale = true;
        self.encoder.encode(frame, &damage, &mut self.sinks)?;
        self.is_stale = false;
        let now = self.clock.map(|clock| clock());
        self.metronome.beat(frame.timestamp(), now);
        self.encoded(frame, damage, diff, start)
    }

    /// Encodes for those who asked what they lack.
    fn refresh(&mut self, frame: &Frame, lacking: &Lacking) -> Result<Step, PipelineError> {
        let start = self.now();
        let format = frame.format();
        let damage = lacking.damage(format.width_px, format.height_px);
        self.is_stale = true;
        self.encoder.encode_refresh(frame, &damage, &mut self.sinks)?;
        self.is_stale = false;
        self.encoded(frame, damage, Duration::ZERO, start)
    }

    fn encoded(
        &mut self,
        frame: &Frame,
        damage: Damage,
        diff: Duration,
        start: Option<Instant>,
    ) -> Result<Step, PipelineError> {
        let push = std::mem::take(&mut self.sinks.pushed_for);
        let encode = self.since(start).saturating_sub(push);
        let bytes = std::mem::take(&mut self.sinks.pushed_bytes);
        let times = StageTimes { captured: frame.timestamp(), diff, encode, push };
        match self.sinks.broken.pop() {
            Some((id, source)) => Err(PipelineError::Sink { id, source }),
            None => Ok(Step::Encoded { damage, bytes, times }),
        }
    }

    fn now(&self) -> Option<Instant> {
        self.clock.map(|clock| clock())
    }

    fn since(&self, start: Option<Instant>) -> Duration {
        match (start, self.now()) {
            (Some(start), Some(now)) => now.saturating_duration_since(start),
            _ => Duration::ZERO,
        }
    }
}

impl Declare for Pipeline {
    /// What source and encoder declare. A sink that needs a capability was built with its grant.
    fn capabilities(&self) -> CapabilitySet {
        self.source.capabilities().union(self.encoder.capabilities())
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("source", &self.source)
            .field("encoder", &self.encoder)
            .field("sinks", &self.sinks.attached.len())
            .finish_non_exhaustive()
    }
}

/// Names a sink of a [`Pipeline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SinkId(u64);

/// What one step of a [`Pipeline`] did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// The source had nothing.
    Idle,
    /// A frame came that was as the one before.
    Unchanged {
        /// How long the stages took.
        times: StageTimes,
    },
    /// A frame came that nobody is there to see.
    Unwatched,
    /// A frame came before its turn; it is held until then, unless a newer one takes its place.
    Deferred,
    /// A frame was encoded.
    Encoded {
        /// What differed from the frame before.
        damage: Damage,
        /// Bytes that went to each sink.
        bytes: usize,
        /// How long the stages took.
        times: StageTimes,
    },
    /// There is a signal, in a new format.
    SignalChanged(FrameFormat),
    /// There is no picture any more.
    SignalLost(SignalLoss),
    /// The source has no buffer left to fill.
    Starved {
        /// How many buffers are held.
        held: usize,
    },
}

/// How long the stages of one [`Step`] took, by the pipeline's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StageTimes {
    /// When the frame was captured, on the source's clock.
    pub captured: Timestamp,
    /// Comparing the frame with the one before.
    pub diff: Duration,
    /// Encoding it.
    pub encode: Duration,
    /// Handing the packets to the sinks.
    pub push: Duration,
}

/// What went wrong in one step of a [`Pipeline`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The source failed.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The encoder failed. The next frame is encoded as a whole.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A sink broke and was taken out.
    #[error("a sink broke and was taken out")]
    Sink {
        /// Which.
        id: SinkId,
        /// Why.
        source: SinkError,
    },
}

/// All sinks as one that never fails: a broken one is taken out and remembered.
#[derive(Default)]
struct Sinks {
    attached: Vec<(SinkId, Box<dyn PacketSink>)>,
    broken: Vec<(SinkId, SinkError)>,
    pushed_bytes: usize,
    pushed_for: Duration,
    clock: Option<fn() -> Instant>,
    next_id: u64,
}

impl Sinks {
    /// Tells all sinks the time; those that break are taken out and remembered.
    fn tell_time(&mut self, now: Timestamp) {
        let broken = &mut self.broken;
        self.attached.retain_mut(|(id, sink)| keep(*id, sink.advance(now), broken));
    }
}

/// Whether a sink stays, given how it took something.
fn keep(id: SinkId, taken: Result<(), SinkError>, broken: &mut Vec<(SinkId, SinkError)>) -> bool {
    taken.map_err(|error| broken.push((id, error))).is_ok()
}

impl PacketSink for Sinks {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        let start = self.clock.map(|clock| clock());
        self.pushed_bytes += packet.payload.len();
        let broken = &mut self.broken;
        self.attached.retain_mut(|(id, sink)| keep(*id, sink.push(packet.clone()), broken));
        if let (Some(start), Some(clock)) = (start, self.clock) {
            self.pushed_for += clock().saturating_duration_since(start);
        }
        Ok(())
    }

    fn take_refresh_request(&mut self) -> Option<Lacking> {
        let requests = self.attached.iter_mut().filter_map(|(_, sink)| sink.take_refresh_request());
        requests.reduce(Lacking::union)
    }

    fn is_watched(&mut self) -> bool {
        self.attached.iter_mut().any(|(_, sink)| sink.is_watched())
    }
}
