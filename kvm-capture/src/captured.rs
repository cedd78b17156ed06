//! What a source has to say.

use std::fmt;

use crate::{Frame, FrameFormat};

/// What a [`FrameSource`](crate::FrameSource) has to say next.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Captured {
    /// A picture.
    Frame(Frame),
    /// There is a signal and its format is new; frames of it follow.
    SignalChanged(FrameFormat),
    /// There is no picture any more, and why. Said once per loss or change of reason.
    SignalLost(SignalLoss),
    /// Every buffer is in somebody's hands, so that the driver has none to fill. Said once each time.
    Starved {
        /// How many buffers are held.
        held: usize,
    },
}

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignalLoss {
    /// Nothing is connected, or the other side is off (V4L2: `ENOLINK`).
    NoCable,
    /// Something is connected, and the receiver cannot lock on to it (V4L2: `ENOLCK`).
    NoLock,
    /// The signal is beyond what the receiver can take (V4L2: `ERANGE`).
    OutOfRange,
    /// The receiver sees the signal, and this device or library cannot deliver its format.
    Unsupported,
    /// The driver says that there is a signal and delivers nothing.
    Stalled,
    /// The device is gone.
    DeviceGone,
    /// The source was finite and is at its end.
    Ended,
}

impl SignalLoss {
    /// What a person can do about it, as a sentence.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NoCable => "Check the cable, and that the target is on and awake.",
            Self::NoLock => "Replace the cable, or choose a lower resolution on the target.",
            Self::OutOfRange => "Choose a lower resolution or refresh rate on the target.",
            Self::Unsupported => "Choose another resolution or colour format on the target.",
            Self::Stalled => "Unplug and replug the capture device.",
            Self::DeviceGone => "Plug the capture device in again.",
            Self::Ended => "The recording is over.",
        }
    }
}

impl fmt::Display for SignalLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCable => "no cable",
            Self::NoLock => "no lock on the signal",
            Self::OutOfRange => "signal out of range",
            Self::Unsupported => "unsupported signal",
            Self::Stalled => "the capture device delivers nothing",
            Self::DeviceGone => "the capture device is gone",
            Self::Ended => "the source is at its end",
        })
    }
}

/// Where a frame's picture is from. What is not [`Live`](Self::Live) must never be shown as if it were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// The target sent it just now.
    Live,
    /// An earlier picture, shown again because no newer one came.
    Repeated,
    /// Drawn by a test pattern.
    Pattern,
    /// Read from a file.
    Replay,
    /// Drawn in place of a picture, because there is none.
    NoSignal(SignalLoss),
}
