//! An encoder as frames go in and coded pictures come out.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kvm_audit::{CapabilitySet, Declare, Grant, InUse, VideoCodec};
use rustix::event::{PollFd, PollFlags, Timespec};

use super::node::Node;
use super::session::Session;
use super::{EncoderOptions, M2mError, Rate, controls};
use crate::{FourCc, Frame, Timestamp};

/// A hardware encoder.
///
/// What it gives out are coded pictures as the device makes them; a stream of packets with labels is made of them by
/// the crate `kvm-stream`. Between the calls nothing happens in this process: no thread, no time.
///
/// Dropping it stops the device and lets go of all buffers; what is in flight is lost.
#[derive(Debug)]
pub struct EncoderDevice {
    // Dropped in this order: the release is recorded when the device is closed.
    session: Option<Session>,
    /// `None` after an error, until the next frame.
    node: Option<Arc<Node>>,
    in_use: InUse<VideoCodec>,
    path: PathBuf,
    options: EncoderOptions,
    code: FourCc,
    wants_key: bool,
    /// Whether the device was found not to read the buffers of others.
    refuses_imports: bool,
    /// How long somebody waited since something came out.
    silence: Duration,
}

/// One coded picture, or a part of it: drivers may give headers a buffer of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coded {
    /// What the device made, in its coded format.
    pub payload: Bytes,
    /// Whether the driver marks it as a key picture (`V4L2_BUF_FLAG_KEYFRAME`). Some never do, vicodec among them.
    pub is_marked_key: bool,
    /// Width of the picture in pixels.
    pub width_px: u32,
    /// Height of the picture in pixels.
    pub height_px: u32,
    /// When the frame was captured.
    pub timestamp: Timestamp,
    /// The number of the frame.
    pub sequence: u64,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Submitted {
    /// The device has it.
    Taken,
    /// Not now: coded pictures have to be taken first.
    Later,
}

impl EncoderDevice {
    /// Opens an encoder, with the default [`EncoderOptions`].
    ///
    /// # Errors
    ///
    /// The grant does not cover the path, the device cannot be opened, is busy, or is no encoder.
    pub fn open(path: impl AsRef<Path>, grant: Grant<VideoCodec>) -> Result<Self, M2mError> {
        Self::open_with(path, grant, EncoderOptions::new())
    }

    /// Opens an encoder as the options say.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and where the device has none of the coded formats, or no control of the rate
    /// that was asked for.
    pub fn open_with(
        path: impl AsRef<Path>,
        grant: Grant<VideoCodec>,
        options: EncoderOptions,
    ) -> Result<Self, M2mError> {
        let path = path.as_ref();
        let in_use = grant.exercise(&path.to_string_lossy())?;
        let node = Node::open(path)?;
        let code = choose_code(&node.codes, &options.coded).ok_or_else(|| M2mError::Unsuitable {
            path: path.to_owned(),
            reason: "it has none of the coded formats asked for",
        })?;
        if let Some(rate) = options.rate {
            controls::set_rate(&node, code, rate)?;
        }
        Ok(Self {
            session: None,
            node: Some(Arc::new(node)),
            in_use,
            path: path.to_owned(),
            options,
            code,
            wants_key: false,
            refuses_imports: false,
            silence: Duration::ZERO,
        })
    }

    /// The path the device was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The coded format, as V4L2 names it: `H264`, `MJPG`, `FWHT`, ...
    pub fn code(&self) -> FourCc {
        self.code
    }

    /// What was chosen about it, with the [rate](Self::set_rate) as it is now.
    pub fn options(&self) -> &EncoderOptions {
        &self.options
    }

    /// Frames that were taken and have not come out.
    pub fn in_flight(&self) -> usize {
        self.session.as_ref().map_or(0, Session::in_flight)
    }

    /// Whether the device reads frames where they are, without a copy. `false` before the first.
    pub fn reads_in_place(&self) -> bool {
        self.session.as_ref().is_some_and(Session::imports)
    }

    /// What to wait on before the next [`poll_coded`](Self::poll_coded): readable when something is coded, writable
    /// when the device has read a frame. `None` as long as no frame was taken, and after an error.
    pub fn readiness(&self) -> Option<BorrowedFd<'_>> {
        self.session.as_ref().map(AsFd::as_fd)
    }

    /// Makes the next frame a key picture.
    pub fn request_keyframe(&mut self) {
        self.wants_key = true;
    }

    /// Changes how many bytes are spent on how much quality, from the next frame on or as soon as the driver can.
    ///
    /// # Errors
    ///
    /// The device has no such control. The stream goes on.
    pub fn set_rate(&mut self, rate: Rate) -> Result<(), M2mError> {
        if let Some(node) = &self.node {
            controls::set_rate(node, self.code, rate)?;
        }
        self.options.rate = Some(rate);
        Ok(())
    }

    /// Gives the device a frame. Never waits.
    ///
    /// It is set up for the first frame, and for one of another format when what is in flight has come out.
    ///
    /// # Errors
    ///
    /// The device does not take such pictures, is busy or gone, or does not do what it should. But for the first of
    /// these it is closed, what is in flight is lost, and the next frame opens it again and becomes a key picture.
    pub fn submit(&mut self, frame: &Frame) -> Result<Submitted, M2mError> {
        let submitted = self.try_submit(frame);
        self.close_after(submitted)
    }

    /// Takes the next coded picture, or `None` when there is nothing yet. Never waits.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    pub fn poll_coded(&mut self) -> Result<Option<Coded>, M2mError> {
        let polled = self.session.as_mut().map_or(Ok(None), Session::poll);
        if matches!(polled, Ok(Some(_))) {
            self.silence = Duration::ZERO;
        }
        self.close_after(polled)
    }

    /// Tells the device that no more frames come for now; what is in flight still comes out. Never waits. The next
    /// frame begins a new stream, with a key picture.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    pub fn begin_drain(&mut self) -> Result<(), M2mError> {
        let begun = self.session.as_mut().map_or(Ok(()), Session::begin_drain);
        self.close_after(begun)
    }

    /// Gives the device a frame and waits, no longer than the timeout, until nothing is in flight. What comes out is
    /// added to `out`. Answers whether the device took the frame; one that lags behind may not.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), and when nothing has come out for two seconds of such waiting.
    pub fn wait_encoded(
        &mut self,
        frame: &Frame,
        timeout: Duration,
        out: &mut Vec<Coded>,
    ) -> Result<bool, M2mError> {
        let deadline = Instant::now() + timeout;
        while self.submit(frame)? == Submitted::Later {
            self.collect(out)?;
            if !self.could_take()? && !self.wait_ready(deadline)? {
                return Ok(false);
            }
        }
        self.wait_landed(deadline, out)?;
        Ok(true)
    }

    /// Waits, no longer than the timeout, for everything in flight, which is added to `out`.
    ///
    /// # Errors
    ///
    /// As for [`wait_encoded`](Self::wait_encoded).
    pub fn wait_coded(&mut self, timeout: Duration, out: &mut Vec<Coded>) -> Result<(), M2mError> {
        self.wait_landed(Instant::now() + timeout, out)
    }

    /// Drains the device and stops it: its buffers are released, and frames it held are let go of. The next frame
    /// begins a new stream. Answers whether everything came out in time; what did not is lost.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    pub fn wait_drained(&mut self, timeout: Duration, out: &mut Vec<Coded>) -> Result<bool, M2mError> {
        let deadline = Instant::now() + timeout;
        self.begin_drain()?;
        let is_drained = loop {
            self.collect(out)?;
            if self.session.as_ref().is_none_or(Session::is_over) {
                break true;
            }
            if !self.wait_ready(deadline)? {
                break false;
            }
        };
        self.session = None;
        Ok(is_drained)
    }

    fn try_submit(&mut self, frame: &Frame) -> Result<Submitted, M2mError> {
        if frame.image().is_none() {
            return Err(M2mError::Format { format: frame.format() });
        }
        if let Some(session) = &mut self.session {
            if !session.fits(frame, !self.refuses_imports) {
                session.begin_drain()?;
                if !session.is_over() {
                    return Ok(Submitted::Later);
                }
                self.session = None;
            }
        }
        let Some(session) = &mut self.session else { return self.begin(frame) };
        if session.is_over() {
            session.restart()?;
        }
        if !session.has_room()? {
            return Ok(Submitted::Later);
        }
        if self.wants_key && session.has_begun && !is_intra(self.code) {
            let forced = self.node.as_ref().is_some_and(|node| controls::force_key_picture(node));
            if !forced {
                session.begin_drain()?;
                if !session.is_over() {
                    return Ok(Submitted::Later);
                }
                session.restart()?;
            }
        }
        session.send(frame)?;
        self.wants_key = false;
        Ok(Submitted::Taken)
    }

    /// Begins a stream with this frame.
    fn begin(&mut self, frame: &Frame) -> Result<Submitted, M2mError> {
        let node = match &self.node {
            Some(node) => Arc::clone(node),
            None => Arc::clone(self.node.insert(Arc::new(Node::open(&self.path)?))),
        };
        if frame.dmabuf().is_none() || self.refuses_imports {
            return self.begin_with(node, frame, false);
        }
        if let Ok(submitted) = self.begin_with(Arc::clone(&node), frame, true) {
            return Ok(submitted);
        }
        // Where copying works it was the buffers, and the device is not asked again. Else this says what it was.
        let submitted = self.begin_with(node, frame, false)?;
        self.refuses_imports = true;
        Ok(submitted)
    }

    fn begin_with(
        &mut self,
        node: Arc<Node>,
        frame: &Frame,
        may_import: bool,
    ) -> Result<Submitted, M2mError> {
        let mut session = Session::start(node, self.code, frame, &self.options, may_import)?;
        session.send(frame)?;
        self.session = Some(session);
        self.wants_key = false;
        self.silence = Duration::ZERO;
        Ok(Submitted::Taken)
    }

    /// Whether a frame that was not taken is worth another try.
    fn could_take(&mut self) -> Result<bool, M2mError> {
        let could =
            self.session.as_mut().map_or(Ok(true), |session| Ok(session.is_over() || session.has_room()?));
        self.close_after(could)
    }

    fn wait_landed(&mut self, deadline: Instant, out: &mut Vec<Coded>) -> Result<(), M2mError> {
        loop {
            self.collect(out)?;
            if self.in_flight() == 0 || !self.wait_ready(deadline)? {
                return Ok(());
            }
        }
    }

    fn collect(&mut self, out: &mut Vec<Coded>) -> Result<(), M2mError> {
        while let Some(coded) = self.poll_coded()? {
            out.push(coded);
        }
        Ok(())
    }

    /// Waits until the driver has something to say; `false` if it has not by the deadline.
    fn wait_ready(&mut self, deadline: Instant) -> Result<bool, M2mError> {
        let Some(session) = &self.session else { return Ok(false) };
        let begin = Instant::now();
        let mut waited = wait(session.as_fd(), deadline.saturating_duration_since(begin));
        self.silence += begin.elapsed();
        if self.silence > LONGEST_SILENCE && matches!(waited, Ok(false)) {
            waited = Err(M2mError::Misbehaved { what: "has given out nothing for two seconds" });
        }
        self.close_after(waited)
    }

    /// Closes the device after an error that leaves it in an unknown state.
    fn close_after<T>(&mut self, result: Result<T, M2mError>) -> Result<T, M2mError> {
        if result.as_ref().is_err_and(|error| !error.is_harmless()) {
            (self.session, self.node) = (None, None);
        }
        result
    }
}

impl Declare for EncoderDevice {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

/// Waits for the driver of a streaming device.
fn wait(device: BorrowedFd<'_>, timeout: Duration) -> Result<bool, M2mError> {
    let failed = |source| M2mError::Driver { operation: "poll", source };
    let mut waiting = [PollFd::from_borrowed_fd(device, PollFlags::IN | PollFlags::OUT)];
    let limit = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    match rustix::event::poll(&mut waiting, Some(&limit)) {
        Ok(0) => Ok(false),
        // A driver that has failed says nothing but that, again and again.
        Ok(_) if !waiting[0].revents().intersects(PollFlags::IN | PollFlags::OUT) => {
            Err(failed(io::Error::from(rustix::io::Errno::IO)))
        }
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(failed(error.into())),
    }
}

/// The first of the preferred formats that is offered; H.264 or else the first, if there is no preference.
fn choose_code(offered: &[FourCc], preferred: &[FourCc]) -> Option<FourCc> {
    if preferred.is_empty() {
        let h264 = offered.iter().find(|code| **code == FourCc(*b"H264"));
        return h264.or(offered.first()).copied();
    }
    preferred.iter().find(|code| offered.contains(code)).copied()
}

/// Whether every picture of the format is a key picture.
fn is_intra(code: FourCc) -> bool {
    matches!(&code.0, b"JPEG" | b"MJPG")
}

/// How long a device may give out nothing while somebody waits. No encoder takes a tenth of that for a picture.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coded_format_is_the_one_asked_for() {
        let [h264, mjpg, vp80] = [*b"H264", *b"MJPG", *b"VP80"].map(FourCc);
        assert_eq!(choose_code(&[mjpg, h264], &[]), Some(h264));
        assert_eq!(choose_code(&[vp80, mjpg], &[]), Some(vp80));
        assert_eq!(choose_code(&[mjpg, h264], &[vp80, mjpg]), Some(mjpg));
        assert_eq!(choose_code(&[mjpg, h264], &[vp80]), None);
    }
}
