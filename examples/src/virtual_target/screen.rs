//! The simulated computer's screen, as a capture device would deliver it.

use std::time::Duration;

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{
    CaptureError, Captured, Colour, Frame, FrameFormat, FrameSource, PixelFormat, SignalLoss, Timestamp,
};
use rustix::time::{ClockId, clock_gettime};

use super::VirtualTarget;

/// The cable to a [`VirtualTarget`]'s screen: 60 frames a second whether or not anything changes, as HDMI capture
/// gives them, stamped with `CLOCK_MONOTONIC`.
///
/// It has no descriptor to wait on: ask it every few milliseconds.
#[derive(Debug)]
pub struct VirtualScreen {
    target: VirtualTarget,
    /// The newest frame and the number of its picture.
    newest: Option<(Frame, u64)>,
    said: Said,
    due: Timestamp,
    sequence: u64,
}

/// What was last said about the signal.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Live(FrameFormat),
    Lost(SignalLoss),
}

const INTERVAL: Duration = Duration::from_micros(16_667);

impl VirtualScreen {
    pub(super) fn new(target: VirtualTarget) -> Self {
        Self { target, newest: None, said: Said::Nothing, due: Timestamp::default(), sequence: 0 }
    }
}

impl Declare for VirtualScreen {
    /// Nothing: this screen is a part of the program, not a device.
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for VirtualScreen {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        let now = monotonic_now();
        if now < self.due {
            return Ok(None);
        }
        let mut machine = self.target.attend();
        if let Some(loss) = machine.signal_loss() {
            self.newest = None;
            let is_news = self.said != Said::Lost(loss);
            self.said = Said::Lost(loss);
            return Ok(is_news.then_some(Captured::SignalLost(loss)));
        }
        let (canvas, picture) = machine.picture();
        let format = FrameFormat::new(PixelFormat::Bgrx, canvas.width_px(), canvas.height_px());
        if self.said != Said::Live(format) {
            self.said = Said::Live(format);
            return Ok(Some(Captured::SignalChanged(format)));
        }
        let frame = match &self.newest {
            Some((frame, number)) if *number == picture => frame.clone(),
            _ => canvas.to_frame(PixelFormat::Bgrx, Colour::RGB),
        };
        let frame = frame.with_timestamp(now).with_sequence(self.sequence);
        self.newest = Some((frame.clone(), picture));
        self.sequence += 1;
        // A late poll does not make the next frame late as well, and never brings two at once.
        let next = Timestamp::from_micros(self.due.as_micros() + micros(INTERVAL));
        self.due = if next.as_micros() + micros(INTERVAL) < now.as_micros() { now } else { next };
        Ok(Some(Captured::Frame(frame)))
    }
}

fn monotonic_now() -> Timestamp {
    let now = clock_gettime(ClockId::Monotonic);
    let since_boot = Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0));
    Timestamp::from_micros(micros(since_boot))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
