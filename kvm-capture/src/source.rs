//! Where frames come from.

use std::fmt::Debug;
use std::os::fd::BorrowedFd;

use kvm_audit::Declare;

use crate::{CaptureError, Captured};

/// A place frames come from.
///
/// The consumer pulls, because only it knows when it can take another frame: a source that pushed would have to
/// queue or to drop without knowing which frame is worth keeping. Nothing blocks. Whoever drives the source
/// waits on [`readiness`](Self::readiness) in its own way, or asks at its own rate; it polls until the answer is
/// `None` before it waits again.
///
/// Frames own their memory and may outlive the source. A frame held is a buffer the driver cannot fill, which
/// [`Captured::Starved`] tells. Loss of signal is a value, not an error: the source goes on and says when the
/// signal is back.
pub trait FrameSource: Declare + Debug + Send {
    /// Takes the next captured item, or `None` when there is nothing yet. Never blocks.
    ///
    /// # Errors
    ///
    /// The device answered in a way that the source cannot go on from by itself. The same call may be made
    /// again later; a source that cannot recover answers the same error again.
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError>;

    /// What to wait on before polling again: readable or exceptional means "poll". `None` means "ask whenever
    /// you like". May change after each poll.
    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

const _: Option<&dyn FrameSource> = None;

impl<T: FrameSource + ?Sized> FrameSource for Box<T> {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        (**self).poll_capture()
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        (**self).readiness()
    }
}
