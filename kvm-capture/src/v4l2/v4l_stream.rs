//! A stream of the `v4l` crate as a source of frames.

use std::fmt;
use std::io;

use ::v4l::buffer::Flags;
use ::v4l::io::mmap::Stream;
use ::v4l::io::traits::{CaptureStream, Stream as _};
use bytes::Bytes;
use kvm_audit::{CapabilitySet, Declare, Grant, InUse, VideoCapture};

use super::format::{Arrangement, PixelLayout};
use super::sequence::Sequence;
use super::signal;
use crate::{CaptureError, Captured, FourCc, Frame, FrameSource, SignalLoss, Timestamp};

/// Frames of a stream of the crate `v4l`, for programs that set their device up with it.
///
/// Its buffers cannot be lent out, so each frame is **copied**. It neither follows a signal nor tells why there
/// is none, and has no descriptor to wait on: ask at your own rate. [`V4l2Source`](crate::V4l2Source) does all
/// three. A poll never waits, whatever timeout the stream has.
pub struct V4lSource<'a> {
    stream: Stream<'a>,
    arrangement: Arrangement,
    in_use: InUse<VideoCapture>,
    sequence: Sequence,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The format is still to be said.
    Begun,
    Running,
    Gone,
}

impl<'a> V4lSource<'a> {
    /// Takes over a stream of two buffers or more, and the format its device was set to, and starts it.
    ///
    /// # Errors
    ///
    /// The grant does not cover the device, this crate has no word for the format, or the stream cannot start.
    pub fn new(
        mut stream: Stream<'a>,
        format: &::v4l::Format,
        grant: Grant<VideoCapture>,
    ) -> Result<Self, CaptureError> {
        let handle = stream.handle().fd();
        let path = std::fs::read_link(format!("/proc/self/fd/{handle}"))
            .map_err(|source| CaptureError::Driver { operation: "/proc/self/fd", source })?;
        let in_use = grant.exercise(&path.to_string_lossy())?;
        let layout = PixelLayout::single(
            FourCc(format.fourcc.repr),
            (format.width, format.height),
            format.field_order as u32,
            (format.colorspace as u32, format.quantization as u32),
            format.stride,
        );
        let unsuitable = |reason| CaptureError::Unsuitable { path: path.clone(), reason };
        let arrangement = layout.arrangement();
        let arrangement = arrangement.ok_or_else(|| unsuitable("its format is none that is known here"))?;
        // `next` queues the buffer it gave out last, at first the one with index 0, before it waits for
        // another. All others must be queued already, or it would wait for a device that has none. The first
        // that cannot be queued is the end of the list, or belongs to a stream that runs already.
        let queued = (1..).take_while(|&index| CaptureStream::queue(&mut stream, index).is_ok()).count();
        stream.start().map_err(|source| fault("VIDIOC_STREAMON", source))?;
        if queued == 0 && stream.handle().poll(POLLIN, 0).is_err() {
            return Err(unsuitable("its stream has fewer than two buffers"));
        }
        Ok(Self { stream, arrangement, in_use, sequence: Sequence::default(), state: State::Begun })
    }

    /// Copies the next whole frame, if there is one.
    fn copy_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        loop {
            if self.stream.handle().poll(POLLIN, 0).map_err(|source| fault("poll", source))? == 0 {
                return Ok(None);
            }
            let (buffer, meta) = match CaptureStream::next(&mut self.stream) {
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(fault("VIDIOC_DQBUF", error)),
            };
            let sequence = self.sequence.number(meta.sequence);
            let filled = &buffer[..buffer.len().min(meta.bytesused as usize)];
            if meta.flags.contains(Flags::ERROR) {
                continue;
            }
            let Ok(frame) = self.arrangement.frame([Bytes::copy_from_slice(filled)]) else { continue };
            let micros = meta.timestamp.sec.saturating_mul(1_000_000).saturating_add(meta.timestamp.usec);
            let timestamp = Timestamp::from_micros(u64::try_from(micros).unwrap_or(0));
            return Ok(Some(frame.with_timestamp(timestamp).with_sequence(sequence)));
        }
    }
}

impl Declare for V4lSource<'_> {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

impl FrameSource for V4lSource<'_> {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        match self.state {
            State::Begun => {
                self.state = State::Running;
                Ok(Some(Captured::SignalChanged(self.arrangement.format)))
            }
            State::Running => match self.copy_frame() {
                Err(error) if signal::is_gone(&error) => {
                    self.state = State::Gone;
                    Ok(Some(Captured::SignalLost(SignalLoss::DeviceGone)))
                }
                copied => Ok(copied?.map(Captured::Frame)),
            },
            State::Gone => Ok(None),
        }
    }
}

impl fmt::Debug for V4lSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V4lSource")
            .field("arrangement", &self.arrangement)
            .field("in_use", &self.in_use)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn fault(operation: &'static str, source: io::Error) -> CaptureError {
    CaptureError::Driver { operation, source }
}

/// `POLLIN` of `poll(2)`.
const POLLIN: i16 = 1;
