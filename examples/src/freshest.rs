//! The newest frame of a capture device, for a machine that is slower than the device.

use std::os::fd::BorrowedFd;

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{CaptureError, Captured, FrameSource};

/// Hands on the newest frame that waits in a source and gives older ones back at once.
///
/// A driver queues frames in the order they come. Who takes the oldest and works on it for longer than the next one
/// takes to come is a whole queue late, for ever.
#[derive(Debug)]
pub struct Freshest<S> {
    source: S,
    /// What came behind the frame that was handed on.
    next: Option<Result<Captured, CaptureError>>,
}

impl<S> Freshest<S> {
    /// Hands on the newest frames of this source.
    pub fn new(source: S) -> Self {
        Self { source, next: None }
    }
}

impl<S: FrameSource> FrameSource for Freshest<S> {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        let mut captured = match self.next.take() {
            Some(next) => Some(next?),
            None => self.source.poll_capture()?,
        };
        for _ in 0..MOST_BUFFERS {
            if !matches!(captured, Some(Captured::Frame(_))) {
                break;
            }
            match self.source.poll_capture() {
                Ok(newer @ Some(Captured::Frame(_))) => captured = newer,
                other => {
                    self.next = other.transpose();
                    break;
                }
            }
        }
        Ok(captured)
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        if self.next.is_some() { None } else { self.source.readiness() }
    }
}

impl<S: Declare> Declare for Freshest<S> {
    fn capabilities(&self) -> CapabilitySet {
        self.source.capabilities()
    }
}

/// A driver's queue has no more (`VIDEO_MAX_FRAME` of linux/videodev2.h); a source without end would never let go.
const MOST_BUFFERS: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use kvm_capture::{Frame, FrameFormat, PixelFormat, SignalLoss};

    use super::*;

    #[derive(Debug)]
    struct Script(VecDeque<Option<Captured>>);

    impl FrameSource for Script {
        fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
            Ok(self.0.pop_front().flatten())
        }
    }

    impl Declare for Script {
        fn capabilities(&self) -> CapabilitySet {
            CapabilitySet::EMPTY
        }
    }

    #[test]
    fn older_frames_are_left_out_and_nothing_else_is() {
        let format = FrameFormat::new(PixelFormat::Grey, 1, 1);
        let frame = |number| {
            let frame = Frame::packed(format, Bytes::from_static(b"x")).unwrap();
            Some(Captured::Frame(frame.with_sequence(number)))
        };
        let lost = Some(Captured::SignalLost(SignalLoss::NoCable));
        let changed = Some(Captured::SignalChanged(format));
        let script = [changed, frame(1), frame(2), None, frame(3), lost, frame(4), None, None];
        let mut freshest = Freshest::new(Script(script.into()));
        let mut said = Vec::new();
        for _ in 0..6 {
            said.push(match freshest.poll_capture().unwrap() {
                Some(Captured::Frame(frame)) => frame.sequence().to_string(),
                Some(Captured::SignalLost(_)) => "lost".to_owned(),
                Some(Captured::SignalChanged(_)) => "changed".to_owned(),
                _ => "-".to_owned(),
            });
        }
        assert_eq!(said, ["changed", "2", "3", "lost", "4", "-"]);
    }
}
