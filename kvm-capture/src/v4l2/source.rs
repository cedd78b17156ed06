//! A V4L2 device as a source of frames.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kvm_audit::{CapabilitySet, Declare, Grant, InUse, VideoCapture};
use rustix::time::{ClockId, clock_gettime};

use super::abi::{Buffer, DvTimings};
use super::device::Device;
use super::format::Arrangement;
use super::options::V4l2Options;
use super::queue::{Lent, Queue};
use super::readiness::{Readiness, Ready};
use super::sequence::Sequence;
use super::signal::{self, Sensed};
use crate::{CaptureError, Captured, Frame, FrameFormat, FrameSource, SignalLoss, Timestamp};

/// Frames of a V4L2 capture device, lent out of the driver's buffers without copying.
///
/// The source follows the signal by itself: it sets the receiver up for what the target sends, stops when that
/// is gone, looks for it again twice a second or when the driver says so, and goes on with the new size. A
/// device that is unplugged and comes back under its path is opened again. The first thing it says is
/// [`Captured::SignalChanged`] or [`Captured::SignalLost`].
///
/// Frames may be kept, sent to other threads and outlive the source. While the source lives it is the only one
/// that streams; dropping it stops the stream and releases the device, even if frames are still held.
#[derive(Debug)]
pub struct V4l2Source {
    path: PathBuf,
    options: V4l2Options,
    in_use: InUse<VideoCapture>,
    readiness: Readiness,
    link: Link,
    /// What is to be said next, before the driver is asked again.
    pending: Option<Captured>,
    /// The loss said last, until there are frames again.
    lost: Option<SignalLoss>,
    /// The format said last.
    announced: Option<FrameFormat>,
    sequence: Sequence,
    stats: V4l2Stats,
}

impl V4l2Source {
    /// Opens a device and starts capturing, with the default [`V4l2Options`].
    ///
    /// A device without a signal opens as well, and says so.
    ///
    /// # Errors
    ///
    /// The grant does not cover the path, the device cannot be opened, is busy, or is none that captures video.
    /// [`CaptureError::advice`] says what a person can do.
    pub fn open(path: impl AsRef<Path>, grant: Grant<VideoCapture>) -> Result<Self, CaptureError> {
        Self::open_with(path, grant, &V4l2Options::new())
    }

    /// Opens a device and starts capturing as the options say.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with(
        path: impl AsRef<Path>,
        grant: Grant<VideoCapture>,
        options: &V4l2Options,
    ) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let in_use = grant.exercise(&path.to_string_lossy())?;
        let mut source = Self {
            path: path.to_owned(),
            options: options.clone(),
            in_use,
            readiness: Readiness::new()
                .map_err(|source| CaptureError::Driver { operation: "epoll", source })?,
            link: Link::Gone,
            pending: None,
            lost: None,
            announced: None,
            sequence: Sequence::default(),
            stats: V4l2Stats::default(),
        };
        let device = source.open_device()?;
        source.pending = source.connect(device)?;
        Ok(source)
    }

    /// The path the device was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What frames are captured as at the moment; `None` without a signal.
    pub fn format(&self) -> Option<FrameFormat> {
        match &self.link {
            Link::Streaming(stream) => Some(stream.arrangement.format),
            Link::Waiting(_) | Link::Gone => None,
        }
    }

    /// What has been counted so far.
    pub fn stats(&self) -> V4l2Stats {
        self.stats
    }

    fn poll_stream(&mut self, ready: Ready) -> Result<Option<Captured>, CaptureError> {
        let Link::Streaming(stream) = &mut self.link else { return Ok(None) };
        if ready.tick && !ready.buffer && !stream.queue.is_starved() {
            stream.silent_ticks += 1;
        }
        let told = ready.event && stream.device.take_events();
        // A silent stream, and a driver that cannot tell, are asked at each tick.
        let due = ready.tick && (stream.silent_ticks > 0 || !stream.device.tells_changes());
        if told || due {
            let said = self.look_again()?;
            if said.is_some() || !matches!(self.link, Link::Streaming(_)) {
                return Ok(said);
            }
        }
        match self.take_frame() {
            Err(error) if signal::is_gone(&error) => Ok(self.lose(SignalLoss::DeviceGone)),
            Err(error) if signal::is_broken_stream(&error) => self.restart(),
            taken => taken,
        }
    }

    /// Takes the next whole frame, and says what has to be said before it.
    fn take_frame(&mut self) -> Result<Option<Captured>, CaptureError> {
        let Link::Streaming(stream) = &mut self.link else { return Ok(None) };
        loop {
            stream.queue.requeue()?;
            if stream.queue.is_starved() {
                let held = stream.queue.held();
                let said = std::mem::replace(&mut stream.starved, true);
                return Ok((!said).then_some(Captured::Starved { held }));
            }
            stream.starved = false;
            let Some(lent) = stream.queue.take()? else { return Ok(None) };
            // Whatever the picture is worth, the number is taken and the device alive.
            let sequence = self.sequence.number(lent.buffer.sequence);
            stream.silent_ticks = 0;
            let Some(frame) = whole_frame(&stream.arrangement, lent) else {
                self.stats.damaged += 1;
                continue;
            };
            let frame = frame.with_sequence(sequence);
            stream.delivered = true;
            self.stats.frames += 1;
            let format = frame.format();
            let is_news = self.lost.take().is_some() || self.announced != Some(format);
            if !is_news {
                return Ok(Some(Captured::Frame(frame)));
            }
            self.announced = Some(format);
            self.say_next(Captured::Frame(frame));
            return Ok(Some(Captured::SignalChanged(format)));
        }
    }

    /// Compares the signal with what was set up.
    fn look_again(&mut self) -> Result<Option<Captured>, CaptureError> {
        let Link::Streaming(stream) = &self.link else { return Ok(None) };
        let device = Arc::clone(&stream.device);
        let unchanged = match signal::sense(&device) {
            Ok(Sensed::Lost(reason)) => return Ok(self.lose(reason)),
            Ok(Sensed::Timings(now)) => stream.timings.is_some_and(|set| signal::is_same(&set, &now)),
            Ok(Sensed::Present) => {
                stream.timings.is_none()
                    && device.layout()?.arrangement().as_ref() == Some(&stream.arrangement)
            }
            Err(error) if signal::is_gone(&error) => return Ok(self.lose(SignalLoss::DeviceGone)),
            Err(error) => return Err(error),
        };
        if !unchanged {
            return self.connect(device);
        }
        if stream.silent_ticks >= STALLED_TICKS {
            return Ok(self.lose(SignalLoss::Stalled));
        }
        Ok(None)
    }

    /// Starts a stream anew that the driver broke off; one that breaks before its first frame is no use.
    fn restart(&mut self) -> Result<Option<Captured>, CaptureError> {
        let Link::Streaming(stream) = &self.link else { return Ok(None) };
        if !stream.delivered {
            return Ok(self.lose(SignalLoss::Stalled));
        }
        self.stats.restarts += 1;
        let device = Arc::clone(&stream.device);
        self.connect(device)
    }

    /// Looks whether a lost device or signal is back.
    fn reconnect(&mut self) -> Result<Option<Captured>, CaptureError> {
        let device = match &self.link {
            Link::Waiting(device) => {
                // Only to empty the queue: the signal is asked for in any case.
                device.take_events();
                Arc::clone(device)
            }
            Link::Gone => match self.open_device() {
                Ok(device) => device,
                Err(_) => return Ok(None),
            },
            Link::Streaming(_) => return Ok(None),
        };
        self.connect(device)
    }

    fn open_device(&self) -> Result<Arc<Device>, CaptureError> {
        let device = Device::open(&self.path)?;
        self.readiness.watch(device.as_fd()).map_err(|error| device.fault("epoll_ctl", error))?;
        Ok(Arc::new(device))
    }

    /// Sets the device up for its signal and starts the stream, or says why there is none.
    fn connect(&mut self, device: Arc<Device>) -> Result<Option<Captured>, CaptureError> {
        self.rest(&device)?;
        match self.try_connect(&device) {
            Ok(None) => Ok(None),
            Ok(Some(reason)) => Ok(self.lose(reason)),
            Err(error) if signal::is_gone(&error) => Ok(self.lose(SignalLoss::DeviceGone)),
            Err(error) => Err(error),
        }
    }

    fn try_connect(&mut self, device: &Arc<Device>) -> Result<Option<SignalLoss>, CaptureError> {
        let timings = match signal::sense(device)? {
            Sensed::Timings(timings) => Some(timings),
            Sensed::Present => None,
            Sensed::Lost(reason) => return Ok(Some(reason)),
        };
        let Some(arrangement) = device.set_up(timings, &self.options)? else {
            return Ok(Some(SignalLoss::Unsupported));
        };
        let options = &self.options;
        let queue =
            Queue::start(Arc::clone(device), options.buffers, self.readiness.waker(), options.exports)?;
        self.watch_buffers(device, true)?;
        self.sequence.restart();
        self.link = Link::Streaming(Box::new(Stream {
            device: Arc::clone(device),
            queue,
            arrangement,
            timings,
            silent_ticks: 0,
            starved: false,
            delivered: false,
        }));
        Ok(None)
    }

    /// Stops the stream, if there is one, and keeps the device.
    fn rest(&mut self, device: &Arc<Device>) -> Result<(), CaptureError> {
        self.watch_buffers(device, false)?;
        self.link = Link::Waiting(Arc::clone(device));
        Ok(())
    }

    /// Stops for a reason, and says it if it is new.
    fn lose(&mut self, reason: SignalLoss) -> Option<Captured> {
        let device = match &self.link {
            Link::Streaming(stream) => Some(Arc::clone(&stream.device)),
            Link::Waiting(device) => Some(Arc::clone(device)),
            Link::Gone => None,
        };
        if let Some(device) = device {
            // A descriptor that cannot be watched any more is of a device that is gone.
            if reason == SignalLoss::DeviceGone || self.rest(&device).is_err() {
                let _ = self.readiness.forget(device.as_fd());
                self.link = Link::Gone;
            }
        }
        (self.lost.replace(reason) != Some(reason)).then_some(Captured::SignalLost(reason))
    }

    fn watch_buffers(&self, device: &Device, streaming: bool) -> Result<(), CaptureError> {
        let watched = self.readiness.watch_buffers(device.as_fd(), streaming);
        watched.map_err(|error| device.fault("epoll_ctl", error))
    }

    /// Keeps something for the next poll, and makes the source ready for that.
    fn say_next(&mut self, captured: Captured) {
        self.pending = Some(captured);
        self.readiness.waker().wake();
    }
}

impl Declare for V4l2Source {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

impl FrameSource for V4l2Source {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        if let Some(said) = self.pending.take() {
            return Ok(Some(said));
        }
        let ready = self.readiness.take();
        let ready = ready.map_err(|source| CaptureError::Driver { operation: "epoll_wait", source })?;
        match &self.link {
            Link::Streaming(_) => self.poll_stream(ready),
            Link::Waiting(_) | Link::Gone if ready.tick || ready.event => self.reconnect(),
            Link::Waiting(_) | Link::Gone => Ok(None),
        }
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        Some(self.readiness.as_fd())
    }
}

/// What a [`V4l2Source`] has counted since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct V4l2Stats {
    /// Frames handed out.
    pub frames: u64,
    /// Frames not handed out because the driver marked them as damaged (`V4L2_BUF_FLAG_ERROR`) or they were
    /// not whole.
    pub damaged: u64,
    /// Streams started anew because the driver broke them off.
    pub restarts: u64,
}

/// How the source stands to its device.
#[derive(Debug)]
enum Link {
    /// There is no device under the path.
    Gone,
    /// There is a device, and it has no signal.
    Waiting(Arc<Device>),
    /// Buffers go back and forth.
    Streaming(Box<Stream>),
}

#[derive(Debug)]
struct Stream {
    device: Arc<Device>,
    queue: Queue,
    arrangement: Arrangement,
    /// What the receiver was set to, if it has timings.
    timings: Option<DvTimings>,
    /// Ticks since the last buffer, not counting those without a buffer to fill.
    silent_ticks: u32,
    /// Whether it was said that all buffers are held.
    starved: bool,
    /// Whether there has been a frame.
    delivered: bool,
}

/// The frame in a buffer, unless it is damaged or not whole.
fn whole_frame(arrangement: &Arrangement, lent: Lent) -> Option<Frame> {
    if lent.buffer.flags & Buffer::FLAG_ERROR != 0 {
        return None;
    }
    let frame = arrangement.frame(lent.memory).ok()?.with_dmabuf(lent.dmabuf);
    Some(frame.with_timestamp(timestamp(&lent.buffer)))
}

/// The driver's time. For the few drivers that stamp with another clock it is the time of now: this is the edge
/// of the crate where a clock may be read.
fn timestamp(buffer: &Buffer) -> Timestamp {
    let (seconds, micros) = if buffer.is_monotonic() {
        (buffer.timestamp.seconds, buffer.timestamp.micros)
    } else {
        let now = clock_gettime(ClockId::Monotonic);
        (now.tv_sec, now.tv_nsec / 1000)
    };
    let micros = seconds.saturating_mul(1_000_000).saturating_add(micros);
    Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Silent ticks after which a device that claims a signal counts as stalled: 3 s, longer than any mode takes
/// between two frames.
const STALLED_TICKS: u32 = 6;
