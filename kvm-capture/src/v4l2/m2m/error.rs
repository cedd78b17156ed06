//! What can go wrong with a codec device.

use std::io;
use std::path::PathBuf;

use crate::FrameFormat;

/// What can go wrong with a codec device, named by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum M2mError {
    /// The device cannot be opened.
    #[error("cannot open {path}")]
    Open {
        /// The device.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The device does all it can for other programs, or one of them keeps it to itself.
    #[error("{path} is busy: other programs use it")]
    Busy {
        /// The device.
        path: PathBuf,
    },
    /// The device is there, and it is no encoder this crate can use.
    #[error("{path} is no encoder to use: {reason}")]
    Unsuitable {
        /// The device.
        path: PathBuf,
        /// What is missing.
        reason: &'static str,
    },
    /// The grant does not cover the device.
    #[error(transparent)]
    OutOfScope(#[from] kvm_audit::OutOfScope),
    /// The device does not take such pictures, whether as they are or converted. The stream goes on.
    #[error("the device takes no pictures of {format}")]
    Format {
        /// The frame's format.
        format: FrameFormat,
    },
    /// The device has no control for what was asked. The stream goes on.
    #[error("the device has no control of its {what}")]
    Control {
        /// What was to be controlled.
        what: &'static str,
    },
    /// The driver refused an operation. The device was closed.
    #[error("{operation} failed")]
    Driver {
        /// The operation, as the kernel's documentation names it.
        operation: &'static str,
        /// What the driver said.
        source: io::Error,
    },
    /// What the device did cannot be used. It was closed.
    #[error("the device {what}")]
    Misbehaved {
        /// What it did.
        what: &'static str,
    },
}

impl M2mError {
    /// Whether the stream goes on as if nothing had been asked.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self, Self::Format { .. } | Self::Control { .. })
    }
}
